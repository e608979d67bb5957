"""What the drawn panels show: units, value mappings, thresholds and colours."""

from __future__ import annotations

from typing import Any

import pytest

from grafana import palette, panels
from grafana.prometheus import Prometheus, PrometheusError
from tests.support import free_port


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "expected"),
    [
        (0.934, "percentunit", 0, "93%"),
        (1234.0, "watt", None, "1.23 kW"),
        (-0.0, "watt", 1, "0.0 W"),
        (4.2e3, "watth", 1, "4.2 kWh"),
        (0.065, "volt", 0, "65 mV"),
        (53.125, "volt", 2, "53.12 V"),
        (51120.0, "s", 1, "14.2 hours"),
        (51120.0, "s", 0, "14 hours"),
        (86.1, "suffix:h", 1, "86.1 h"),
        (3.25, "s", 1, "3.2 s"),
        (-7.0, "celsius", None, "-7 °C"),
        (12.0, "none", None, "12"),
    ],
)
def test_a_value_has_its_unit(value: float, unit: str, decimals: int | None, expected: str) -> None:
    assert panels.written(value, {"unit": unit, "decimals": decimals})[0] == expected


def test_a_mapping_comes_before_a_threshold() -> None:
    defaults: dict[str, Any] = {
        "unit": "none",
        "mappings": [{"type": "value", "options": {"1": {"text": "running", "color": "orange"}}}],
        "thresholds": {"steps": [{"value": None, "color": "red"}, {"value": 2, "color": "green"}]},
    }
    assert panels.written(1.0, defaults) == ("running", "orange")
    assert panels.written(1.5, defaults) == ("1.50", "red")
    assert panels.written(2.0, defaults) == ("2", "green")


def test_durations() -> None:
    assert [panels.seconds(text) for text in ("90s", "48h", "31d", "1y")] == [90, 172800, 2678400, 31536000]
    with pytest.raises(ValueError, match='got "two days", expected a duration such as 48h'):
        panels.seconds("two days")


def test_a_transparent_colour_is_mixed_with_the_panel() -> None:
    assert panels.over_panel("rgba(255, 255, 255, 0)") == palette.PANEL
    assert panels.over_panel("rgba(255, 255, 255, 1)") == "#ffffff"
    assert panels.over_panel("red") == palette.DARK["red"]


def test_contrast_is_that_of_wcag() -> None:
    assert palette.contrast("#ffffff", "#000000") == 21
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert palette.contrasting("#fade2a") == "#000000"
    assert palette.contrasting("#1f60c4") == "#ffffff"


def test_a_prometheus_that_does_not_answer_is_named() -> None:
    with pytest.raises(PrometheusError, match=r"http://127\.0\.0\.1:\d+: .*refused"):
        Prometheus(f"http://127.0.0.1:{free_port()}").now("up", 0)
