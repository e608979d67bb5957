"""Names, units and keys: from metrics alone, in whatever form they come."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import Former, Topics, component, state
from toolkit.homeassistant.entities import Described, Shown, absent, entities, key, metric_of, name, shown, slug
from toolkit.homeassistant.options import EntityOptions, Flag, Form

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
LABEL = st.text(max_size=8)


def all_of(metric: Described, *samples: tuple[tuple[str, ...], float], prefix: str = "x_") -> dict[str, object]:
    return {one.key: one.value for one in shown(metric, prefix, samples, lambda: 10.0)}


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("x_inverter_dc_volts", "Inverter DC voltage"),
        ("x_volts", "Voltage"),
        ("x_frequency_hertz", "Frequency"),
        ("x_soc_ratio", "State of charge"),
        ("x_energy_joules_total", "Energy"),
        ("x_discharged_joules_total", "Discharged energy"),
        ("x_time_to_go_seconds", "Time to go"),
        ("x_run_seconds", "Run time"),
        ("x_last_success_timestamp_seconds", "Last success"),
        ("x_start_volts_delay_seconds", "Start volts delay"),
        ("x_net_amphours", "Net ampere-hours"),
        ("x_reset_reason_code", "Reset reason"),
    ],
)
def test_a_name_is_made_of_the_metrics(metric: str, words: str) -> None:
    assert name(Described(metric, "Some value."), "x_", {}) == words


def test_labels_are_a_part_of_the_name_and_of_the_key() -> None:
    metric = Described("x_cell_volts", "Voltage of each cell.", labels=("module", "cell"))
    (one,) = shown(metric, "x_", [(("2", "13"), 3.3)], lambda: 10.0)
    assert one.key == "x_cell_volts__2__13"
    assert one.describe()["name"] == "Cell voltage module 2 13"
    assert one.describe()["suggested_display_precision"] == 3


def test_each_form() -> None:
    states = EntityOptions(form=Form.STATE, states=("on", "off"))
    state_of = Described("x_state", "1 for the present one.", labels=("state",), options=states)
    assert all_of(state_of, (("on",), 0), (("off",), 1)) == {"x_state": "off"}
    assert all_of(state_of, (("on",), 0), (("off",), 0)) == {}, "nothing that Home Assistant would refuse"
    flags = EntityOptions(form=Form.FLAGS, states=("a", "b"), flags={"b": Flag(inverted=True)})
    bits = Described("x_status", "1 for each that is set.", labels=("flag",), options=flags)
    assert all_of(bits, (("a",), 1), (("b",), 1)) == {"x_status__a": "ON", "x_status__b": "OFF"}
    listed = Described("x_cause", "1 for each.", labels=("cause",), options=EntityOptions(form=Form.LISTED))
    assert all_of(listed, (("a",), 1), (("b",), 1), (("c",), 0)) == {"x_cause": "a, b"}
    assert all_of(listed, (("a",), 0)) == {"x_cause": "none"}
    summed = Described(
        "x_starts_total", "Starts.", counter=True, labels=("cause",), options=EntityOptions(form=Form.SUM)
    )
    assert all_of(summed, (("a",), 1), (("b",), 2)) == {"x_starts_total": 3}
    hidden = Described("x_y", "A value.", options=EntityOptions(not_shown="there is none"))
    assert all_of(hidden, ((), 1)) == {}
    assert not [*entities(hidden, "x_"), *absent(hidden, "x_", lambda: 10.0)]
    assert all_of(Described("x_full", "1 while it is full."), ((), 0)) == {"x_full": "OFF"}
    assert all_of(Described("x_joules_total", "Energy.", counter=True), ((), 7_200_000)) == {"x_joules_total": 2.0}
    when = Described("x_last_timestamp_seconds", "Time of it.")
    assert all_of(when, ((), 1_700_000_000)) == {"x_last_timestamp_seconds": "2023-11-14T22:13:20+00:00"}


def test_an_entity_without_a_value_is_known() -> None:
    (one,) = absent(Described("x_deadline_timestamp_seconds", "Unix time."), "x_", lambda: 10.0)
    assert one.value is None
    assert one.describe()["device_class"] == "timestamp"
    assert state([one]) == "{}"


@given(value=ANY_NUMBER)
def test_what_is_no_number_is_left_out(value: float) -> None:
    found = all_of(Described("x_volts", "Voltage."), ((), value))
    assert found == {} or found == {"x_volts": round(value, 4)}
    json.dumps(found, allow_nan=False)


@given(labels=st.lists(LABEL, min_size=1, max_size=3))
def test_a_key_can_be_used_in_a_template_and_names_its_metric(labels: list[str]) -> None:
    made = key("x_volts", labels)
    assert re.fullmatch(r"[A-Za-z0-9_]+", made)
    assert metric_of(made) == "x_volts"
    one = Shown(made, 1.0, lambda: {"p": "sensor", "expire_after": 10.0})
    assert component(one, "cabin-x", 30.0)["value_template"] == f"{{{{ value_json.{made} | default(none) }}}}"


@given(first=LABEL, second=LABEL)
@example(first="A", second="a")
@example(first="a b", second="a-b")
def test_two_names_have_two_slugs(first: str, second: str) -> None:
    assert (slug(first) == slug(second)) == (first == second)
    assert "__" not in slug(first)


@given(payload=st.one_of(st.binary(max_size=60), st.from_type(type(None)).map(lambda _: b"[" * 5000)))
def test_whatever_the_broker_has_kept_is_taken(payload: bytes) -> None:
    topics = Topics(Mqtt(url="mqtt://broker", base_topic="cabin"), "exporter")
    former = Former(topics, lambda _: True)
    former.take("homeassistant/device/cabin-source-x/config", payload)
    assert former.components("source-x") == {}
    assert former.gone([]) == (["homeassistant/device/cabin-source-x/config"] if payload else [])


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("homeassistant/device/cabin-source-main/config", "source-main"),
        ("homeassistant/device/cabin-generator/config", "generator"),
        ("homeassistant/device/cabin2-generator/config", None),
        ("homeassistant/device/cabin_x-generator/config", None),
        ("homeassistant/sensor/cabin-x/config", None),
        ("other/device/cabin-x/config", None),
        ("homeassistant/device/cabin-x/status", None),
    ],
)
def test_only_this_sites_devices_are_its_own(topic: str, device: str | None) -> None:
    assert Topics(Mqtt(url="mqtt://broker", base_topic="cabin"), "exporter").device_of(topic) == device
