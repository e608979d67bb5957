"""Who may do what over HTTP, and which pages may make a browser ask."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import bcrypt
import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from actuator.config import Access, Config
from actuator.config_warnings import open_access
from actuator.loop.runtime import Runtime
from actuator.report.metrics import COMMAND_REJECTIONS, Counts
from actuator.web import server
from tests.actuator.test_config_warnings import BASE
from toolkit import web as toolkit_web
from toolkit.config import ConfigError, decode
from toolkit.webconfig import WebConfig

ACCESS = {"read": ["prometheus"], "notify": ["alertmanager"], "command": ["owner"]}
USERS = ("prometheus", "alertmanager", "owner", "nobody")
READ = [
    *[("GET", path) for path in ("/", "/metrics", "/api/v1/status", "/api/v1/events", "/api/v1/none")],
    *[("GET", path) for path in ("/runbooks/GeneratorDied", "/manifest.webmanifest", "/icon.svg")],
    *[("GET", "/api/v1/journal"), ("HEAD", "/api/v1/status")],
]
COMMANDS = [
    *[("POST", f"/api/v1/{name}") for name in ("mode", "reset", "acknowledge", "settings", "profile")],
    *[("POST", "/-/reload"), ("PUT", "/-/reload"), ("DELETE", "/api/v1/alerts/x"), ("OPTIONS", "/")],
]
NOTIFY = [("POST", "/api/v1/alerts")]
ANYBODY = [("GET", "/-/healthy"), ("GET", "/-/ready")]
MAY = {
    "prometheus": [*READ, *ANYBODY],
    "alertmanager": [*NOTIFY, *ANYBODY],
    "owner": [*READ, *COMMANDS, *ANYBODY],
    "nobody": ANYBODY,
}


class Served:
    """The actuator's HTTP before its first turn: what the guards let through is answered with something else."""

    def __init__(self, folder: Path, *, users: tuple[str, ...] = (), access: dict[str, Any] | None = None) -> None:
        written = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        file = folder / "web.yml"
        file.write_text("basic_auth_users: {" + ", ".join(f"{user}: '{written}'" for user in users) + "}\n")
        self.web_config = WebConfig.load(file)
        self.counts = Counts()
        runtime = SimpleNamespace(
            config=decode(BASE | ({} if access is None else {"access": access}), Config), snapshot=None, ended=True
        )
        runtime.journal = SimpleNamespace(newest=0)
        self.app = server.build(
            cast("Runtime", runtime),
            self.counts,
            CollectorRegistry(),
            version="1",
            web_config=self.web_config,
            reload=None,
            watchers=Mock(),
            history=Mock(),
        )

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[ClientSession]:
        async with (
            toolkit_web.serve(self.app, ["127.0.0.1:0"], self.web_config) as [(_, port)],
            ClientSession(f"http://127.0.0.1:{port}") as session,
        ):
            yield session


def basic(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:right".encode()).decode()}


async def refused(session: ClientSession, user: str, method: str, path: str) -> bool:
    """Return whether it is refused as a thing that the user may not do."""
    async with session.request(method, path, headers=basic(user)) as response:
        return response.status == 403 and (method == "HEAD" or "may not" in await response.text())


@pytest.mark.parametrize("user", USERS)
async def test_each_user_may_do_what_access_gives(tmp_path: Path, user: str) -> None:
    every = [*READ, *COMMANDS, *NOTIFY, *ANYBODY]
    async with Served(tmp_path, users=USERS, access=ACCESS).session() as session:
        allowed = [each for each in every if not await refused(session, user, *each)]
    assert sorted(allowed) == sorted(MAY[user])


async def test_without_access_each_user_may_do_all(tmp_path: Path) -> None:
    async with Served(tmp_path, users=USERS).session() as session:
        for each in (*READ, *COMMANDS, *NOTIFY, *ANYBODY):
            assert not await refused(session, "nobody", *each)


async def test_refusal_names_the_missing_role_and_is_counted_at_the_webhook(tmp_path: Path) -> None:
    served = Served(tmp_path, users=USERS, access=ACCESS)
    async with served.session() as session:
        async with session.post("/api/v1/mode", json={"mode": "on"}, headers=basic("prometheus")) as response:
            text = await response.text()
        assert text == 'User "prometheus" may not command. In the configuration, access names who may.\n'
        assert not sum(served.counts.rejected.values())
        assert served.counts.commands == dict.fromkeys(COMMAND_REJECTIONS, 0) | {"forbidden": 1}
        await refused(session, "prometheus", "POST", "/api/v1/alerts")
    assert served.counts.rejected["unauthenticated"] == 1


def test_access_without_any_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"access: got no user in read, notify or command, expected at least one"):
        decode(BASE | {"access": {"read": []}}, Config)


def test_name_that_is_not_in_the_web_configuration_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text("access:\n  read: [prometheus]\n  command:\n    - owner\n    - ownr\n")
    access = Access(read=("prometheus",), command=("owner", "ownr"))
    access.check(("prometheus", "owner", "ownr"), file)
    with pytest.raises(ConfigError) as caught:
        access.check(("prometheus", "owner"), file)
    assert str(caught.value) == (
        f'{file}:5: access.command[1]: got "ownr", expected a user in basic_auth_users of --web.config.file '
        "(prometheus, owner)"
    )
    with pytest.raises(ConfigError, match=r"access\.read\[0\]: got \"prometheus\", .* \(it has none\)"):
        access.check((), file)


def test_configuration_without_access_is_reported_as_open_to_all() -> None:
    absent, given = decode(BASE, Config), decode(BASE | {"access": ACCESS}, Config)
    assert list(open_access(absent, ())) == [
        "access: got none: whoever reaches the listen address may read, notify and command"
    ]
    assert list(open_access(absent, ("anne", "bob"))) == [
        "access: got none: each user of --web.config.file (anne, bob) may read, notify and command"
    ]
    assert not list(open_access(given, USERS))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("host", "accepted"),
    [
        *[("127.0.0.1", True), ("localhost:10049", True), ("[::1]:10049", True), ("LOCALHOST", True)],
        *[("evil.example", False), ("evil.example:10049", False), ("127.0.0.1.evil.example", False), ("", False)],
    ],
)
async def test_without_users_only_an_address_is_accepted_as_the_host(
    tmp_path: Path, method: str, host: str, *, accepted: bool
) -> None:
    async with (
        Served(tmp_path).session() as session,
        session.request(method, "/api/v1/status", headers={"Host": host}) as response,
    ):
        assert (response.status != 403) == accepted


async def test_with_users_any_host_is_accepted(tmp_path: Path) -> None:
    async with (
        Served(tmp_path, users=("owner",)).session() as session,
        session.get("/-/healthy", headers={"Host": "cabin.example"} | basic("owner")) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("users", [(), ("owner",)])
@pytest.mark.parametrize("headers", [{"Origin": "http://[::1"}, {"Origin": "http://\u2100.example"}, {"Host": "[::1"}])
async def test_malformed_origin_or_host_is_400(tmp_path: Path, headers: dict[str, str], users: tuple[str, ...]) -> None:
    async with (
        Served(tmp_path, users=users).session() as session,
        session.post("/api/v1/mode", json={"mode": "auto"}, headers=headers | basic("owner")) as response,
    ):
        assert (response.status, await response.text()) == (400, "Origin or Host is not valid.\n")
