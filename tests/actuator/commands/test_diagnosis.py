"""What `doctor` finds on broken sites. The answers are those of a healthy site, each broken in one way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from actuator.commands import doctor
from actuator.commands.diagnosis import ACTING, Answers, diagnose, receivers
from actuator.commands.routing import deliveries
from actuator.config import Access
from tests.support import ROOT, broken_sites, prometheus_tool, run_command
from tests.support.broken_sites import (
    HEALTHY,
    RECEIVERS,
    ROUTE,
    TARGETS,
    contact,
    metric,
    rules,
    site,
    status,
    worst,
)
from tests.support.broken_sites import devices as page
from toolkit.findings import lines


def test_a_healthy_site() -> None:
    findings = diagnose(HEALTHY)
    assert [one for one in findings if one.state != "well"] == []
    assert lines(findings)[-1] == "All is well."
    assert {one.check for one in findings} >= {"devices", "relay", "rules", "people", "heartbeat"}


@pytest.mark.parametrize(
    ("broken", "check", "text", "remedy"),
    [
        (site(config_errors=("actuator.yml:3: bad",)), "configuration", "actuator.yml:3: bad", "--config.check"),
        (site(exposed=("key.pem: everybody reads it",)), "secrets", "key.pem", "chmod"),
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
        (contact(read_back=True), "relay", "reads closed, expected open", "at its own switch"),
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
        (site(rules=rules("ok", "BatterySocLow", "GeneratorActuatorDown")), "rules", "GeneratorHeartbeat", "rules.yml"),
        (site(rules=rules("err", *ACTING, "GeneratorActuatorDown")), "rules", "many-to-many", "PrometheusRuleFailures"),
        (site(rules=rules("ok", *ACTING)), "rules", "rules for people", "people.yml"),
        (site(alertmanagers={}), "Alertmanager", "no Alertmanager", "alerting:"),
        (site(receivers="Connection refused"), "Alertmanager", "does not answer", "prometheus-alertmanager"),
        (site(receivers={"people": ("email_configs",)}), "Alertmanager", "No receiver leads", "alertmanager.yml"),
        (site(receivers={**RECEIVERS, "people": ()}), "people", "No one gets messages", "`people`"),
        (status(path="fallback", last_beat=None), "heartbeat", "None has come since the start", "amtool"),
        (status(path="fallback", last_beat=100.0), "heartbeat", "None has come for 15 min", "amtool"),
    ],
)
def test_a_fault_is_named_with_its_remedy(broken: Answers, check: str, text: str, remedy: str) -> None:
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
        (status(path="waiting", last_beat=None), "heartbeat", "decides by itself 5 min after its start"),
    ],
)
def test_what_the_owner_should_know_is_a_note(odd: Answers, check: str, text: str) -> None:
    (found,) = worst(odd)
    assert (found.check, found.state) == (check, "note")
    assert text in found.text


def test_a_webhook_that_alertmanager_masks_is_known_by_its_receiver() -> None:
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
def test_an_answer_of_another_version_hides_nothing_else(strange: Answers) -> None:
    found = diagnose(strange)
    assert any("is not understood" in one.text for one in found)
    assert {one.check for one in found if one.state == "well"} >= {"configuration", "devices", "people"}


def test_the_page_shows_what_both_doctors_find_on_twenty_broken_sites() -> None:
    shown = broken_sites.PAGE.read_text(encoding="utf-8")
    assert broken_sites.render(shown) == shown, "python -m tests.support.broken_sites writes it"
    found = [*broken_sites.rows()]
    assert len(found) + len([*broken_sites.exporter_rows()]) >= 20
    for broken, answers, check in found:
        (one,) = worst(answers)
        assert (one.check, bool(one.remedy)) == (check, True), broken
    assert all(one.remedy for _, one in broken_sites.exporter_rows())


SENT = [
    {"alertname": name, "severity": severity, **more}
    for name in (*ACTING, "GeneratorInhibit", "GeneratorLockedOut", "Own")
    for severity in ("none", "critical", "warning", "info")
    for more in ({}, {"site": "cabin"}, {"site": "barn"})
]
NESTED = """
route:
  receiver: people
  routes:
    - matchers: ['{site=~"ca.+", alertname!="Own"}']
      receiver: cabin
      continue: true
      routes:
        - match: {severity: critical}
          receiver: critical
        - match_re: {alertname: "Generator.*"}
    - matchers: [severity!~"none|info", 'site=barn']
      receiver: barn
receivers: [{name: people}, {name: cabin}, {name: critical}, {name: barn}]
"""


@pytest.mark.parametrize(
    "text", [(ROOT / "alerts" / "alertmanager.yml").read_text(), NESTED], ids=["shipped", "nested"]
)
def test_routes_lead_to_the_receivers_of_amtool(text: str, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(text)
    route = yaml.safe_load(text)["route"]
    for labels in SENT[:: 1 if text == NESTED else 5]:
        words = [f"{name}={value}" for name, value in labels.items()]
        done = run_command(prometheus_tool("amtool"), "config", "routes", "test", f"--config.file={file}", *words)
        assert done.returncode == 0, done.stderr
        assert ",".join(one.receiver for one in deliveries(route, labels)) == done.stdout.strip(), labels


def test_an_alert_is_sent_again_no_sooner_than_its_group() -> None:
    assert [one.every for one in deliveries(ROUTE, {"alertname": "GeneratorHeartbeat"})] == [60.0]
    assert [one.every for one in deliveries({"receiver": "people"}, {})] == [4 * 3600.0]
    assert [one.every for one in deliveries({"receiver": "x", "repeat_interval": "often"}, {})] == [None]


@pytest.mark.parametrize(
    ("access", "clients", "users", "text"),
    [
        (Access(command=("owner",)), {}, ("owner",), "Alertmanager is refused: nobody is in access.notify."),
        (Access(read=("a",), notify=("a",)), {}, ("a",), "Nobody may command"),
        (Access(read=("a",), notify=("a",), command=("o",)), {"read": "b"}, ("a", "b", "o"), "the user b, whom"),
    ],
)
def test_a_role_that_nobody_has(access: Access, clients: dict[str, str], users: tuple[str, ...], text: str) -> None:
    (found,) = worst(site(access=access, clients=clients, users=users))
    assert (found.check, found.state) == ("roles", "wrong")
    assert text in found.text


def test_users_without_roles_are_a_note() -> None:
    (found,) = worst(site(access=None))
    assert (found.check, found.state) == ("roles", "note")
    assert worst(site(access=None, users=())) == []


def test_users_that_prometheus_and_alertmanager_name() -> None:
    alertmanager = {
        "receivers": [
            {
                "name": "people",
                "webhook_configs": [{"url": "https://ntfy.sh/x", "http_config": {"basic_auth": {"username": "me"}}}],
            },
            {
                "name": "generator",
                "webhook_configs": [{"url": "<secret>", "http_config": {"basic_auth": {"username": "am"}}}],
            },
        ]
    }
    prometheus = {
        "scrape_configs": [
            {"job_name": "magnum-exporter", "basic_auth": {"username": "other"}},
            {"job_name": "generator-actuator", "basic_auth": {"username": "prom"}},
        ]
    }
    assert doctor.clients(alertmanager, prometheus) == {"notify": "am", "read": "prom"}
    assert doctor.clients("Connection refused", {"scrape_configs": [{"job_name": "x"}, 1]}) == {}


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
