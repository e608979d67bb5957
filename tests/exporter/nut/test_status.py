"""When the status makes a machine shut down, and when it does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.nut.status import CHARGE_SECONDS, SECONDS, Battery, BatteryStatus, of_device

LOW, RUNTIME, MAX_AGE = 0.15, 600.0, 60.0
SHUTDOWN = {"OB", "LB"}
EMPTY = Battery(0.15, None, -5)


def status() -> BatteryStatus:
    return BatteryStatus(LOW, RUNTIME)


def low_now() -> BatteryStatus:
    """Return one that has just become low."""
    given_status = status()
    assert given_status.update(Battery(0.15, None, -5), 0, MAX_AGE) == "OL DISCHRG"
    assert given_status.update(Battery(0.15, None, -5), SECONDS, MAX_AGE) == "OB LB DISCHRG"
    return given_status


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (Battery(0.5, 9000, -20), "OL DISCHRG"),
        (Battery(0.5, None, 20), "OL CHRG"),
        (Battery(0.5, None, 0), "OL"),
        (Battery(0.5, None, None), "OL"),
        (Battery(0.16, 601, -20), "OL DISCHRG"),
        (Battery(0.10, None, 20), "OL CHRG"),
        (None, None),
    ],
)
def test_a_battery_that_is_not_low_is_never_ob(battery: Battery | None, expected: str | None) -> None:
    given_status = status()
    assert [given_status.update(battery, now, MAX_AGE) for now in (0, 100, 1000)] == [expected] * 3


@pytest.mark.parametrize(
    "battery", [Battery(0.15, None, -5), Battery(0.02, None, None), Battery(0.6, 600, -300), Battery(0.1, 90, 0)]
)
def test_low_for_60_seconds_without_charge_is_ob_lb(battery: Battery) -> None:
    given_status = status()
    assert not SHUTDOWN & set((given_status.update(battery, 0, MAX_AGE) or "").split())
    assert not SHUTDOWN & set((given_status.update(battery, SECONDS - 0.1, MAX_AGE) or "").split())
    assert given_status.update(battery, SECONDS, MAX_AGE) == "OB LB DISCHRG"


def becomes_low(between: dict[int, Battery | None], low: Battery = EMPTY) -> int:
    """Return the second at which a battery that is low all the time but for these moments is `OB LB`; at most 300."""
    given_status = status()
    for second in range(300):
        if "LB" in (given_status.update(between.get(second, low), second, MAX_AGE) or ""):
            return second
    return 300


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ({}, 60),
        ({59: Battery(0.16, None, -5)}, 120),
        ({59: Battery(0.14, 601, 1)}, 60),
        (dict.fromkeys(range(49, 60), Battery(0.15, None, 1)), 120),
        (dict.fromkeys(range(20, 29), Battery(0.15, None, 1)), 60),
        (dict.fromkeys(range(20, 80)), 140),
        (dict.fromkeys(range(20, 79)), 79),
    ],
)
def test_the_60_seconds_begin_again_after_recovery_charge_or_a_long_gap(
    between: dict[int, Battery | None], expected: int
) -> None:
    assert becomes_low(between) == expected


def test_a_source_that_is_stale_for_2_s_in_each_59_does_not_prevent_it() -> None:
    assert becomes_low({second: None for second in range(300) if second % 59 in (57, 58)}) == 60


@pytest.mark.parametrize("low", [Battery(0.15, None, -5), Battery(0.6, 500, -300)])
def test_one_reading_of_charge_in_each_50_seconds_does_not_prevent_it(low: Battery) -> None:
    blip = low._replace(runtime=None, amperes=0.1)
    assert becomes_low({second: blip for second in range(300) if second % 50 == 49}, low) == 60


def test_it_is_back_at_5_points_above_low() -> None:
    given_status = low_now()
    assert given_status.update(Battery(0.19, None, -5), 61, MAX_AGE) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.20, None, -5), 62, MAX_AGE) == "OL DISCHRG"


def test_it_is_back_after_60_seconds_of_charge() -> None:
    given_status = low_now()
    assert given_status.update(Battery(0.15, None, 40), 70, MAX_AGE) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, -1), 100, MAX_AGE) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.15, None, 40), 101, MAX_AGE) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, 40), 160.9, MAX_AGE) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, 40), 161, MAX_AGE) == "OL CHRG"


def test_a_short_runtime_does_not_flap_when_the_load_falls_a_little() -> None:
    given_status = status()
    given_status.update(Battery(0.6, 600, -300), 0, MAX_AGE)
    assert given_status.update(Battery(0.6, 600, -300), 60, MAX_AGE) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.6, 1100, -150), 61, MAX_AGE) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.6, 1200, -140), 62, MAX_AGE) == "OL DISCHRG"


def test_an_unknown_battery_is_stale_and_a_low_one_still_low_afterwards() -> None:
    given_status = low_now()
    assert given_status.update(None, 70, MAX_AGE) is None
    assert given_status.update(Battery(0.16, None, -5), 80, MAX_AGE) == "OB LB DISCHRG"


READING = st.none() | st.builds(
    Battery,
    st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(-300, 300),
)


@given(st.lists(st.tuples(READING, st.floats(0.1, 80)), max_size=60))
def test_ob_and_lb_come_only_together_after_60_s_of_a_low_battery(
    steps: list[tuple[Battery | None, float]],
) -> None:
    given_status = status()
    times = list(itertools.accumulate((wait for _, wait in steps), initial=0.0))[1:]
    known: list[tuple[float, Battery]] = []
    before = False
    for (battery, _), now in zip(steps, times, strict=True):
        found = given_status.update(battery, now, MAX_AGE)
        assert (found is None) == (battery is None)
        if battery is None:
            continue
        known.append((now, battery))
        words = set((found or "").split())
        assert bool(words & SHUTDOWN) == (words >= SHUTDOWN)
        assert ("OL" in words) != ("OB" in words)
        if words >= SHUTDOWN and not before:
            assert seconds_low(known) >= SECONDS
        before = words >= SHUTDOWN


def seconds_low(known: list[tuple[float, Battery]]) -> float:
    """Return for how long a battery has been low, from the last reading back to what says otherwise."""
    end = begin = later = known[-1][0]
    better_at: float | None = None
    for at, battery in reversed(known):
        short = battery.runtime is not None and battery.runtime <= RUNTIME
        is_low = battery.ratio <= LOW + 1e-9 or short
        discharges = (battery.amperes or 0) < 0
        if later - at > MAX_AGE or (not is_low and (battery.runtime is not None or discharges)):
            break
        later = at
        if is_low and not (battery.amperes or 0) > 0:
            begin, better_at = at, None
            continue
        better_at = at if better_at is None else better_at
        if better_at - at >= CHARGE_SECONDS:
            break
    return end - begin


@pytest.mark.parametrize(
    ("set_flags", "expected"),
    [
        (set(), "OL"),
        ({"battery_low"}, "OL LB"),
        ({"utility_fail", "shutdown_active"}, "OB DISCHRG"),
        ({"utility_fail", "battery_low", "test"}, "OB LB DISCHRG"),
    ],
)
def test_a_device_with_a_utility_flag(set_flags: set[str], expected: str) -> None:
    names = ("utility_fail", "battery_low", "shutdown_active", "test")
    assert of_device({name: name in set_flags for name in names}) == expected


def test_a_device_without_its_flags_is_stale() -> None:
    assert of_device({}) is None
