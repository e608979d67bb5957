"""The options under `mqtt:`, and what is refused with the place, what was got, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from actuator.config import Broker
from toolkit.config import ConfigError, Duration, decode
from toolkit.homeassistant import config as module
from toolkit.homeassistant.config import Mqtt, exposed, wrong_files


def test_only_the_url_is_required() -> None:
    options = decode({"url": "mqtt://broker"}, Mqtt)
    assert (options.host, options.port, options.protocol) == ("broker", 1883, 5)
    assert (options.discovery_prefix, options.base_topic) == ("homeassistant", "magnum")
    assert (options.interval, options.min_interval) == (Duration(30), Duration(5))
    assert decode({"url": "mqtts://[::1]"}, Mqtt).port == 8883
    assert decode({"url": "mqtt://b:1/", "protocol": "3.1.1"}, Mqtt).protocol == "3.1.1"


@pytest.mark.parametrize(
    ("changes", "where", "expected"),
    [
        ({"url": "broker:1883"}, "url", "mqtt://broker:1883"),
        ({"url": "http://broker"}, "url", "mqtt://broker:1883"),
        ({"url": "mqtt://broker:99999"}, "url", "mqtt://broker:1883"),
        ({"url": "mqtt://broker/topic"}, "url", "mqtt://broker:1883"),
        ({"url": "mqtt://u:secret@broker"}, "url", "username: and password_file:"),
        ({"username": "magnum"}, "", "both or neither"),
        ({"url": "mqtts://b", "cert_file": "a"}, "", "both or neither"),
        ({"ca_file": "ca.pem"}, "ca_file", "mqtts://"),
        ({"base_topic": "a/b"}, "base_topic", "letters, digits and _"),
        ({"base_topic": "a-b"}, "base_topic", "letters, digits and _"),
        ({"base_topic": ""}, "base_topic", "letters, digits and _"),
        ({"discovery_prefix": "home+"}, "discovery_prefix", "homeassistant"),
        ({"interval": "1s"}, "interval", "at least min_interval"),
        ({"min_interval": "0s"}, "min_interval", "more than zero"),
        ({"protocol": 4}, "protocol", "5"),
        ({"topic": "x"}, "topic", ""),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, object], where: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decode({"url": "mqtt://broker", **changes}, Mqtt)
    assert where in {error.where for error in caught.value.each()}
    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "mqtt://127.0.0.1"},
        {"url": "mqtt://localhost:1884"},
        {"url": "mqtt://[::1]"},
        {"url": "mqtts://broker", "username": "a", "password_file": "p"},
        {"url": "mqtts://broker", "cert_file": "c", "key_file": "k"},
    ],
)
def test_commands_from_a_broker_that_nobody_else_can_use(options: dict[str, object]) -> None:
    assert decode({**options, "commands": True}, Broker).commands


@pytest.mark.parametrize(
    "options",
    [
        {"url": "mqtt://broker"},
        {"url": "mqtt://broker", "username": "a", "password_file": "p"},
        {"url": "mqtts://broker"},
        {"url": "mqtts://broker", "ca_file": "ca"},
        {"url": "mqtt://127.0.0.1.example"},
    ],
)
def test_commands_from_any_other_broker_are_refused(options: dict[str, object]) -> None:
    assert not decode(options, Broker).commands
    with pytest.raises(
        ConfigError, match=r"commands: got true, expected false, or a broker on this machine, or .*mqtts"
    ):
        decode({**options, "commands": True}, Broker)


def test_files_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = tmp_path / "password"
    options = decode({"url": "mqtt://b", "username": "a", "password_file": str(password)}, Mqtt)
    assert [error.where for error in wrong_files(options)] == ["mqtt.password_file"]
    password.write_text("secret")
    password.chmod(0o644)
    assert not [*wrong_files(options)]
    (sentence,) = exposed(options)
    assert "mqtt.password_file" in sentence
    assert "chmod 0640" in sentence
    password.chmod(0o640)
    assert not [*exposed(options)]
    certificates = tmp_path / "ca.pem"
    certificates.touch(0o644)
    encrypted = decode({"url": "mqtts://b", "ca_file": str(certificates)}, Mqtt)
    assert not [*exposed(encrypted)]
    certificates.chmod(0o646)
    (sentence,) = exposed(encrypted)
    assert "mqtt.ca_file" in sentence
    assert "chmod o-w" in sentence
    assert not [*exposed(None), *wrong_files(None)]
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert "deploy/install mqtt, in /usr/local/src/magnum-exporter" in str(next(wrong_files(options)))
