"""The packets of the generator starter (AGS): A1 with its state, A2 with the days since its last run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from exporter.fields import Computed, Confidence, Field, Info, Number, States
from exporter.sources.magnum.packet import CAPTURE, MAGNUM2MQTT, PROTOCOL, PYMAGNUM, At, Packet, revision_text
from exporter.sources.magnum.units import FAHRENHEIT, FREEZING_FAHRENHEIT, SECONDS_IN_DAY, SECONDS_IN_TENTH_HOUR, TENTH
from toolkit.homeassistant.options import DIAGNOSTIC, EntityOptions

STATES: Mapping[int, str] = {
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
RUNNING = frozenset({3, 6, 7, 8, 12, 13, 14, 18, 19, 20, 26, 27})

STATE = 1
REVISION = 2

NOT_COUNTED = frozenset({0})

_a1 = partial(At, "AGS packet A1")
_a2 = partial(At, "AGS packet A2")
_state = _a1(STATE)
_fahrenheit = _a1(3)


def _running(packet: Packet) -> float | None:
    state = _state.read(packet)
    return float(state in RUNNING) if state in STATES else None


def _sensor(packet: Packet) -> float | None:
    raw = _fahrenheit.read(packet)
    return None if raw is None else float(33 <= raw <= 104)


RUNNING_FIELD = Number(
    metric="magnum_ags_running",
    help="1 while the starter runs the generator, including warm-up and cool-down",
    place=Computed(how=str(_state), compute=_running),
    source=PROTOCOL,
    entity=EntityOptions(device_class="running"),
)
A1: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_ags_info",
        help="Firmware revision of the automatic generator starter",
        place=_a1(REVISION),
        texts={"revision": partial(revision_text, REVISION)},
        source=PROTOCOL,
    ),
    States(
        metric="magnum_ags_state",
        help="State of the generator starter",
        place=_state,
        names=STATES,
        source=f"{PROTOCOL}; 20 and 23: ME-ARC owner's manual",
    ),
    RUNNING_FIELD,
    Number(
        metric="magnum_ags_celsius",
        help="Temperature at the starter's sensor; absent outside 33 to 104 Fahrenheit, where there is no sensor",
        place=_a1(3, low=33, high=104),
        zero=FREEZING_FAHRENHEIT,
        scale=FAHRENHEIT,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_ags_temperature_sensor_connected",
        help="1 while the starter's temperature is within the range of its sensor",
        place=Computed(how=str(_fahrenheit), compute=_sensor),
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
        help="Battery voltage at the starter, in steps of 0.1 V per 12 V",
        place=_a1(5, per_12_volts=True),
        scale=TENTH,
        source=PROTOCOL,
    ),
)

A2: tuple[Field[Packet], ...] = (
    Number(
        metric="magnum_ags_since_last_run_seconds",
        help="Time since the generator last ran, in whole days",
        place=_a2(1),
        scale=SECONDS_IN_DAY,
        source=PROTOCOL,
        entity=EntityOptions(shown_in="d"),
    ),
    Number(
        metric="magnum_ags_since_full_soc_seconds",
        help="Time since the battery was last at 100 %, in whole days; absent at 0, which may mean not counted",
        place=_a2(2, absent=NOT_COUNTED),
        scale=SECONDS_IN_DAY,
        entity=EntityOptions(shown_in="d"),
        source=f"{PYMAGNUM}, {MAGNUM2MQTT}",
        confidence=Confidence.UNVERIFIED,
    ),
    Number(
        metric="magnum_ags_run_total_raw",
        help="Total run time of the generator; its unit is not published",
        place=_a2(3, 2, absent=NOT_COUNTED),
        entity=DIAGNOSTIC,
        source=PYMAGNUM,
        confidence=Confidence.UNVERIFIED,
    ),
)
