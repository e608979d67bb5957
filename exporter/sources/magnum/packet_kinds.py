"""The kinds of packet on the Magnum network, one entry each.

Framing, voting, decoding, the metrics and the tool `listen` all read this table. To add a device to the bus, declare
its fields in a module of `devices` and add an entry for each kind of packet that it sends.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.fields import Field, Metric
from exporter.readings import Charge
from exporter.sources.magnum.devices import (
    battery_monitor,
    diversion_controller,
    generator_starter,
    inverter,
    remote,
    router,
    solar_controller,
)
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.voting import WHOLE_PACKETS, Rule, Tolerance

INVERTER_STALE_AFTER = 10.0
STALE_AFTER = 30.0


class Device(NamedTuple):
    """A device on the network, as `listen` shows it.

    Attributes:
        name: its name in a sentence.
        colour: its colour on a terminal (ANSI).
        usual: whether `listen` reports its absence.
    """

    name: str
    colour: str
    usual: bool = True


INVERTER = Device("inverter", "32")
REMOTE = Device("remote control", "36")
BATTERY_MONITOR = Device("battery monitor (BMK)", "33")
GENERATOR_STARTER = Device("generator starter (AGS)", "35")
ROUTER = Device("router (RTR)", "34")
SOLAR_CONTROLLER = Device("solar controller (PT-100)", "31", usual=False)
DIVERSION_CONTROLLER = Device("diversion load controller (ACLD)", "31", usual=False)


def _anything(_payload: bytes, _nominal_volts: int | None) -> bool:
    return True


def _nothing(_packet: Packet) -> None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class PacketKind:
    """One kind of packet.

    Attributes:
        name: its value of the label `frame`, and the group of its readings.
        device: the device that sends it.
        lengths: how many bytes it may have.
        fields: what its bytes mean.
        header: the first byte of an accessory's packet. None for the inverter and the remote: their packets have no
            header and are recognised by what they repeat (see `recognition`).
        constant: index of a byte that never changes.
        allowed: by index, the only values that a byte can have.
        plausible: returns whether a device could send these numbers, given the nominal battery volts if known.
        voting: how its packets are voted on; by default only whole packets, received alike twice in a row, count.
        stale_after: seconds after which its values are no longer shown.
        blinking: indexes of bytes that change all the time without news.
        unit: returns the address of the device, when several of one kind may be on the bus; only the first is read.
        solar_nominal_volts: returns the solar controller's nominal volts, when the packet has them.
        scaled_by_solar: whether its numbers are scaled by those volts, not by the inverter's.
        generator_runs: returns 1 while the generator starter runs the generator; only its packet has it.
        charge: returns the battery's state of charge, when the packet has it.
        full: returns whether the charger considers the battery full, when the packet has it.
    """

    name: str
    device: Device
    lengths: tuple[int, ...]
    fields: tuple[Field[Packet], ...]
    header: int | None = None
    constant: int | None = None
    allowed: Mapping[int, Container[int]] = field(default_factory=dict)
    plausible: Callable[[bytes, int | None], bool] = _anything
    voting: Rule = WHOLE_PACKETS
    stale_after: float = STALE_AFTER
    blinking: Container[int] = frozenset()
    unit: Callable[[bytes], int] | None = None
    solar_nominal_volts: Callable[[Packet], int | None] | None = None
    scaled_by_solar: bool = False
    generator_runs: Callable[[Packet], float | None] | None = None
    charge: Callable[[Packet], Charge | None] = _nothing
    full: Callable[[Packet], bool | None] = _nothing


_TABLE = (
    PacketKind(
        name="inverter",
        device=INVERTER,
        lengths=(inverter.CLASSIC_LENGTH, inverter.LENGTH),
        fields=inverter.FIELDS,
        plausible=inverter.plausible,
        voting=Rule(
            wide=(2, 4, 18),
            varying={
                2: Tolerance(5),
                4: Tolerance(10, signed=True),
                6: Tolerance(3),
                7: Tolerance(8),
                16: Tolerance(5),
                17: Tolerance(5),
            },
            patience=10,
        ),
        stale_after=INVERTER_STALE_AFTER,
        blinking=inverter.LEDS,
        full=inverter.full,
    ),
    PacketKind(
        name="remote",
        device=REMOTE,
        lengths=(remote.CLASSIC_LENGTH,),
        fields=remote.BASE + remote.CLASSIC_PAGE,
    ),
    *(
        PacketKind(
            name=remote.page_name(footer),
            device=REMOTE,
            lengths=(remote.LENGTH,),
            fields=remote.BASE + page,
            scaled_by_solar=footer == remote.SOLAR_VOLTS_FOOTER,
        )
        for footer, page in remote.PAGES.items()
    ),
    PacketKind(
        name="bmk",
        device=BATTERY_MONITOR,
        header=0x81,
        lengths=(18,),
        fields=battery_monitor.FIELDS,
        constant=battery_monitor.REVISION,
        allowed={battery_monitor.SOC: battery_monitor.STATES_OF_CHARGE},
        plausible=battery_monitor.plausible,
        voting=Rule(
            wide=(2, 4, 6, 8, 10, 12, 14),
            varying={2: Tolerance(100), 4: Tolerance(200, signed=True)},
            trending={1: Tolerance(2), 10: Tolerance(10, signed=True), 12: Tolerance(20)},
        ),
        charge=battery_monitor.charge,
    ),
    PacketKind(
        name="ags_a1",
        device=GENERATOR_STARTER,
        header=0xA1,
        lengths=(6,),
        fields=generator_starter.A1,
        constant=generator_starter.REVISION,
        allowed={generator_starter.STATE: generator_starter.STATES},
        voting=Rule(),
        generator_runs=generator_starter.RUNNING_FIELD.value,
    ),
    PacketKind(
        name="ags_a2",
        device=GENERATOR_STARTER,
        header=0xA2,
        lengths=(6,),
        fields=generator_starter.A2,
        voting=Rule(wide=(3,)),
    ),
    PacketKind(
        name="rtr",
        device=ROUTER,
        header=0x91,
        lengths=(2,),
        fields=router.FIELDS,
        constant=router.REVISION,
    ),
    PacketKind(
        name="pt100_c1",
        device=SOLAR_CONTROLLER,
        header=0xC1,
        lengths=(16,),
        fields=solar_controller.C1,
        voting=Rule(wide=(4, 6, 8), varying={4: Tolerance(10), 6: Tolerance(50, signed=True), 8: Tolerance(100)}),
        unit=solar_controller.unit,
        scaled_by_solar=True,
    ),
    PacketKind(
        name="pt100_c2",
        device=SOLAR_CONTROLLER,
        header=0xC2,
        lengths=(13,),
        fields=solar_controller.C2,
        unit=solar_controller.unit,
        solar_nominal_volts=solar_controller.nominal_volts,
        scaled_by_solar=True,
    ),
    PacketKind(
        name="pt100_c3",
        device=SOLAR_CONTROLLER,
        header=0xC3,
        # Sources disagree on the length; what follows the packet decides.
        lengths=(14, 15),
        fields=solar_controller.C3,
        unit=solar_controller.unit,
        scaled_by_solar=True,
    ),
    PacketKind(
        name="pt100_c4",
        device=SOLAR_CONTROLLER,
        header=0xC4,
        lengths=(8,),
        fields=solar_controller.C4,
        unit=solar_controller.unit,
        scaled_by_solar=True,
    ),
    PacketKind(
        name="acld",
        device=DIVERSION_CONTROLLER,
        header=0xD1,
        lengths=(8,),
        fields=diversion_controller.FIELDS,
    ),
)

PacketKinds = Mapping[str, PacketKind]
KINDS: PacketKinds = {kind.name: kind for kind in _TABLE}


def by_header(kinds: Iterable[PacketKind]) -> dict[int, PacketKind]:
    """Return the kinds of the accessories' packets by their first byte."""
    return {kind.header: kind for kind in kinds if kind.header is not None}


def metrics(kinds: PacketKinds = KINDS) -> tuple[Metric, ...]:
    """Return the metrics of all fields, each once."""
    fields = (each for kind in kinds.values() for each in kind.fields)
    return tuple({metric.name: metric for each in fields for metric in each.metrics}.values())
