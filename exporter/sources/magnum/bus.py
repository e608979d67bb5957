"""From bytes to readings: packets are framed, voted on and decoded. No I/O and no clock."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from exporter.fields import UNKNOWN, Kind, Metric, Sample, decode
from exporter.readings import Reading
from exporter.sources.magnum import energy
from exporter.sources.magnum.devices import inverter, inverter_models, remote
from exporter.sources.magnum.devices.inverter import Identity
from exporter.sources.magnum.framing import Frame, Framer
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import INVERTER, KINDS, REMOTE, Device, PacketKind, PacketKinds
from exporter.sources.magnum.recent import MEAN_SECONDS, Recent
from exporter.sources.magnum.run_time import RUN_SECONDS, RunTime
from exporter.sources.magnum.voting import Voter
from toolkit.homeassistant.options import DIAGNOSTIC, PROBLEM, EntityOptions, Form

CLEAN_AFTER = 30.0
"""Seconds after the last sign of damage until the line counts as clean: other damage shows in values alone."""

_FOREIGN_WINDOW = 60.0
"""Seconds for which the packets of other inverters are counted."""

_FOREIGN_ENOUGH = 10
"""Packets of another inverter in that time that are no accident: a flipped bit in every second packet makes the same
identity up to four times a minute."""

_LED_CYCLES = 8
"""Packets of the inverter in which a lamp may have been lit: two periods of one that blinks, lit in two of four."""

_LED_ENOUGH = 2
"""Those in which it has to be lit: one may be a flipped bit, since lamps are read before packets are voted on."""

FRAMES = Metric(
    "magnum_frames_total", "Packets accepted since the start, by kind.", Kind.COUNTER, ("frame",), entity=DIAGNOSTIC
)
DISCARDED = Metric(
    "magnum_discarded_bytes_total",
    "Bytes since the start that were in no accepted packet; junk between packets does not count.",
    Kind.COUNTER,
    entity=DIAGNOSTIC,
)
DAMAGED = Metric(
    "magnum_damaged_total", "How often since the start a damaged packet was dropped.", Kind.COUNTER, entity=DIAGNOSTIC
)
RESYNCS = Metric(
    "magnum_resyncs_total",
    "How often since the start the inverter was lost in the stream and searched for again.",
    Kind.COUNTER,
    entity=DIAGNOSTIC,
)
COMMANDS = Metric(
    "magnum_remote_commands_total",
    "Key presses at the remote since the start (remote packet, byte 0, two packets in a row).",
    Kind.COUNTER,
    ("command",),
    entity=DIAGNOSTIC,
)
SWAPPED = Metric(
    "magnum_wires_swapped",
    "1 while the bytes look as if the two data wires were swapped.",
    entity=EntityOptions(device_class=PROBLEM),
)
OTHER = Metric(
    "magnum_other_inverter_info",
    "Always 1. Another inverter that sends on this port and is not read: give it a port of its own.",
    labels=("model", "revision", "stack_mode"),
    entity=EntityOptions(form=Form.INFO, diagnostic=True),
)
OWN = (FRAMES, DISCARDED, DAMAGED, RESYNCS, COMMANDS, SWAPPED, OTHER, RUN_SECONDS)
DURABLE = frozenset(metric.name for metric in (*energy.COUNTERS, RUN_SECONDS))


@lru_cache(maxsize=256)
def _decoded(kind: PacketKind, packet: Packet) -> tuple[Sample, ...]:
    return decode(kind.fields, packet)


class Bus:
    """One Magnum network on one port.

    Attributes:
        kinds: the kinds of packet that it knows.
        framer: the framer, for its counters.
        frames: how many packets of each kind were accepted.
        on_frame: called with each accepted frame, before voting.
    """

    def __init__(
        self,
        peak_window: float = 60.0,
        on_frame: Callable[[Frame], None] | None = None,
        kinds: PacketKinds = KINDS,
    ) -> None:
        self.kinds = kinds
        self.framer = Framer(kinds)
        self.frames: Counter[str] = Counter(dict.fromkeys(kinds, 0))
        self.on_frame = on_frame
        self._voters = {name: Voter(kind.voting) for name, kind in kinds.items()}
        self._meter = energy.Meter(peak_window)
        self._recent = Recent(kinds)
        self._run_time = RunTime()
        self._lamps: deque[tuple[bool, bool]] = deque(maxlen=_LED_CYCLES)
        self._commands: Counter[str] = Counter(dict.fromkeys((*remote.COMMANDS.values(), UNKNOWN), 0))
        self._command = 0
        self._command_counted = False
        self._units: dict[Device, int] = {}
        self._solar_nominal_volts: int | None = None
        self._damage_at = -math.inf
        self._damage_seen = 0
        self._last_two: tuple[bytes, bytes] = b"", b""
        self._foreign_since = -math.inf
        self._others: tuple[Identity, ...] = ()

    def feed(self, data: bytes, at: float, wall: float, *, over: float = 0.0) -> list[Reading]:
        """Take a chunk; return the readings in it.

        Args:
            data: the bytes.
            at: monotonic seconds when the last of them was received.
            wall: Unix seconds of the same moment.
            over: seconds during which they were received, at an even pace.
        """
        return self._take(self.framer.feed(data, at, over=over), at, wall)

    def silence(self, at: float, wall: float) -> list[Reading]:
        """Take note that the line has been silent for longer than within a packet; return the last readings."""
        return self._take(self.framer.flush(), at, wall)

    def reset(self) -> None:
        """Drop the bytes of an incomplete packet, as after the port was lost."""
        self.framer.reset()

    def counters(self, at: float, wall: float) -> Reading:
        """Return the counters since the start; they never go stale."""
        framer = self.framer
        samples = (
            *(Sample(FRAMES.name, count, (kind,)) for kind, count in self.frames.items()),
            Sample(DISCARDED.name, framer.discarded),
            Sample(DAMAGED.name, framer.damaged),
            Sample(RESYNCS.name, framer.resyncs),
            Sample(SWAPPED.name, framer.swapped),
            *(Sample(COMMANDS.name, count, (command,)) for command, count in self._commands.items()),
            *(
                Sample(
                    OTHER.name,
                    1,
                    (
                        inverter_models.name(other.model),
                        f"{other.revision / 10:.1f}",
                        inverter.STACK_MODES.get(other.stack_mode, UNKNOWN),
                    ),
                )
                for other in self._others
            ),
            *self._meter.counters(),
            *self._run_time.counter(),
        )
        return Reading("counters", at, wall, math.inf, samples, alive=False)

    def restore(self, counters: Mapping[str, float]) -> None:
        """Go on from counters of energy and run time, by metric, before the first packet."""
        self._meter.restore(counters)
        if RUN_SECONDS.name in counters:
            self._run_time.restore(counters[RUN_SECONDS.name])

    def means(self, at: float, wall: float) -> Reading:
        """Return the means over the 5 s before monotonic `at`, Unix time `wall`."""
        return Reading("mean5s", at, wall, MEAN_SECONDS, self._recent.means(at), alive=False)

    def scaled(self, kind: PacketKind, packet: Packet) -> Packet:
        """Return the packet with the nominal volts by which its numbers are scaled."""
        volts = self._solar_nominal_volts if kind.scaled_by_solar else self.framer.nominal_volts
        return replace(packet, nominal_volts=volts)

    @property
    def others(self) -> tuple[Identity, ...]:
        """Other inverters that sent on this port in the last minute."""
        return self._others

    def _take(self, frames: list[Frame], at: float, wall: float) -> list[Reading]:
        readings = [reading for frame in frames for reading in self._read(frame, wall - at)]
        damage = self.framer.damaged + self.framer.resyncs
        if damage != self._damage_seen:
            self._damage_seen, self._damage_at = damage, at
        self._count_others(at)
        return readings

    def _count_others(self, at: float) -> None:
        if at - self._foreign_since >= _FOREIGN_WINDOW:
            seen = self.framer.foreign
            self._others = tuple(identity for identity, count in seen.items() if count >= _FOREIGN_ENOUGH)
            seen.clear()
            self._foreign_since = at

    def _read(self, frame: Frame, wall_offset: float) -> list[Reading]:
        kind, payload, at = self.kinds[frame.kind], frame.payload, frame.at
        self.frames[kind.name] += 1
        if self.on_frame:
            self.on_frame(frame)
        if kind.device is INVERTER:
            payload = self._steady_lamps(payload)
            self._watch_for_noise(payload, at)
        elif kind.device is REMOTE:
            self._watch_command(payload[remote.COMMAND])
            payload = b"\0" + payload[1:]
        elif kind.unit is not None and not self._is_first_unit(kind.device, kind.unit(payload)):
            return []
        voted = self._voters[kind.name].vote(payload, at, clean=at - self._damage_at > CLEAN_AFTER)
        if voted is None:
            return []
        if kind.solar_nominal_volts is not None:
            self._solar_nominal_volts = kind.solar_nominal_volts(voted)
        return [self._reading(kind, self.scaled(kind, voted), at, at + wall_offset)]

    def _reading(self, kind: PacketKind, packet: Packet, at: float, wall: float) -> Reading:
        samples = _decoded(kind, packet)
        if kind.device is INVERTER:
            self._meter.add(packet, at)
            samples += self._meter.peak()
        elif kind.generator_runs is not None:
            self._run_time.add(kind.generator_runs(packet), at)
        samples += self._recent.add(kind.name, packet, at)
        charge, full = kind.charge(packet), kind.full(packet)
        return Reading(kind.name, at, wall, kind.stale_after, samples, charge=charge, full=full)

    def _steady_lamps(self, payload: bytes) -> bytes:
        """Return the packet with each lamp lit that was lit lately: lamps blink every second cycle."""
        self._lamps.append((payload[inverter.INVERTER_LED] > 0, payload[inverter.CHARGER_LED] > 0))
        enough = min(_LED_ENOUGH, len(self._lamps))
        lit = bytes(sum(lamp) >= enough for lamp in zip(*self._lamps, strict=True))
        return payload[: inverter.INVERTER_LED] + lit + payload[inverter.REVISION :]

    def _watch_for_noise(self, payload: bytes, at: float) -> None:
        """Take a packet that differs from two equal neighbours as a sign of a noisy line."""
        before, last = self._last_two
        if before == payload and last != payload and last:
            self._damage_at = at
        self._last_two = last, payload

    def _watch_command(self, command: int) -> None:
        """Count a key press once two packets in a row show it."""
        if command and command == self._command and not self._command_counted:
            self._commands[remote.COMMANDS.get(command, UNKNOWN)] += 1
            self._command_counted = True
        elif command != self._command:
            self._command_counted = False
        self._command = command

    def _is_first_unit(self, device: Device, unit: int) -> bool:
        """Return whether this unit was the first of its kind to send: only that one is read."""
        return self._units.setdefault(device, unit) == unit
