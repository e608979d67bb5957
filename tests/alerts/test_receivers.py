"""Each way to reach people in alertmanager.yml: uncommented, with the real Alertmanager and a stand-in on loopback."""

from __future__ import annotations

import email
import email.policy
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import free_port, prometheus_tool, run_command, wait_until
from tests.support.alertmanager_config import SHIPPED, alertmanager, send, uncomment
from tests.support.stand_in import Received, StandIn, certificate, server_side, stand_in

slow = pytest.mark.slow

HEADLINE = "The generator did not start."
REMEDY = "Check its fuel, its oil and its starter battery."
LINK = "http://127.0.0.1:10049/runbooks/GeneratorStartFailed"
TITLE = f"Act now · cabin: {HEADLINE}"
ALERT = {
    "labels": {"alertname": "GeneratorStartFailed", "severity": "critical", "site": "cabin", "instance": "pi:10049"},
    "annotations": {"headline": HEADLINE, "remedy": REMEDY, "runbook_url": LINK},
}
WEBHOOKS = "ntfy, Home Assistant and programs of your own"
BLOCKS = ["E-mail", "Telegram", "Pushover", WEBHOOKS, "ntfy, 2.10", "Home Assistant", "Any program"]


def delivered(folder: Path, text: str, service: StandIn, *alerts: dict[str, Any]) -> Received:
    """Let Alertmanager send alerts; return the one request that its receiver for people made."""
    with alertmanager(folder, text) as url:
        send(url, *alerts or (ALERT,))
        wait_until(lambda: service.received, 30, "the message arrives")
    (received,) = service.received
    return received


def with_service(text: str, old: str, service: StandIn) -> str:
    """Return the configuration with an address replaced by the stand-in's."""
    assert text.count(old) >= 1
    return text.replace(old, f"http://127.0.0.1:{service.port}")


