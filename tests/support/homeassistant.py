"""A real Home Assistant without a screen, in the folder that tests/e2e/make-homeassistant makes.

Its MQTT integration is configured before its first start, and its first user is made as a browser does it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from tests.support import Process, free_port, wait_until
from tests.support.http import request

HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "magnum-exporter" / "homeassistant"
DATES = dict.fromkeys(("created_at", "modified_at"), "2026-01-01T00:00:00+00:00")

_START = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


class HomeAssistant:
    """Home Assistant; leaving the context ends it and removes its folder.

    Args:
        broker: the port of the MQTT broker on loopback.
    """

    def __init__(self, broker: int) -> None:
        assert (HOME / "versions").exists(), "Home Assistant is not installed: run tests/e2e/make-homeassistant as root"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(dir=HOME / "tmp"))
        (self.folder / "configuration.yaml").write_text(yaml.safe_dump(self._configuration()))
        storage = self.folder / ".storage"
        storage.mkdir()
        (storage / "core.config_entries").write_text(json.dumps(_mqtt_entry(broker)))
        # The steps but that of the user would set up integrations that ask the internet.
        done = {"done": ["core_config", "analytics", "integration"]}
        onboarding = {"version": 4, "minor_version": 1, "key": "onboarding", "data": done}
        (storage / "onboarding").write_text(json.dumps(onboarding))
        inside = f"/{self.folder.relative_to(HOME)}"
        # A namespace of its own for /proc, and for its processes, which end with it.
        self.process = Process(
            (
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _START, HOME),
                *("/opt/homeassistant/bin/hass", "-c", inside, "--skip-pip"),
            )
        )
        self.tokens: dict[str, Any] = {}

    def _configuration(self) -> dict[str, Any]:
        place = {"latitude": 46.0, "longitude": -110.0, "elevation": 2000, "country": "US", "currency": "USD"}
        return {
            "homeassistant": {"name": "Cabin", "unit_system": "metric", "time_zone": "UTC", **place},
            "http": {"server_host": "127.0.0.1", "server_port": self.port},
            **dict.fromkeys(("api", "frontend", "history", "energy")),
            "recorder": {"commit_interval": 1},
            "logger": {"default": "warning"},
        }

    def __enter__(self) -> Self:
        self.process.__enter__()
        try:
            wait_until(self._serves, 180, "Home Assistant serves")
            self.tokens = self._first_user()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, value, traceback)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serves(self) -> bool:
        assert self.process.popen.poll() is None, self.process.output
        try:
            return request("GET", f"{self.url}/api/onboarding", deadline_seconds=5)[0] == 200
        except OSError:
            return False

    def _first_user(self) -> dict[str, Any]:
        """Make a user as the first page does; return the tokens."""
        client = f"{self.url}/"
        user = {"client_id": client, "name": "Owner", "username": "owner", "password": "secret", "language": "en"}
        status, text = request("POST", f"{self.url}/api/onboarding/users", user)
        assert status == 200, text
        form = {"grant_type": "authorization_code", "code": json.loads(text)["auth_code"], "client_id": client}
        status, text = request(
            "POST",
            f"{self.url}/auth/token",
            urllib.parse.urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert status == 200, text
        tokens: dict[str, Any] = json.loads(text)
        return {**tokens, "hassUrl": self.url, "clientId": client}

    def states(self) -> dict[str, dict[str, Any]]:
        """Return every state by its entity."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        status, text = request("GET", f"{self.url}/api/states", None, headers)
        assert status == 200, text
        return {state["entity_id"]: state for state in json.loads(text)}

    def ask(self, kind: str, **parts: object) -> Any:  # noqa: ANN401 - whatever it answers
        """Return the result of a command of its WebSocket API."""
        return asyncio.run(self._ask({"type": kind, **parts}))

    async def _ask(self, command: Mapping[str, object]) -> Any:  # noqa: ANN401 - whatever it answers
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json(timeout=10)
            await socket.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
            assert (await socket.receive_json(timeout=10))["type"] == "auth_ok"
            await socket.send_json({"id": 1, **command})
            answer = await socket.receive_json(timeout=30)
        assert answer["success"], answer
        return answer["result"]


def _mqtt_entry(port: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "data": {"broker": "127.0.0.1", "port": port, "discovery": True},
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "mqtt",
        "entry_id": "01J0000000000000000000MQTT",
        "minor_version": 2,
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [],
        "title": "127.0.0.1",
        "unique_id": None,
        "version": 1,
        **DATES,
    }
    return {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
