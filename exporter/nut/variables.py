"""What the site's readings are in the names of Network UPS Tools. No I/O.

Source of the names: NUT, docs/nut-names.txt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter import NAME
from exporter.fields import Sample
from exporter.nut.config import BATTERY, DRIVER, NutConfig
from exporter.nut.protocol import Data
from exporter.nut.status import Battery, BatteryStatus, of_device
from exporter.site import Device, Site
from exporter.soc import Reason, Verdict
from toolkit.build import Build

POLL_SECONDS = 1
"""How often the variables are computed."""

_MISSING = frozenset({Reason.ABSENT, Reason.STALE})
"""Reasons that are a missing device, not a wrong value."""


class _Value(NamedTuple):
    """A variable and the metrics that have it, the best one first; the metric's unit times `factor` is NUT's."""

    variable: str
    metrics: tuple[str, ...]
    factor: float = 1.0


_OF_BATTERY = (
    _Value(
        "battery.voltage",
        (
            "magnum_bmk_volts",
            "modbus_battery_volts",
            "vedirect_battery_volts",
            "classic_battery_volts",
            "magnum_inverter_dc_volts",
        ),
    ),
    _Value(
        "battery.temperature",
        (
            "classic_whizbang_shunt_celsius",
            "vedirect_celsius",
            "classic_battery_celsius",
            "magnum_inverter_battery_celsius",
        ),
    ),
)
_OF_INVERTER = (
    _Value("input.voltage", ("magnum_inverter_ac_input_volts",)),
    _Value("output.voltage", ("magnum_inverter_ac_output_volts",)),
    _Value("output.frequency", ("magnum_inverter_ac_frequency_hertz",)),
    _Value("ups.power", ("magnum_inverter_ac_output_watts",)),  # its help says: apparent power
    _Value("ups.temperature", ("magnum_inverter_fet_celsius",)),
)
_OF_DEVICE = (
    _Value("battery.voltage", ("aims_battery_volts",)),
    _Value("battery.voltage.nominal", ("aims_rated_battery_volts",)),
    _Value("output.voltage", ("aims_output_volts",)),
    _Value("output.voltage.nominal", ("aims_rated_volts",)),
    _Value("output.current.nominal", ("aims_rated_amperes",)),
    _Value("output.frequency.nominal", ("aims_rated_frequency_hertz",)),
    _Value("ups.load", ("aims_load_ratio",), 100),
    _Value("ups.temperature", ("aims_celsius",)),
)
_OF_UTILITY = (
    _Value("input.voltage", ("aims_input_volts",)),
    _Value("input.frequency", ("aims_frequency_hertz",)),
)
_FLAGS = "aims_status"


class Variables:
    """Turns the state of the site into what upsd receives.

    Args:
        options: which source, and when its battery is low.
        build: the version that upsd shows.
    """

    def __init__(self, options: NutConfig, build: Build) -> None:
        self._options = options
        self._battery = BatteryStatus(options.low, options.low_runtime)
        self._driver = {
            "device.type": "ups",
            "driver.name": DRIVER,
            "driver.version": build.version,
            "driver.parameter.port": "auto",
            "driver.parameter.pollinterval": str(POLL_SECONDS),
        }

    def update(self, site: Site, now: float) -> Data:
        """Return what upsd receives at monotonic `now`; the status depends on the earlier calls."""
        if self._options.source == BATTERY:
            verdict = site.verdict(now)
            status = self._battery.update(_battery(verdict), now, site.max_age)
            values, alarms = self._of_battery(site, verdict, now), (*_refused(verdict), *_faults(site, now))
        else:
            device = site.devices.get(self._options.source)
            flags = {} if device is None else _flags(device, now)
            status = of_device(flags)
            values = {} if device is None else _of_device(device, flags, now)
            alarms = (f"{self._options.source}: failed",) if flags.get("failed") else ()
        if status is None:
            return Data(self._driver, stale=True)
        alarm = {"ups.alarm": "; ".join(alarms)} if alarms else {}
        words = f"ALARM {status}" if alarms else status
        return Data({**self._driver, **values, **alarm, "ups.status": words}, stale=False)

    def _of_battery(self, site: Site, verdict: Verdict, now: float) -> dict[str, str]:
        if verdict.lead is None or verdict.ratio is None:
            return {}
        lead = [site.devices[verdict.lead]] if verdict.lead in site.devices else []
        others = list(site.devices.values())
        bank = site.banks.get(verdict.lead)
        volts = None if bank is None else bank.state(now).volts
        inverter = next((device for device in others if device.family.name == "magnum" and device.up(now)), None)
        model = None if inverter is None else _text(inverter, "magnum_inverter_info", "model", now)
        return {
            **_maker(*(("Magnum", model) if model else (NAME, "battery"))),
            "battery.charge": _number(verdict.ratio * 100),
            "battery.charge.low": _number(self._options.low * 100),
            "battery.runtime.low": f"{self._options.low_runtime:.0f}",
            **({} if verdict.seconds_to_empty is None else {"battery.runtime": f"{verdict.seconds_to_empty:.0f}"}),
            **({} if verdict.amperes is None else {"battery.current": _number(verdict.amperes)}),
            **_first_of(_OF_BATTERY, (*lead, *others), now),
            **({} if volts is None else {"battery.voltage": _number(volts)}),
            **({} if inverter is None else _first_of(_OF_INVERTER, (inverter,), now)),
        }


def _battery(verdict: Verdict) -> Battery | None:
    return None if verdict.ratio is None else Battery(verdict.ratio, verdict.seconds_to_empty, verdict.amperes)


def _of_device(device: Device, flags: Mapping[str, bool], now: float) -> dict[str, str]:
    beeper = {"ups.beeper.status": "enabled" if flags["beeper_on"] else "disabled"} if "beeper_on" in flags else {}
    utility = _OF_UTILITY if flags.get("utility_fail") is False else ()
    return {
        **_maker("AIMS Power", "inverter (Megatec protocol)"),
        **beeper,
        **_first_of((*_OF_DEVICE, *utility), (device,), now),
    }


def _maker(maker: str, model: str) -> dict[str, str]:
    return {f"{part}.{name}": text for part in ("device", "ups") for name, text in (("mfr", maker), ("model", model))}


def _refused(verdict: Verdict) -> Iterator[str]:
    for source, opinion in verdict.opinions.items():
        if opinion.refused is not None and opinion.refused not in _MISSING:
            yield f"{source}: state of charge refused ({opinion.refused})"


def _faults(site: Site, now: float) -> Iterator[str]:
    for name, device in site.devices.items():
        for labels, value in _samples(device, "magnum_inverter_fault", now).items():
            if value and labels != ("none",):
                yield f"{name}: inverter fault {labels[0]}"


def _first_of(values: tuple[_Value, ...], devices: tuple[Device, ...], now: float) -> dict[str, str]:
    """Return the variables that a device has, of the first one that has it."""
    found: dict[str, str] = {}
    for device in devices:
        samples = {sample.metric: sample.value for sample in _fresh(device, now) if not sample.labels}
        for value in values:
            number = next((samples[metric] for metric in value.metrics if metric in samples), None)
            if number is not None:
                found.setdefault(value.variable, _number(number * value.factor))
    return found


def _samples(device: Device, metric: str, now: float) -> dict[tuple[str, ...], float]:
    """Return the fresh samples of a metric by the values of their labels."""
    return {sample.labels: sample.value for sample in _fresh(device, now) if sample.metric == metric}


def _fresh(device: Device, now: float) -> Iterator[Sample]:
    """Yield the fresh samples, the newest last."""
    for reading in reversed(tuple(device.fresh(now))):
        yield from reading.samples


def _flags(device: Device, now: float) -> dict[str, bool]:
    return {labels[0]: bool(value) for labels, value in _samples(device, _FLAGS, now).items()}


def _text(device: Device, metric: str, label: str, now: float) -> str | None:
    """Return the text that a device reports as a label of a metric."""
    names = next((one.labels for one in device.family.metrics if one.name == metric), ())
    return next((dict(zip(names, labels, strict=True))[label] for labels in _samples(device, metric, now)), None)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