def test_every_commented_block_is_a_valid_configuration(tmp_path: Path) -> None:
    every = uncomment(SHIPPED.read_text(), "The dead-man's switch", "An address outside", *BLOCKS)
    (tmp_path / "alertmanager.yml").write_text(every)
    checked = run_command(prometheus_tool("amtool"), "check-config", tmp_path / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "3 receivers" in checked.stdout
    _, *people = yaml.safe_load(every)["receivers"]
    ways = [way for receiver in people for key, ways in receiver.items() if key != "name" for way in ways]
    assert len(ways) == 7
    assert all(way["send_resolved"] is False for way in ways), "an alert also ends when a program dies"


@slow
def test_e_mail(tmp_path: Path) -> None:
    controller = pytest.importorskip("aiosmtpd.controller", reason="make test-slow installs it")
    smtp = pytest.importorskip("aiosmtpd.smtp")
    messages: list[bytes] = []

    class Sink:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: ANN401, N802
            messages.append(envelope.content)
            return "250 OK"

    def sign_in(*arguments: Any) -> Any:  # noqa: ANN401 - types of aiosmtpd
        data = arguments[-1]
        return smtp.AuthResult(success=(data.login, data.password) == (b"site@example.org", b"secret"))

    pem = certificate(tmp_path, "IP:127.0.0.1")
    port = free_port()
    server = controller.Controller(
        Sink(),
        hostname="127.0.0.1",
        port=port,
        tls_context=server_side(pem),
        require_starttls=True,
        authenticator=sign_in,
        auth_required=True,
        auth_exclude_mechanism=["LOGIN"],  # whose challenge is other words than Alertmanager expects
    )
    (tmp_path / "smtp.password").write_text("secret")
    text = uncomment(SHIPPED.read_text(), "E-mail").replace("smtp.example.org:587", f"127.0.0.1:{port}")
    text = text.replace("/etc/prometheus/smtp.password", str(tmp_path / "smtp.password"))
    text = text.replace("      html: ''\n", f"      html: ''\n        tls_config: {{ca_file: {pem}}}\n")
    server.start()
    try:
        with alertmanager(tmp_path, text) as url:
            send(url, ALERT)
            wait_until(lambda: messages, 30, "the message arrives")
    finally:
        server.stop()
    message = email.message_from_bytes(messages[0], policy=email.policy.default)
    assert message["To"] == "owner@example.org"
    assert message["Subject"] == TITLE
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == f"{REMEDY} {LINK}".split()
    sys.stdout.write(f"Subject: {message['Subject']}\n\n{body.get_content()}")


@slow
def test_telegram(tmp_path: Path) -> None:
    sent = {"ok": True, "result": {"message_id": 1, "chat": {"id": 123456789}, "date": 1}}
    with stand_in(answer=sent) as service:
        text = with_service(uncomment(SHIPPED.read_text(), "Telegram"), "https://api.telegram.org", service)
        received = delivered(tmp_path, text, service)
    assert received.path == "/bot0000000000:replace-this-token/sendMessage"
    assert received.json["chat_id"] == "123456789"
    assert received.json["text"] == f"{TITLE}\n{REMEDY}\n{LINK}"
    sys.stdout.write(received.json["text"])


@slow
def test_pushover(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "DNS:api.pushover.net")
    with stand_in(behind_proxy=server_side(pem), answer={"status": 1}) as service:
        text = uncomment(SHIPPED.read_text(), "Pushover")
        proxy = f"{{proxy_url: 'http://127.0.0.1:{service.port}', tls_config: {{ca_file: {pem}}}}}"
        text = text.replace("      token: replace-this", f"      http_config: {proxy}\n        token: replace-this", 1)
        received = delivered(tmp_path, text, service)
    assert (received.host, received.path) == ("api.pushover.net", "/1/messages.json")
    expected = {"title": TITLE, "message": f"{REMEDY}\n{LINK}", "url": LINK, "priority": "1"}
    assert expected.items() <= received.query.items()
    assert (received.query["user"], received.query["token"]) == (
        "replace-this-user-key",
        "replace-this-application-token",
    )
    sys.stdout.write(str(received.query))


def ntfy(received: Received) -> str:
    """Return what ntfy's server makes of a request: its title and text."""
    assert received.path == "/replace-this-topic"
    assert received.query["tpl"] == "yes"
    return f"{filled(received.query['t'], received.json)}\n{filled(received.query['m'], received.json)}"


def filled(template: str, data: dict[str, Any]) -> str:
    """Return a Go template of fields and ranges over JSON, filled in."""

    def one(text: str, at: dict[str, Any]) -> str:
        def value(found: re.Match[str]) -> str:
            inner: Any = at
            for key in found[1].split("."):
                inner = inner.get(key, "<no value>")
            return str(inner)

        return re.sub(r"\{\{\s*\.([\w.]+)\s*\}\}", value, text)

    template = re.sub(
        r"\{\{range \.(\w+)\}\}(.*?)\{\{end\}\}",
        lambda found: "".join(one(found[2], item) for item in data[found[1]]),
        template,
        flags=re.DOTALL,
    )
    return one(template, data)


def home_assistant(received: Received) -> str:
    """Return what the automation that the comment shows makes of a request."""
    assert received.path == "/api/webhook/replace-this-id"
    alert = "trigger.json.alerts[0].annotations"
    shown = " ".join(SHIPPED.read_text().replace("##", "").split())
    assert f'{{title: "{{{{ {alert}.headline }}}}", message: "{{{{ {alert}.remedy }}}}"}}' in shown
    annotations = received.json["alerts"][0]["annotations"]
    return f"{annotations['headline']}\n{annotations['remedy']}"


def any_program(received: Received) -> str:
    assert received.path == "/alerts"
    alert = received.json["alerts"][0]
    return f"{alert['labels']['severity']} {alert['labels']['site']}\n{alert['annotations']['headline']}"


@slow
@pytest.mark.parametrize(
    ("block", "address", "shown", "expected"),
    [
        ("ntfy, 2.10", "https://ntfy.sh", ntfy, f"critical: {HEADLINE} \n{REMEDY} {LINK}\n"),
        ("Home Assistant", "http://homeassistant.local:8123", home_assistant, f"{HEADLINE}\n{REMEDY}"),
        ("Any program", "http://127.0.0.1:8080", any_program, f"critical cabin\n{HEADLINE}"),
    ],
    ids=["ntfy", "Home Assistant", "any program"],
)
def test_webhook(tmp_path: Path, block: str, address: str, shown: Callable[[Received], str], expected: str) -> None:
    with stand_in() as service:
        text = with_service(uncomment(SHIPPED.read_text(), WEBHOOKS, block), address, service)
        received = delivered(tmp_path, text, service)
    assert shown(received) == expected
    sys.stdout.write(shown(received))


def silent(device: str) -> dict[str, Any]:
    labels = {"alertname": "DeviceSilent", "severity": "warning", "device": device}
    return {"labels": labels, "annotations": {"headline": f"No data from <{device}> & *more*.", "remedy": "Look."}}


def telegram_text(folder: Path, *devices: str) -> str:
    """Return the text of the one message about silent devices."""
    sent = {"ok": True, "result": {"message_id": 1, "chat": {"id": 123456789}, "date": 1}}
    with stand_in(answer=sent) as service:
        text = with_service(uncomment(SHIPPED.read_text(), "Telegram"), "https://api.telegram.org", service)
        text = text.replace("group_wait: 30s", "group_wait: 1s")
        received = delivered(folder, text, service, *map(silent, devices))
    return str(received.json["text"])


@slow
def test_several_devices_are_one_message_and_strange_texts_stay_text(tmp_path: Path) -> None:
    assert telegram_text(tmp_path, "main", "roof") == (
        "Check today: No data from <main> & *more*. And more.\nLook.\n\nNo data from <roof> & *more*.\nLook."
    )


@slow
def test_a_message_about_many_devices_names_five_and_counts_them_all(tmp_path: Path) -> None:
    text = telegram_text(tmp_path, *(f"pack{number}" for number in range(50)))
    assert text.count("Look.") == 5
    assert text.endswith("There are more alerts like these: 50 in all.")


@slow
def test_the_heartbeat_reaches_the_dead_mans_switch_and_the_actuator(tmp_path: Path) -> None:
    with stand_in() as outside, stand_in() as actuator:
        text = uncomment(SHIPPED.read_text(), "The dead-man's switch", "An address outside")
        text = with_service(text, "https://hc-ping.com", outside)
        text = with_service(text, "http://127.0.0.1:10049", actuator)
        with alertmanager(tmp_path, text) as url:
            beat = {"labels": {"alertname": "GeneratorHeartbeat", "severity": "none"}}
            send(url, beat)
            wait_until(lambda: outside.received and actuator.received, 30, "the heartbeat arrives at both")
            send(url, {**beat, "endsAt": "2026-01-01T00:00:00Z", "startsAt": "2025-01-01T00:00:00Z"})
    (ping,) = outside.received
    assert ping.path == "/00000000-0000-0000-0000-000000000000"
