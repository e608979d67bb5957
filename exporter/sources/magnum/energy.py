"""Energy, and the highest load of the last minute, computed from the inverter's packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from exporter.fields import Kind, Metric, Number, Sample
from exporter.sources.magnum.devices import inverter
from exporter.sources.magnum.packet import Packet

LONGEST_INTERVAL = 1.0
_RESTARTS = "Restarts at 0 with the exporter, unless energy_state is set."

OUTPUT = Metric(
    "magnum_inverter_ac_output_joules_total",
    "Apparent energy to the AC load, summed packet by packet; gaps add nothing. " + _RESTARTS,
    Kind.COUNTER,
)
INPUT = Metric(
    "magnum_inverter_ac_input_joules_total",
    "Apparent energy from the AC input, summed packet by packet; gaps add nothing. " + _RESTARTS,
    Kind.COUNTER,
)
CHARGE = Metric(
    "magnum_inverter_dc_charge_joules_total",
    "Energy into the battery, summed packet by packet; gaps add nothing. " + _RESTARTS,
    Kind.COUNTER,
)
DISCHARGE = Metric(
    "magnum_inverter_dc_discharge_joules_total",
    "Energy out of the battery, summed packet by packet; gaps add nothing. " + _RESTARTS,
    Kind.COUNTER,
)
PEAK = Metric(
    "magnum_inverter_ac_output_watts_peak",
    "Highest apparent power of the AC load (magnum_inverter_ac_output_watts) within the last peak_window.",
)
COUNTERS = (OUTPUT, INPUT, CHARGE, DISCHARGE)
METRICS = (*COUNTERS, PEAK)

_POWERS: tuple[tuple[Metric, Number[Packet], int], ...] = (
    (OUTPUT, inverter.AC_OUTPUT_WATTS, 1),
    (INPUT, inverter.AC_INPUT_WATTS, 1),
    (CHARGE, inverter.DC_WATTS, 1),
    (DISCHARGE, inverter.DC_WATTS, -1),
)


class Meter:
    """Integrates power over the time between packets, and remembers the peak.

    A counter is absent until its power was known once.
    """

    def __init__(self, peak_window: float) -> None:
        self._peak_window = peak_window
        self._joules: dict[str, float] = {}
        self._last: dict[str, tuple[float, float]] = {}
        self._peaks: deque[tuple[float, float]] = deque()

    def restore(self, counters: Mapping[str, float]) -> None:
        """Go on from what was counted before the program was started; joules by metric."""
        self._joules.update((metric.name, counters[metric.name]) for metric in COUNTERS if metric.name in counters)

    def add(self, packet: Packet, at: float) -> None:
        """Take the inverter's packet received at monotonic `at`."""
        for metric, power, sign in _POWERS:
            watts = power.value(packet)
            if watts is None:
                self._last.pop(metric.name, None)
                continue
            one_way = max(0.0, sign * watts)
            before, watts_before = self._last.get(metric.name, (at, one_way))
            interval = at - before
            joules = interval * (one_way + watts_before) / 2 if interval <= LONGEST_INTERVAL else 0.0
            self._joules[metric.name] = self._joules.get(metric.name, 0.0) + joules
            self._last[metric.name] = at, one_way
        load = inverter.AC_OUTPUT_WATTS.value(packet)
        if load is not None:
            while self._peaks and self._peaks[-1][1] <= load:
                self._peaks.pop()
            self._peaks.append((at, load))
        while self._peaks and self._peaks[0][0] < at - self._peak_window:
            self._peaks.popleft()

    def counters(self) -> tuple[Sample, ...]:
        """Return the energies so far; joules."""
        return tuple(Sample(name, joules) for name, joules in self._joules.items())

    def peak(self) -> tuple[Sample, ...]:
        """Return the highest load within the window; watts."""
        return (Sample(PEAK.name, self._peaks[0][1]),) if self._peaks else ()
