"""Mosquitto on a free port of loopback, and a client that notes what it gets."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.support import ROOT, Process, free_port, run_command, wait_until


class Mosquitto:
    """A broker; leaving the context ends it. It can be killed and started again on the same port.

    Args:
        folder: for its files.
        users: their passwords, by name; without any, everybody may do all.
        acl: lines of its access list.
        options: more lines of its configuration.
    """

    def __init__(self, folder: Path, users: Mapping[str, str] | None = None, acl: str = "", options: str = "") -> None:
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if users else 'true'}", options]
        if users:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
            passwords.chmod(0o600)
            assert run_command("mosquitto_passwd", "-U", passwords).returncode == 0
            lines.append(f"password_file {passwords}")
        if acl:
            file = folder / "acl"
            file.write_text(acl)
            file.chmod(0o600)
            lines.append(f"acl_file {file}")
        # Mosquitto gives up the rights of root, and could not read the files of a test then.
        self._file.write_text("\n".join([*lines, "user root", ""]))
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Its URL."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = Process([program, "-c", self._file]).__enter__()
        wait_until(self._answers, 10, "Mosquitto answers")

    def kill(self) -> None:
        """Kill it; what it has retained is lost."""
        assert self._process is not None
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)
        self._process.__exit__(None, None, None)
        self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.__exit__(kind, value, traceback)


def documented_acl() -> str:
    """Return the access list of the documentation."""
    text = (ROOT / "docs" / "homeassistant.md").read_text(encoding="utf-8")
    first = "user magnum-exporter\n"
    return first + text.partition(f"```\n{first}")[2].partition("```")[0]


class Message(NamedTuple):
    """A message as it came."""

    topic: str
    text: str
    retained: bool


class Watcher:
    """A client that subscribes to everything and notes it; `publish` sends.

    Args:
        port: of the broker.
        user: name and password.
        version: 5, or 4 for MQTT 3.1.1.
    """

    def __init__(self, port: int, user: tuple[str, str] | None = None, version: int = paho.MQTTv5) -> None:
        self.messages: list[Message] = []
        self._port = port
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(version))
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_message = self._note
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def _note(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.messages.append(Message(message.topic, message.payload.decode(), message.retain))

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._client.subscribe("#")
        assert self._subscribed.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, text: str, *, retain: bool = False) -> None:
        """Send a message, and wait until the broker has it."""
        self._client.publish(topic, text, qos=1, retain=retain).wait_for_publish(10)

    def send(self, topic: str, text: str) -> None:
        """Send a message without waiting for anything."""
        self._client.publish(topic, text)

    def last(self, topic: str) -> str | None:
        """Return the last payload of a topic; None without one."""
        return next((message.text for message in reversed(self.messages) if message.topic == topic), None)

    def count(self, topic: str) -> int:
        """Return how many messages a topic had."""
        return sum(message.topic == topic for message in self.messages)

    def wait(self, topic: str, text: str | None = None, seconds: float = 15.0) -> str:
        """Wait for a topic's message, or for one with this payload; return it."""

        def there() -> str | None:
            last = self.last(topic)
            return last if text is None or last == text else None

        return wait_until(there, seconds, f"{topic} {text or ''}")

    def json(self, topic: str) -> dict[str, Any]:
        """Return the last payload of a topic, which is a JSON object; waits for it."""
        document: dict[str, Any] = json.loads(self.wait(topic))
        return document


def retained(port: int, version: int = paho.MQTTv5) -> dict[str, str]:
    """Return what a broker has retained, by topic."""
    with Watcher(port, version=version) as watcher:
        # The broker's answer to the subscription comes before what it has kept; this one comes after.
        watcher.publish("test/end", "end")
        watcher.wait("test/end", "end")
        return {message.topic: message.text for message in watcher.messages if message.retained}
