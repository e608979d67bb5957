"""Alertmanager's payload: synthetic ones, judged alert by alert."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.core.settings import AlertSettings
from actuator.intake import alertmanager
from actuator.intake.alertmanager import Notification

ALERTS = AlertSettings(inhibit=("GeneratorInhibit", "CarbonMonoxide"))


def alert(
    name: str = "BatterySocLow", status: str = "firing", labels: object = None, **more: object
) -> dict[str, object]:
    return {
        "status": status,
        "labels": {"alertname": name, **(labels if isinstance(labels, dict) else {})},
        "annotations": {"summary": "words"},
        "startsAt": "2026-01-02T03:04:05.678Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://x",
        "fingerprint": "f1",
        **more,
    }


def read(*alerts: object, settings: AlertSettings = ALERTS, **more: object) -> Notification:
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": list(alerts), **more}
    return alertmanager.read(msgspec.json.encode(body), settings)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BatterySocLow", "start"),
        ("BatterySocRecovered", "stop"),
        ("GeneratorInhibit", "inhibit"),
        ("CarbonMonoxide", "inhibit"),
    ],
)
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_ours_are_known_by_name(name: str, kind: str, status: str) -> None:
    found = read(alert(name, status))
    (notice,) = found.notices
    assert (notice.kind, notice.firing, notice.fingerprint, notice.summary) == (kind, status == "firing", "f1", "words")
    assert notice.starts_at == pytest.approx(1767323045.678)
    assert (found.firing, found.resolved) == ((1, 0) if status == "firing" else (0, 1))


def test_a_heartbeat_is_a_beat_while_it_fires_and_nothing_else() -> None:
    assert read(alert("GeneratorHeartbeat")).beats == 1
    assert read(alert("GeneratorHeartbeat"), alert("GeneratorHeartbeat")).beats == 1, "one notification, one beat"
    resolved = read(alert("GeneratorHeartbeat", "resolved"))
    assert (resolved.beats, resolved.resolved, resolved.notices) == (0, 1, ())


def test_unknown_alerts_and_other_sites_are_counted_without_effect() -> None:
    settings = AlertSettings(match={"site": "cabin"})
    found = read(
        alert("SomethingElse"),
        alert(labels={"site": "mill"}),
        alert(),
        alert("GeneratorHeartbeat", labels={"site": "mill"}),
        alert("GeneratorInhibit", labels={"site": "mill"}),
        alert(labels={"site": "cabin"}),
        settings=settings,
    )
    assert (found.unknown, found.other_site, found.beats, len(found.notices), found.firing) == (1, 4, 0, 1, 1)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        None,
        7,
        [],
        "x",
        {"status": "firing"},
        alert(status="unknown"),
        alert(startsAt="yesterday"),
        alert(startsAt=5),
        alert(labels={"n": 5}),
        alert(fingerprint="x" * 200),
        alert(annotations=[]),
    ],
)
def test_one_bad_alert_spoils_only_itself(bad: object) -> None:
    found = read(bad, alert("BatterySocRecovered"))
    assert found.malformed == 1
    assert [notice.kind for notice in found.notices] == ["stop"]
    with pytest.raises(ValueError, match="none of the"):
        read(bad)


def test_100_bad_alerts_end_the_parsing_and_inhibits_before_them_count() -> None:
    most = alertmanager.MOST_MALFORMED
    before = [alert(), alert("GeneratorHeartbeat"), alert("GeneratorInhibit"), alert("CarbonMonoxide", "resolved")]
    found = read(*before, *[1] * most, alert("GeneratorInhibit", fingerprint="after"), *["x"] * 100_000)
    assert [(notice.name, notice.firing) for notice in found.notices] == [
        ("GeneratorInhibit", True),
        ("CarbonMonoxide", False),
    ]
    assert (found.beats, found.firing, found.resolved, found.malformed) == (0, 1, 1, 0)
    assert found.refused.startswith("100 alerts cannot be read: ")
    assert read(*before, *[1] * (most - 1)).refused == ""


def test_what_is_kept_of_an_alert_is_bounded_in_size() -> None:
    long = {"long": "x" * 100_000}
    (notice,) = read(
        alert("GeneratorInhibit", labels=long, fingerprint="", annotations={"summary": "x" * 9999})
    ).notices
    assert len(msgspec.json.encode(notice)) < 600
    (same,) = read(alert("GeneratorInhibit", labels=long, fingerprint="")).notices
    assert same.fingerprint == notice.fingerprint


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"version":"4"}', b'{"version":"4","alerts":{}}', b'{"alerts":[]}', b"\xff\xfe",
     b'{"version":4,"alerts":[]}', b'{"version":"3","alerts":[]}', b'{"version":"4","alerts":null}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_payload_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        alertmanager.read(body, ALERTS)


def test_no_alerts_are_no_error() -> None:
    assert read() == Notification()


def test_truncation_is_known() -> None:
    assert read(alert(), truncatedAlerts=3).truncated == 3


def test_without_a_fingerprint_the_labels_are_the_key() -> None:
    first, second, third = read(
        alert(fingerprint="", labels={"a": "1", "b": "2"}),
        alert(fingerprint="", labels={"b": "2", "a": "1"}),
        alert(fingerprint="", labels={"a": "2"}),
    ).notices
    assert first.fingerprint == second.fingerprint != third.fingerprint


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_any_time_that_can_be_written_can_be_read(when: str) -> None:
    assert read(alert(startsAt=when)).notices


def test_a_headline_counts_before_a_summary() -> None:
    texts = {"headline": "The tank is empty.", "summary": "fuel_level_ratio is 0.01"}
    assert read(alert(annotations=texts)).notices[0].summary == "The tank is empty."


def test_a_summary_is_cut_and_may_be_missing() -> None:
    assert len(read(alert(annotations={"summary": "x" * 5000})).notices[0].summary) == 200
    assert read(alert(annotations={})).notices[0].summary == "BatterySocLow"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        alertmanager.read(body, ALERTS)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    parts=st.dictionaries(st.sampled_from(["status", "labels", "startsAt", "fingerprint", "annotations"]), json),
    whole=st.booleans(),
)
def test_any_alert_is_read_or_counted(parts: dict[str, object], *, whole: bool) -> None:
    odd = {**alert(), **parts} if whole else parts
    found = read(odd, alert("BatterySocRecovered"))
    assert found.malformed + found.unknown + len(found.notices) + found.beats == 2
