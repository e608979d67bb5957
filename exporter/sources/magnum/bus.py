"""From bytes to readings: frames, voted on, decoded, with what follows from several of them. No I/O and no clock."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from exporter.fields import UNKNOWN, Field, Kind, Metric, Sample, decode
from exporter.readings import Charge, Reading
from exporter.sources.magnum import accessories, energy, inverter, models, remote, solar
from exporter.sources.magnum.framing import KINDS, Frame, Framer
from exporter.sources.magnum.hunting import Identity
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.voting import Restless, Rule, Voter

INVERTER_STALE_AFTER = 10.0
STALE_AFTER = 30.0
CLEAN_AFTER = 30.0
_FOREIGN_WINDOW = 60.0
_FOREIGN_ENOUGH = 10
_LED_CYCLES = 8
_LED_ENOUGH = 2

FRAMES = Metric("magnum_frames_total", "Packets accepted since the start, by kind.", Kind.COUNTER, ("frame",))
DISCARDED = Metric(
    "magnum_discarded_bytes_total",
    "Bytes since the start that were in no accepted packet; junk between packets does not count.",
    Kind.COUNTER,
)
DAMAGED = Metric(
    "magnum_damaged_total", "How often since the start a packet was not what it should have been.", Kind.COUNTER
)
RESYNCS = Metric(
    "magnum_resyncs_total", "How often since the start the inverter had to be found anew in the stream.", Kind.COUNTER
)
COMMANDS = Metric(
    "magnum_remote_commands_total",
    "Key presses at the remote since the start (remote packet, byte 0, two packets in a row).",
    Kind.COUNTER,
    ("command",),
)
SWAPPED = Metric("magnum_wires_swapped", "1 when what comes looks as it does with the two data wires exchanged.")
OTHER = Metric(
    "magnum_other_inverter_info",
    "Always 1. An inverter that also speaks on this port and is not read: give it a port of its own.",
    labels=("model", "revision", "stack_mode"),
)
OWN = (FRAMES, DISCARDED, DAMAGED, RESYNCS, COMMANDS, SWAPPED, OTHER)

FIELDS: Mapping[str, tuple[Field[Packet], ...]] = {
    "inverter": inverter.FIELDS,
    "remote": remote.BASE + remote.CLASSIC_PAGE,
    **{remote.page_name(footer): remote.BASE + page for footer, page in remote.PAGES.items()},
    "bmk": accessories.BMK,
    "ags_a1": accessories.AGS_A1,
    "ags_a2": accessories.AGS_A2,
    "rtr": accessories.RTR,
    "pt100_c1": solar.C1,
    "pt100_c2": solar.C2,
    "pt100_c3": solar.C3,
    "pt100_c4": solar.C4,
    "acld": solar.ACLD,
}
_WHOLE = Rule(patience=None, memory=2)
_RULES: Mapping[str, Rule] = {
    "inverter": Rule(
        wide=(2, 4, 18),
        restless={
            2: Restless(5),
            4: Restless(10, signed=True),
            6: Restless(3),
            7: Restless(8),
            16: Restless(5),
            17: Restless(5),
        },
        patience=10,
    ),
    "bmk": Rule(
        wide=(2, 4, 6, 8, 10, 12, 14),
        restless={2: Restless(100), 4: Restless(200, signed=True)},
        moving={1: Restless(2), 10: Restless(10, signed=True), 12: Restless(20)},
    ),
    "ags_a1": Rule(),
    "ags_a2": Rule(wide=(3,)),
    "pt100_c1": Rule(wide=(4, 6, 8), restless={4: Restless(10), 6: Restless(50, signed=True), 8: Restless(100)}),
}


@lru_cache(maxsize=256)
def _decoded(kind: str, packet: Packet) -> tuple[Sample, ...]:
    return decode(FIELDS[kind], packet)


class Bus:
    """One Magnum network, as heard on one port.

    Attributes:
        framer: the framer, for its counts.
        frames: how many packets of each kind were accepted.
        on_frame: called with each accepted frame, before voting; for those who want to watch.
    """

    def __init__(self, peak_window: float = 60.0, on_frame: Callable[[Frame], None] | None = None) -> None:
        self.framer = Framer()
        self.frames: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.on_frame = on_frame
        self._voters = {kind: Voter(_RULES.get(kind, _WHOLE)) for kind in KINDS}
        self._meter = energy.Meter(peak_window)
        self._lamps: deque[tuple[bool, bool]] = deque(maxlen=_LED_CYCLES)
        self._commands: Counter[str] = Counter(dict.fromkeys((*remote.COMMANDS.values(), UNKNOWN), 0))
        self._command = 0
        self._command_counted = False
        self._solar_unit: int | None = None
        self._solar_nominal_volts: int | None = None
        self._damage_at = -math.inf
        self._damage_seen = 0
        self._lone: tuple[bytes, bytes] = b"", b""
        self._foreign_since = -math.inf
        self._others: tuple[Identity, ...] = ()

    def feed(self, data: bytes, at: float, wall: float) -> list[Reading]:
        """Take a chunk received at monotonic `at`, which was Unix time `wall`; return the readings that come of it."""
        return self._take(self.framer.feed(data, at), at, wall)

    def silence(self, at: float, wall: float) -> list[Reading]:
        """Take note that the line has been silent for longer than within a packet."""
        return self._take(self.framer.flush(), at, wall)

    def reset(self) -> None:
        """Drop the bytes that wait for more, as after the port was lost."""
        self.framer.reset()

    def counters(self, at: float, wall: float) -> Reading:
        """Return what has been counted since the start, which does not grow old."""
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
                        models.name(other.model),
                        f"{other.revision / 10:.1f}",
                        inverter.STACK_MODES.get(other.stack_mode, UNKNOWN),
                    ),
                )
                for other in self._others
            ),
            *self._meter.counters(),
        )
        return Reading("counters", at, wall, math.inf, samples, alive=False)

    def scaled(self, kind: str, packet: Packet) -> Packet:
        """Return the packet with the nominal volts by which its numbers go: the solar controller has its own."""
        is_solar = kind.startswith("pt100") or kind == "remote_c3"
        return replace(packet, nominal_volts=self._solar_nominal_volts if is_solar else self.framer.nominal_volts)

    @property
    def others(self) -> tuple[Identity, ...]:
        """Other inverters that spoke here in the last minute."""
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
        kind, payload, at = frame
        self.frames[kind] += 1
        if self.on_frame:
            self.on_frame(frame)
        if kind == "inverter":
            payload = self._steady_lamps(payload)
            self._watch_for_lone(payload, at)
        elif kind.startswith("remote"):
            self._watch_command(payload[remote.COMMAND])
            payload = b"\0" + payload[1:]
        elif kind.startswith("pt100") and not self._is_our_solar(payload):
            return []
        voted = self._voters[kind].vote(payload, at, clean=at - self._damage_at > CLEAN_AFTER)
        if voted is None:
            return []
        if kind == "pt100_c2":
            self._solar_nominal_volts = solar.nominal_volts(voted)
        return [self._reading(kind, self.scaled(kind, voted), at, at + wall_offset)]

    def _reading(self, kind: str, packet: Packet, at: float, wall: float) -> Reading:
        samples = _decoded(kind, packet)
        if kind == "inverter":
            self._meter.add(packet, at)
            state = packet.payload[inverter.STATE] if packet.has(inverter.STATE) else None
            full = None if state is None else state in inverter.FULL
            return Reading(kind, at, wall, INVERTER_STALE_AFTER, samples + self._meter.peak(), full=full)
        charge = None
        if kind == "bmk" and packet.has(accessories.BMK_SOC):
            charge = Charge(accessories.SOC.value(packet), accessories.AMPERES.value(packet))
        return Reading(kind, at, wall, STALE_AFTER, samples, charge=charge)

    def _steady_lamps(self, payload: bytes) -> bytes:
        """Return the packet with each lamp lit that was lit lately: they blink every second cycle."""
        self._lamps.append((payload[inverter.INVERTER_LED] > 0, payload[inverter.CHARGER_LED] > 0))
        enough = min(_LED_ENOUGH, len(self._lamps))
        lit = bytes(sum(lamp) >= enough for lamp in zip(*self._lamps, strict=True))
        return payload[: inverter.INVERTER_LED] + lit + payload[inverter.REVISION :]

    def _watch_for_lone(self, payload: bytes, at: float) -> None:
        """Take a packet that differs from two equal neighbours for a sign of a noisy line."""
        before, last = self._lone
        if before == payload and last != payload and last:
            self._damage_at = at
        self._lone = last, payload

    def _watch_command(self, command: int) -> None:
        """Count a key press that two packets in a row show."""
        if command and command == self._command and not self._command_counted:
            self._commands[remote.COMMANDS.get(command, UNKNOWN)] += 1
            self._command_counted = True
        elif command != self._command:
            self._command_counted = False
        self._command = command

    def _is_our_solar(self, payload: bytes) -> bool:
        """Say whether this solar controller is the one that is shown: the first one heard."""
        if self._solar_unit is None:
            self._solar_unit = solar.unit(payload)
        return solar.unit(payload) == self._solar_unit
