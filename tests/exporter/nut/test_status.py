"""When the status makes a machine shut down, and when it does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.nut.status import SECONDS, Battery, BatteryStatus, of_device

LOW, RUNTIME = 0.15, 600.0
SHUTDOWN = {"OB", "LB"}


def status() -> BatteryStatus:
    return BatteryStatus(LOW, RUNTIME)


def low_now() -> BatteryStatus:
    """Return one that has just become low."""
    given_status = status()
    assert given_status.update(Battery(0.15, None, -5), 0) == "OL DISCHRG"
    assert given_status.update(Battery(0.15, None, -5), SECONDS) == "OB LB DISCHRG"
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
    assert [given_status.update(battery, now) for now in (0, 100, 1000)] == [expected] * 3


@pytest.mark.parametrize(
    "battery", [Battery(0.15, None, -5), Battery(0.02, None, None), Battery(0.6, 600, -300), Battery(0.1, 90, 0)]
)
def test_low_for_60_seconds_without_charge_is_ob_lb(battery: Battery) -> None:
    given_status = status()
    assert not SHUTDOWN & set((given_status.update(battery, 0) or "").split())
    assert not SHUTDOWN & set((given_status.update(battery, SECONDS - 0.1) or "").split())
    assert given_status.update(battery, SECONDS) == "OB LB DISCHRG"


@pytest.mark.parametrize("between", [Battery(0.16, None, -5), Battery(0.15, None, 1), None])
def test_the_60_seconds_begin_again_after_any_other_reading(between: Battery | None) -> None:
    given_status = status()
    given_status.update(Battery(0.15, None, -5), 0)
    given_status.update(between, 59)
    assert given_status.update(Battery(0.15, None, -5), 60) == "OL DISCHRG"
    assert given_status.update(Battery(0.15, None, -5), 119) == "OL DISCHRG"
    assert given_status.update(Battery(0.15, None, -5), 120) == "OB LB DISCHRG"


def test_it_is_back_at_5_points_above_low() -> None:
    given_status = low_now()
    assert given_status.update(Battery(0.19, None, -5), 61) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.20, None, -5), 62) == "OL DISCHRG"


def test_it_is_back_after_60_seconds_of_charge() -> None:
    given_status = low_now()
    assert given_status.update(Battery(0.15, None, 40), 70) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, -1), 100) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.15, None, 40), 101) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, 40), 160.9) == "OB LB CHRG"
    assert given_status.update(Battery(0.15, None, 40), 161) == "OL CHRG"


def test_a_short_runtime_does_not_flap_when_the_load_falls_a_little() -> None:
    given_status = status()
    given_status.update(Battery(0.6, 600, -300), 0)
    assert given_status.update(Battery(0.6, 600, -300), 60) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.6, 1100, -150), 61) == "OB LB DISCHRG"
    assert given_status.update(Battery(0.6, 1200, -140), 62) == "OL DISCHRG"


def test_what_is_unknown_is_stale_and_a_low_battery_is_still_low_afterwards() -> None:
    given_status = low_now()
    assert given_status.update(None, 70) is None
    assert given_status.update(Battery(0.16, None, -5), 80) == "OB LB DISCHRG"


READING = st.none() | st.builds(
    Battery,
    st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(-300, 300),
)


@given(st.lists(st.tuples(READING, st.floats(0.1, 100)), max_size=60))
def test_ob_and_lb_come_only_together_and_only_after_60_seconds_of_a_low_battery(
    steps: list[tuple[Battery | None, float]],
) -> None:
    given_status = status()
    times = list(itertools.accumulate((wait for _, wait in steps), initial=0.0))[1:]
    low_since: float | None = None
    before = False
    for (battery, _), now in zip(steps, times, strict=True):
        found = given_status.update(battery, now)
        assert (found is None) == (battery is None)
        if battery is None:
            low_since = None
            continue
        is_low = battery.ratio <= LOW + 1e-9 or (battery.runtime is not None and battery.runtime <= RUNTIME)
        still_low = is_low and not (battery.amperes or 0) > 0
        low_since = (now if low_since is None else low_since) if still_low else None
        words = set((found or "").split())
        assert bool(words & SHUTDOWN) == (words >= SHUTDOWN)
        assert ("OL" in words) != ("OB" in words)
        if words >= SHUTDOWN and not before:
            assert low_since is not None
            assert now - low_since >= SECONDS
        before = words >= SHUTDOWN


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
