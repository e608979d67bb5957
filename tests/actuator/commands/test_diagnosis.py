"""What `doctor` finds on broken sites. The answers are those of a healthy site, each broken in one way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actuator.commands.diagnosis import ACTING, Samples, Site, diagnose, receivers
from toolkit.findings import Finding, lines

STATUS: dict[str, Any] = {
    "severity": "ok",
    "headline": "Ready. Battery 80 %.",
    "reason": "",
    "remedy": "",
    "mode": "auto",
    "contact": {"relay": "channel 1", "fault": "", "can_read_back": True, "read_back": False, "wanted": False},
    "clock_sane": True,
    "last_beat": 970.0,
    "time": 1000.0,
}
METRICS: Samples = {
    f"generator_{name}": [({}, 1.0)] for name in ("journal_writable", "journal_mirrored", "history_writable")
}
PAGE: Samples = {
    "magnum_up": [({"device": "main"}, 1.0)],
    "classic_up": [({"device": "sun"}, 1.0)],
    "battery_soc_ratio": [({}, 0.8)],
    "battery_soc_lead": [({"source": "main"}, 1.0), ({"source": "sun"}, 0.0)],
    "battery_soc_refused": [({"source": "main", "reason": "stale"}, 0.0)],
}
TARGETS = {
    "activeTargets": [
        {"labels": {"job": job}, "health": "up", "lastError": ""} for job in ("magnum-exporter", "generator-actuator")
    ]
}
RULES = {"groups": [{"rules": [{"name": name, "health": "ok"} for name in (*ACTING, "GeneratorActuatorDown")]}]}
ALERTMANAGERS = {"activeAlertmanagers": [{"url": "http://127.0.0.1:9093/api/v2/alerts"}]}
RECEIVERS: dict[str, tuple[str, ...]] = {
    "generator": ("http://127.0.0.1:10049/api/v1/alerts",),
    "people": ("email_configs",),
}

HEALTHY = Site(
    heartbeat_timeout=300.0,
    status=STATUS,
    metrics=METRICS,
    page=PAGE,
    targets=TARGETS,
    rules=RULES,
    alertmanagers=ALERTMANAGERS,
    receivers=RECEIVERS,
)


def status(**parts: object) -> Site:
    return msgspec.structs.replace(HEALTHY, status={**STATUS, **parts})


def contact(**parts: object) -> Site:
    return status(contact={**STATUS["contact"], **parts})


def page(**parts: object) -> Site:
    return msgspec.structs.replace(HEALTHY, page={**PAGE, **parts})


def metric(name: str, value: float) -> Site:
    return msgspec.structs.replace(HEALTHY, metrics={**METRICS, f"generator_{name}": [({}, value)]})


def site(**parts: object) -> Site:
    return msgspec.structs.replace(HEALTHY, **parts)


def only(kind: str, *names: str) -> dict[str, Any]:
    return {"groups": [{"rules": [{"name": name, "health": kind, "lastError": "many-to-many"} for name in names]}]}


def worst(broken: Site) -> list[Finding]:
    found = diagnose(broken)
    wrong = [one for one in found if one.state == "wrong"]
    return wrong or [one for one in found if one.state == "note"]


def test_a_healthy_site() -> None:
    findings = diagnose(HEALTHY)
    assert [one for one in findings if one.state != "well"] == []
    assert lines(findings)[-1] == "All is well."
    assert {one.check for one in findings} >= {"devices", "relay", "rules", "people", "heartbeat"}


@pytest.mark.parametrize(
    ("broken", "check", "text", "remedy"),
    [
        (site(config_errors=("actuator.yml:3: bad",)), "configuration", "actuator.yml:3: bad", "--config.check"),
        (site(exposed=("key.pem: everybody reads it",)), "secrets", "key.pem", "chmod o="),
        (site(page="Connection refused"), "exporter", "Connection refused", "systemctl status magnum-exporter"),
        (page(magnum_up=[({"device": "main"}, 0.0)]), "devices", "main (magnum) does not answer", "listen PORT"),
        (page(classic_up=[({"device": "sun"}, 0.0)]), "devices", "sun (classic) does not answer", "cable"),
        (page(magnum_up=[], classic_up=[]), "devices", "has no device", "exporter.yml"),
        (
            page(battery_soc_ratio=[], battery_soc_refused=[({"source": "main", "reason": "jump"}, 1.0)]),
            "state of charge",
            "No source is trusted (main: jump)",
            "BatterySocAbsent",
        ),
        (site(status="no actuator answers"), "actuator", "no actuator answers", "journalctl -u generator-actuator"),
        (
            status(severity="act_now", headline="Locked out.", remedy="Check the engine."),
            "actuator",
            "Locked out.",
            "Check the engine.",
        ),
        (contact(fault="board not found"), "relay", "board not found", "generator-actuator relays"),
        (contact(read_back=None), "relay", "cannot be read", "cable"),
        (contact(read_back=True), "relay", "reads closed, expected open", "cable"),
        (metric("journal_writable", 0), "journal", "cannot be written", "df -h"),
        (metric("journal_mirrored", 0), "mirror", "cannot be written", "mirror:"),
        (site(targets="Connection refused"), "Prometheus", "does not answer", "systemctl status prometheus"),
        (site(targets={"activeTargets": TARGETS["activeTargets"][:1]}), "Prometheus", "no job", "prometheus.yml"),
        (
            site(
                targets={
                    "activeTargets": [
                        TARGETS["activeTargets"][0],
                        {"labels": {"job": "generator-actuator"}, "health": "down", "lastError": "401 Unauthorized"},
                    ]
                }
            ),
            "Prometheus",
            "401 Unauthorized",
            "basic_auth:",
        ),
        (site(rules=only("ok", "BatterySocLow", "GeneratorActuatorDown")), "rules", "GeneratorHeartbeat", "rules.yml"),
        (site(rules=only("err", *ACTING, "GeneratorActuatorDown")), "rules", "many-to-many", "PrometheusRuleFailures"),
        (site(rules=only("ok", *ACTING)), "rules", "rules for people", "people.yml"),
        (site(alertmanagers={}), "Alertmanager", "no Alertmanager", "alerting:"),
        (site(receivers="Connection refused"), "Alertmanager", "does not answer", "prometheus-alertmanager"),
        (site(receivers={"people": ("email_configs",)}), "Alertmanager", "No receiver leads", "alertmanager.yml"),
        (site(receivers={**RECEIVERS, "people": ()}), "people", "Nobody is told", "`people`"),
        (status(last_beat=None), "heartbeat", "None has come since the start", "amtool"),
        (status(last_beat=100.0), "heartbeat", "None has come for 15 min", "amtool"),
    ],
)
def test_a_fault_is_named_with_its_remedy(broken: Site, check: str, text: str, remedy: str) -> None:
    (found,) = worst(broken)
    assert (found.check, found.state) == (check, "wrong")
    assert text in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("odd", "check", "text"),
    [
        (status(mode="off"), "mode", "nothing starts the generator"),
        (status(clock_sane=False), "clock", "not known to be right"),
        (contact(can_read_back=False), "relay", "cannot be read back"),
        (metric("history_writable", 0), "history", "cannot be written"),
        (site(metrics={"generator_journal_writable": [({}, 1.0)]}), "mirror", "There is none"),
        (site(config_warnings=("attempts: 1",)), "configuration", "attempts: 1"),
    ],
)
def test_what_the_owner_should_know_is_a_note(odd: Site, check: str, text: str) -> None:
    (found,) = worst(odd)
    assert (found.check, found.state) == (check, "note")
    assert text in found.text


def test_a_webhook_that_alertmanager_does_not_show_is_known_by_its_receiver() -> None:
    masked = site(receivers={"generator": ("<secret>",), "people": ("email_configs",)})
    assert [one for one in diagnose(masked) if one.state != "well"] == []
    silent = site(receivers={"generator": ("<secret>",), "people": ()})
    assert [one.check for one in diagnose(silent) if one.state == "wrong"] == ["people"]


@pytest.mark.parametrize(
    "strange",
    [
        site(status={"sentence": "of an older version"}),
        site(targets={"activeTargets": None}),
        site(rules={"groups": 1}),
    ],
)
def test_an_answer_of_another_version_hides_nothing_else(strange: Site) -> None:
    found = diagnose(strange)
    assert any("is not understood" in one.text for one in found)
    assert {one.check for one in found if one.state == "well"} >= {"configuration", "devices", "people"}


def test_receivers_of_alertmanagers_file() -> None:
    document = {
        "receivers": [
            {"name": "generator", "webhook_configs": [{"url": "http://x/api/v1/alerts"}]},
            {"name": "people", "email_configs": [{"to": "owner@example.org"}], "pushover_configs": None},
            {"name": "empty"},
        ]
    }
    assert receivers(document) == {
        "generator": ("http://x/api/v1/alerts",),
        "people": ("email_configs",),
        "empty": (),
    }
    assert receivers(None) == receivers({"receivers": None}) == {}
