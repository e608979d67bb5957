"""What the remote's accessories send: generator starter (AGS), battery monitor (BMK) and router (RTR)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial

from exporter.fields import Confidence, Field, Info, Kind, Number, States
from exporter.sources.magnum.packet import CAPTURE, MAGNUM2MQTT, PROTOCOL, PYMAGNUM, At, Packet, Worked

AGS_STATES: Mapping[int, str] = {
    0: "not_connected",
    1: "off",
    2: "ready",
    3: "manual_run",
    4: "ac_in",
    5: "quiet_time",
    6: "start_test",
    7: "start_temperature",
    8: "start_voltage",
    9: "fault_start_test",
    10: "fault_start_temperature",
    11: "fault_start_voltage",
    12: "start_time_of_day",
    13: "start_soc",
    14: "start_exercise",
    15: "fault_start_time_of_day",
    16: "fault_start_soc",
    17: "fault_start_exercise",
    18: "start_amps",
    19: "start_topoff",
    20: "start_full_soc",
    21: "fault_start_amps",
    22: "fault_topoff",
    23: "fault_full_soc",
    24: "fault_max_run",
    25: "run_fault",
    26: "warm_up",
    27: "cool_down",
}
AGS_RUNNING = frozenset({3, 6, 7, 8, 12, 13, 14, 18, 19, 20, 26, 27})
BMK_STATES: Mapping[int, str] = {1: "normal", 2: "fault_start"}

AGS_STATE = 1
AGS_REVISION = 2
BMK_SOC = 1
BMK_VOLTS = 2
BMK_AMPERES = 4
BMK_REVISION = 16
BMK_STATE = 17
RTR_REVISION = 1

TENTH = Fraction(1, 10)
HUNDREDTH = Fraction(1, 100)
PERCENT = Fraction(1, 100)
SECONDS_IN_TENTH_HOUR = Fraction(360)
SECONDS_IN_DAY = Fraction(86400)
FAHRENHEIT = Fraction(5, 9)
FREEZING_FAHRENHEIT = 32
NOT_COUNTED = frozenset({0})

_a1 = partial(At, "AGS packet A1")
_a2 = partial(At, "AGS packet A2")
_bmk = partial(At, "BMK packet")
_rtr = partial(At, "RTR packet")
_ags_state = _a1(AGS_STATE)
_ags_fahrenheit = _a1(3)


def revision_text(index: int, packet: Packet) -> str:
    """Return the firmware revision that stands in tenths at this byte, such as 5.2."""
    return f"{packet.payload[index] / 10:.1f}"


def _running(packet: Packet) -> float | None:
    state = _ags_state.read(packet)
    return float(state in AGS_RUNNING) if state in AGS_STATES else None


def _sensor(packet: Packet) -> float | None:
    raw = _ags_fahrenheit.read(packet)
    return None if raw is None else float(33 <= raw <= 104)


AGS_A1: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_ags_info",
        help="The automatic generator starter and its firmware revision",
        place=_a1(AGS_REVISION),
        texts={"revision": partial(revision_text, AGS_REVISION)},
        source=PROTOCOL,
    ),
    States(
        metric="magnum_ags_state",
        help="What the generator starter does, or why it does not",
        place=_ags_state,
        names=AGS_STATES,
        source=f"{PROTOCOL}; 20 and 23: ME-ARC owner's manual",
    ),
    Number(
        metric="magnum_ags_running",
        help="1 in the states in which the starter runs the generator, warm-up and cool-down included",
        place=Worked(how=str(_ags_state), work=_running),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_ags_celsius",
        help="Temperature at the starter's sensor; absent outside 33 to 104 Fahrenheit, which means no sensor",
        place=_a1(3, low=33, high=104),
        zero=FREEZING_FAHRENHEIT,
        scale=FAHRENHEIT,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_ags_temperature_sensor_connected",
        help="1 when the starter's temperature is one that its sensor can give",
        place=Worked(how=str(_ags_fahrenheit), work=_sensor),
        source=CAPTURE,
    ),
    Number(
        metric="magnum_ags_run_seconds",
        help="How long the generator has run, without warm-up and cool-down; from 5.3 on the last run's time stays",
        place=_a1(4),
        scale=SECONDS_IN_TENTH_HOUR,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_ags_battery_volts",
        help="Battery volts at the starter, in steps of 0.1 V per 12 V",
        place=_a1(5, per_12_volts=True),
        scale=TENTH,
        source=PROTOCOL,
    ),
)

AGS_A2: tuple[Field[Packet], ...] = (
    Number(
        metric="magnum_ags_since_last_run_seconds",
        help="Time since the generator last ran, in whole days",
        place=_a2(1),
        scale=SECONDS_IN_DAY,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_ags_since_full_soc_seconds",
        help="Time since the battery was last at 100 %, in whole days; absent at 0, which may mean: not counted",
        place=_a2(2, absent=NOT_COUNTED),
        scale=SECONDS_IN_DAY,
        source=f"{PYMAGNUM}, {MAGNUM2MQTT}",
        confidence=Confidence.UNVERIFIED,
    ),
    Number(
        metric="magnum_ags_run_total_raw",
        help="A total of generator run time whose unit nobody has published",
        place=_a2(3, 2, absent=NOT_COUNTED),
        source=PYMAGNUM,
        confidence=Confidence.UNVERIFIED,
    ),
)

SOC = Number(
    metric="magnum_bmk_soc_ratio",
    help="State of charge by the battery monitor; absent while it is thinking (255)",
    place=_bmk(BMK_SOC, high=100),
    scale=PERCENT,
    source=PROTOCOL,
)
AMPERES = Number(
    metric="magnum_bmk_amperes",
    help="Battery amperes by the battery monitor, + into the battery",
    place=_bmk(BMK_AMPERES, 2, signed=True),
    scale=TENTH,
    source=PROTOCOL,
)
BMK: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_bmk_info",
        help="The battery monitor and its firmware revision",
        place=_bmk(BMK_REVISION),
        texts={"revision": partial(revision_text, BMK_REVISION)},
        source=CAPTURE,
    ),
    SOC,
    Number(
        metric="magnum_bmk_volts",
        help="Battery volts by the battery monitor",
        place=_bmk(BMK_VOLTS, 2),
        scale=HUNDREDTH,
        source=PROTOCOL,
    ),
    AMPERES,
    Number(
        metric="magnum_bmk_min_volts",
        help="Lowest battery volts since the monitor's reset",
        place=_bmk(6, 2),
        scale=HUNDREDTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_max_volts",
        help="Highest battery volts since the monitor's reset",
        place=_bmk(8, 2),
        scale=HUNDREDTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_net_amphours",
        help="Ampere-hours into the battery less those out of it, since it was last full",
        place=_bmk(10, 2, signed=True),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_trip_amphours",
        help="Ampere-hours out of the battery since the owner's reset; it stops at 6553.5",
        place=_bmk(12, 2),
        scale=TENTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_discharged_amphours_total",
        help="Ampere-hours out of the battery in the monitor's life, in hundreds",
        place=_bmk(14, 2),
        scale=Fraction(100),
        kind=Kind.COUNTER,
        source=PROTOCOL,
    ),
    States(
        metric="magnum_bmk_state",
        help="The monitor's own state",
        place=_bmk(BMK_STATE),
        names=BMK_STATES,
        source=CAPTURE,
    ),
)

RTR: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_rtr_info",
        help="The router and its firmware revision",
        place=_rtr(RTR_REVISION),
        texts={"revision": partial(revision_text, RTR_REVISION)},
        source=PROTOCOL,
    ),
)
