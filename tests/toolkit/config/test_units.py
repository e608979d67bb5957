from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.config import ConfigError, Duration, Ratio

SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *[("30s", 30), ("5m", 300), ("4h", 14400), ("28d", 2419200), ("2w", 1209600), ("500ms", 0.5), ("0s", 0)],
        *[("1h30m", 5400), ("1.5h", 5400), ("1m500ms", 60.5)],
    ],
)
def test_duration_in_seconds(written: str, seconds: float) -> None:
    assert Duration.parse(written) == pytest.approx(seconds)


@given(st.dictionaries(st.sampled_from(list(SECONDS)), st.integers(0, 10**6), min_size=1))
def test_duration_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    written = "".join(f"{parts[unit]}{unit}" for unit in SECONDS if unit in parts)
    assert Duration.parse(written) == pytest.approx(sum(number * SECONDS[unit] for unit, number in parts.items()))


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.text())))
def test_any_value_as_duration(value: object) -> None:
    try:
        assert 0 <= Duration.parse(value) < float("inf")
    except ConfigError as error:
        assert "expected a duration" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "written",
    ["", "s", "30", "30 s", "30S", "-5s", "5s5m", "5s5s", "1h30", "5min", "٣s", "9" * 400 + "d", "1.h", "1e3s"],
)
def test_ambiguous_duration(written: str) -> None:
    with pytest.raises(ConfigError, match="expected a duration"):
        Duration.parse(written)


def test_duration_without_unit() -> None:
    with pytest.raises(ConfigError, match=r"got 30 \(a number\), expected a duration with its unit: write 30s"):
        Duration.parse(30)


@pytest.mark.parametrize(
    ("written", "ratio"),
    [("25%", 0.25), (0.25, 0.25), ("12.5 %", 0.125), ("100%", 1), (1, 1), (0, 0), ("0%", 0), (1.0, 1)],
)
def test_ratio(written: object, ratio: float) -> None:
    assert Ratio.parse(written) == pytest.approx(ratio)


@pytest.mark.parametrize(
    "written", ["101%", "25", "%", "-1%", -0.1, 101, True, None, [], "0.25", float("nan"), float("inf")]
)
def test_invalid_ratio(written: object) -> None:
    with pytest.raises(ConfigError, match="expected a percentage"):
        Ratio.parse(written)


def test_percentage_without_sign() -> None:
    with pytest.raises(ConfigError, match=r"got 25 \(a number\), expected a percentage with its sign: write 25%"):
        Ratio.parse(25)
