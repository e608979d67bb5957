from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import bcrypt
import pytest
from aiohttp import ClientConnectorCertificateError, ClientError, ClientSession, web
from prometheus_client import CollectorRegistry

from tests.support import ROOT
from tests.support.plain_application import plain_application
from toolkit import file_reader
from toolkit import web as toolkit_web
from toolkit.config import ConfigError
from toolkit.webconfig import WebConfig, file_format, passwords

ERRORS = [
    (text, message.rstrip("\n"))
    for block in (Path(__file__).parent / "errors.txt").read_text().split("\n\n")
    for text, _, message in [block.rpartition("=> ")]
]
PROMTOOL = shutil.which("promtool", path=f"{ROOT / '.local/prometheus/usr/bin'}{os.pathsep}{os.environ['PATH']}")
Headers = dict[str, str]


def basic(user: str, password: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


ANNE = basic("anne", "right")


def hashed(password: str, prefix: bytes = b"2b") -> str:
    return (
        bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, b"2b")).replace(b"$2b$", b"$" + prefix + b"$").decode()
    )


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> WebConfig:
    change(text)
    return WebConfig.load(Path("web.yml"))


def change(text: str | None) -> None:
    """Replace the file atomically; None removes it."""
    if text is None:
        Path("web.yml").unlink()
        return
    Path("new.yml").write_text(text)
    Path("new.yml").replace("web.yml")


def users(**passwords_by_user: str) -> str:
    return "basic_auth_users:\n" + "".join(f"  {user}: {written}\n" for user, written in passwords_by_user.items())


@contextlib.asynccontextmanager
async def served(web_config: WebConfig) -> AsyncIterator[ClientSession]:
    app = plain_application(web_config)

    async def take(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app.router.add_post("/take", take)
    scheme = "http" if web_config.ssl_context() is None else "https"
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], web_config) as [(_, port)],
        ClientSession(f"{scheme}://127.0.0.1:{port}") as session,
    ):
        yield session


async def status(session: ClientSession, auth: Headers | None = None, path: str = "/metrics") -> int:
    async with session.get(path, headers=auth) as response:
        return response.status


# The format


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[message[:50] for _, message in ERRORS])
def test_error_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        *["", "# nothing\n", "{}", "basic_auth_users: {}", "http_server_config: {http2: false}"],
        *["basic_auth_users:", "tls_server_config:", "tls_server_config: {}", "http_server_config: {headers: }"],
    ],
)
def test_file_without_settings(text: str) -> None:
    web_config = write(text)
    assert not web_config.has_users
    assert web_config.ssl_context() is None
    assert web_config.headers == {}


def test_without_a_file_there_are_no_users_and_no_tls() -> None:
    web_config = WebConfig.load(None)
    assert not web_config.has_users
    assert web_config.ssl_context() is None


def test_missing_file() -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: no such file"):
        WebConfig.load(Path("none.yml"))


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: deploy/fetch-prometheus")
def test_prometheus_accepts_the_same_file(certificates: Path) -> None:
    text = users(anne=hashed("right", b"2y")) + (
        f"http_server_config: {{headers: {{X-Frame-Options: deny, Strict-Transport-Security: max-age=3600}}}}\n"
        f"tls_server_config: {{cert_file: {certificates}/a.crt, key_file: {certificates}/a.key, min_version: TLS13}}\n"
    )
    write(text)
    assert PROMTOOL is not None
    subprocess.run([PROMTOOL, "check", "web-config", "web.yml"], check=True, capture_output=True, timeout=20)


# Users


async def test_user_and_password() -> None:
    web_config = write(users(anne=hashed("right"), bob=hashed("pässwörd:with colon", b"2y")))
    assert web_config.has_users
    async with served(web_config) as session:
        assert await status(session, ANNE) == 200
        assert await status(session, basic("bob", "pässwörd:with colon")) == 200
        for user, password in [
            ("anne", "wrong"),
            ("bob", "right"),
            ("carl", "right"),
            ("", ""),
            ("anne", ""),
            ("", "right"),
        ]:
            assert await status(session, basic(user, password)) == 401


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/none"])
async def test_every_path_needs_a_password(path: str) -> None:
    async with served(write(users(anne=hashed("right")))) as session, session.get(path) as refused:
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith('Basic realm="')


@pytest.mark.parametrize(
    "header",
    [
        *["", "Basic", "Basic !", "Bearer right", "Basic YW5uZQ==", "Basic /zpyaWdodA==", "Basic YW5uZToA"],
        "Basic YW5uZTpyaWdodA",
    ],
)
async def test_invalid_authorization_header(header: str) -> None:
    async with served(write(users(anne=hashed("right")))) as session:
        assert await status(session, {"Authorization": header}) == 401


async def test_password_longer_than_72_bytes() -> None:
    async with served(write(users(anne=hashed("x" * 100)))) as session:
        assert await status(session, basic("anne", "x" * 100)) == 200
        assert await status(session, basic("anne", "y" * 100)) == 401


async def test_rejected_before_the_body_is_read() -> None:
    async with served(write(users(anne=hashed("right")))) as session, asyncio.timeout(5):
        url = session._base_url
        assert url is not None
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()
        await writer.wait_closed()


class Counted:
    """Counts the calls of bcrypt; they wait while the gate is closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self.check)

    def check(self, password: bytes, written: bytes) -> bool:
        self.calls.append(written)
        assert self.gate.wait(10)
        return self._check(password, written)


async def test_only_matches_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with served(write(users(anne=hashed("right")))) as session:
        for _ in range(3):
            assert await status(session, ANNE) == 200
        assert len(counted.calls) == 1
        for _ in range(3):
            assert await status(session, basic("anne", "wrong")) == 401
        assert len(counted.calls) == 4


async def test_unknown_user_takes_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    written = hashed("right")
    async with served(write(users(anne=written))) as session:
        assert await status(session, basic("anne", "wrong")) == 401
        assert await status(session, basic("carl", "wrong")) == 401
        assert await status(session, basic("carl", "right")) == 401
        assert await status(session, basic("carl", "right")) == 401
        assert counted.calls == [written.encode()] * 4


async def test_check_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with served(write(users(anne=hashed("right")))) as session, asyncio.timeout(10):
        assert await status(session, ANNE) == 200
        counted.gate.clear()
        slow = [asyncio.create_task(status(session, basic("anne", f"wrong {number}"))) for number in range(6)]
        await happens(lambda: len(counted.calls) == 2)
        assert await status(session, ANNE) == 200
        counted.gate.set()
        assert await asyncio.gather(*slow) == [401] * 6


class Crowd:
    """Asks for checks, one after another; none is made before `go`, and no failure is answered before `end`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **written: str) -> None:
        monkeypatch.setattr(passwords, "SLOWDOWN", 1e9)
        self.counted = Counted(monkeypatch)
        self.counted.gate.clear()
        self.checked = passwords.Passwords()
        self.users = {user: text.encode() for user, text in (written or {"anne": hashed("right")}).items()}
        self.tasks: list[asyncio.Task[str | int | None]] = []

    def ask(
        self, user: str, password: str, remote: str, connected: Callable[[], bool] = lambda: True
    ) -> asyncio.Task[str | int | None]:
        async def match() -> str | int | None:
            header = basic(user, password)["Authorization"]
            try:
                return await self.checked.match(self.users, header, remote, connected)
            except web.HTTPServiceUnavailable as refusal:
                return refusal.status

        task = asyncio.create_task(match())
        self.tasks.append(task)
        return task

    async def checks_until(self, task: asyncio.Task[str | int | None]) -> int:
        """Begin; return how many checks were made until the task was done, with its own."""
        await happens(lambda: bool(self.counted.calls))
        self.counted.gate.set()
        async with asyncio.timeout(20):
            await task
        return len(self.counted.calls)

    async def end(self) -> set[str | int | None]:
        """End the server; return all answers."""
        self.counted.gate.set()
        self.checked.end()
        async with asyncio.timeout(20):
            return set(await asyncio.gather(*self.tasks))


async def happens(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is inside the code under test
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "10.0.0.1", "10.0.0.2", "fe80::1%eth0"])
async def test_wrong_passwords_of_a_known_user_do_not_keep_the_right_one_out(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    crowd = Crowd(monkeypatch)
    for number in range(50):
        crowd.ask("anne", f"wrong {number}", "127.0.0.1")
        crowd.ask("anne", f"wrong {number}", "10.0.0.1")
    right = crowd.ask("anne", "right", address)
    assert await crowd.checks_until(right) <= 5
    assert right.result() == "anne"
    assert await crowd.end() == {"anne", None, 503}


async def test_one_wrong_client_at_each_of_many_addresses_blocks_no_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd(monkeypatch)
    for number in range(200):
        crowd.ask("anne", "wrong", f"10.0.0.{number}")
    rights = [crowd.ask("anne", "right", remote) for remote in ("127.0.0.1", "10.0.1.1")]
    assert await crowd.checks_until(rights[0]) <= 3
    await crowd.end()


async def test_address_that_has_failed_comes_after_one_that_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    first = crowd.ask("anne", "wrong", "10.0.0.1")
    await happens(lambda: len(crowd.counted.calls) == 1)
    crowd.counted.gate.set()
    await happens(lambda: crowd.checked._held.total() == 1)
    crowd.counted.gate.clear()
    crowd.ask("anne", "wrong", "10.0.0.3")
    await happens(lambda: len(crowd.counted.calls) == 2)
    crowd.ask("anne", "wrong", "10.0.0.1")
    right = crowd.ask("anne", "right", "10.0.0.2")
    crowd.ask("anne", "wrong", "10.0.0.1")
    assert await crowd.checks_until(right) == 3
    assert not first.done()
    await crowd.end()


async def test_network_counts_as_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    crowd.ask("anne", "wrong", "2001:db8::1")
    await happens(lambda: len(crowd.counted.calls) == 1)
    crowd.counted.gate.set()
    await happens(lambda: crowd.checked._held.total() == 1)
    assert list(crowd.checked._turns._failed) == ["2001:db8::/64"]
    await crowd.end()


async def test_client_that_is_gone_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    crowd.ask("anne", "wrong", "127.0.0.1")
    for number in range(50):
        crowd.ask("anne", f"wrong {number}", "127.0.0.1", lambda: False)
    right = crowd.ask("anne", "right", "127.0.0.1")
    assert await crowd.checks_until(right) == 2
    await crowd.end()


async def test_wrong_password_is_noted_although_its_client_leaves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, free, noted = threading.Event(), threading.Event(), list[str]()

    def match(*_: object) -> bool:
        begun.set()
        return not free.wait(10)

    monkeypatch.setattr(passwords, "_matches", match)
    client = asyncio.create_task(
        passwords.Passwords().match(
            {"anne": hashed("right").encode()},
            basic("anne", "guess")["Authorization"],
            failed=lambda: noted.append("x"),
        )
    )
    await asyncio.to_thread(begun.wait, 10)
    client.cancel()
    await asyncio.sleep(0)
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await client
    assert noted == ["x"]


async def test_full_queue_lets_the_newcomer_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "QUEUE", 20)
    crowd = Crowd(monkeypatch)
    for number in range(100):
        crowd.ask("anne", f"wrong {number}", "10.0.0.1")
    right = crowd.ask("anne", "right", "10.0.0.2")
    assert await crowd.checks_until(right) <= 3
    assert right.result() == "anne"
    assert await crowd.end() == {"anne", None, 503}
    assert len(crowd.counted.calls) <= 21


async def test_known_and_unknown_names_are_answered_alike_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "QUEUE", 8)
    crowd = Crowd(monkeypatch)
    answers: dict[str, set[str | int | None]] = {}
    for user in ("anne", "nobody"):
        crowd.counted.gate.clear()
        crowd.tasks = []
        for number in range(40):
            crowd.ask(user, f"wrong {number}", "10.0.0.1")
        await happens(lambda: sum(task.done() for task in crowd.tasks) == 31)
        crowd.counted.gate.set()
        await happens(lambda: crowd.checked._held.total() == 9)
        await crowd.end()
        answers[user] = {task.result() for task in crowd.tasks}
        crowd.checked = passwords.Passwords()
    assert answers["anne"] == answers["nobody"] == {None, 503}


async def test_dropped_check_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "QUEUE", 1)
    crowd = Crowd(monkeypatch)
    tasks = [crowd.ask("anne", "right", "10.0.0.1") for _ in range(3)]
    await happens(lambda: sum(task.done() for task in tasks) == 1)
    assert [task.result() for task in tasks if task.done()] == [503]
    assert await crowd.end() == {"anne", 503}


async def test_failure_waits_for_its_own_address_only(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    monkeypatch.setattr(passwords, "SLOWDOWN", 100)
    for _ in range(50):
        crowd.ask("anne", "wrong", "10.0.0.1")
    crowd.counted.gate.set()
    await happens(lambda: crowd.checked._held.total() + sum(task.done() for task in crowd.tasks) == 50)
    assert crowd.checked._held["10.0.0.1"] == 50, "a check takes 2 ms: they are answered after 10 s"
    async with asyncio.timeout(5):
        assert await crowd.ask("anne", "typo", "10.0.0.2") is None
    await crowd.end()
    assert not crowd.checked._held


async def test_nothing_is_kept_of_clients_that_left_after_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "SLOWDOWN", 1e9)
    web_config = write(users(anne=hashed("right")))
    held = web_config._passwords._held
    async with served(web_config) as session:
        asked = [asyncio.create_task(status(session, basic("anne", f"wrong {number}"))) for number in range(20)]
        await happens(lambda: held.total() == 20)
        for one in asked:
            one.cancel()
        await happens(lambda: not held)


async def test_check_whose_client_leaves_keeps_its_turn_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    counted.gate.clear()
    web_config = write(users(anne=hashed("right")))
    turns = web_config._passwords._turns
    async with served(web_config) as session:
        checked = asyncio.create_task(status(session, basic("anne", "wrong")))
        await happens(lambda: len(counted.calls) == 1)
        checked.cancel()
        for _ in range(3):
            waits = asyncio.create_task(status(session, basic("anne", "wrong")))
            await happens(lambda: turns.waiting("127.0.0.1") == 1)
            waits.cancel()
            await happens(lambda: turns.waiting("127.0.0.1") == 0)
        assert len(counted.calls) == 1, "one check at a time, however fast clients come and go"
        counted.gate.set()
        await happens(lambda: "127.0.0.1" in turns._failed)


async def test_failures_are_answered_late_and_a_success_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    wrong = crowd.ask("anne", "wrong", "127.0.0.1")
    assert await crowd.checks_until(crowd.ask("anne", "right", "127.0.0.1")) == 2
    assert not wrong.done()
    assert await crowd.end() == {"anne", None}


async def test_renamed_user_is_not_let_in_under_the_old_name() -> None:
    checked, written = passwords.Passwords(), hashed("right").encode()
    assert await checked.match({"anne": written}, ANNE["Authorization"]) == "anne"
    assert await checked.match({"bob": written}, ANNE["Authorization"]) is None
    assert await checked.match({"bob": written}, basic("bob", "right")["Authorization"]) == "bob"


async def test_every_user_takes_the_highest_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    work = 0

    def spend(_: bytes, written: bytes) -> bool:
        nonlocal work
        work += 2 ** int(written.split(b"$")[2])
        return False

    monkeypatch.setattr(bcrypt, "checkpw", spend)
    monkeypatch.setattr(bcrypt, "hashpw", spend)
    checked = passwords.Passwords()
    written = {"cheap": b"$2b$04$x", "dear": b"$2y$09$x", "middle": b"$2a$07$x"}
    spent = {}
    for user in (*written, "nobody"):
        work = 0
        assert not await checked.match(written, basic(user, "wrong")["Authorization"])
        spent[user] = work
    assert set(spent.values()) == {2**9}


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED", 2)
    checked = passwords.Passwords()
    written = {user: hashed(user).encode() for user in "abc"}
    for user in "abcabc":
        assert await checked.match(written, basic(user, user)["Authorization"])
    assert len(checked._matched) == 2


async def test_wrong_password_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with served(write(users(anne=hashed("right")))) as session:
        await status(session)
        assert not caplog.records
        await status(session, basic("anne", "wrong"))
        await status(session, basic("anne", "secret"))
    assert [record.getMessage() for record in caplog.records] == ["wrong user name or password"]
    assert "secret" not in str(caplog.records[0].__dict__)


# Headers


async def test_headers_on_every_response() -> None:
    text = users(anne=hashed("right")) + "http_server_config:\n  headers:\n    X-Frame-Options: DENY\n"
    text += "    X-Content-Type-Options: nosniff\n    Content-Security-Policy: default-src 'self'\n"
    async with served(write(text)) as session:
        for auth, path in ((None, "/"), (ANNE, "/"), (ANNE, "/none")):
            async with session.get(path, headers=auth) as response:
                assert response.headers["X-Frame-Options"] == "DENY"
                assert response.headers.getall("Content-Security-Policy") == ["default-src 'self'"]


# Changes


async def test_change_applies_at_the_next_request() -> None:
    web_config = write(users(anne=hashed("right")))
    async with served(web_config) as session:
        assert await status(session, ANNE) == 200
        change(users(anne=hashed("other")))
        assert await status(session, ANNE) == 401
        change(users(anne=hashed("right"), bob=hashed("b")))
        assert await status(session, basic("bob", "b")) == 200
        change(users(bob=hashed("b")))
        assert await status(session, ANNE) == 401


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("basic_auth_users: {", "not YAML"),
        ("", "basic_auth_users: got no users, expected at least one, or a restart"),
        ("basic_auth_user: {}", "basic_auth_user: got an unknown key"),
        (
            "tls_server_config: {cert_file: a, key_file: b}",
            "tls_server_config.cert_file: got a, which cannot be read",
        ),
        (None, "no such file"),
    ],
)
async def test_invalid_edit_is_logged_once(edit: str | None, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    good = users(anne=hashed("right"))
    web_config = write(good)
    async with served(web_config) as session:
        change(edit)
        for _ in range(3):
            assert await status(session) == 401
            assert await status(session, ANNE) == 200
        assert [record.getMessage() for record in caplog.records] == ["invalid web configuration, the old one stays"]
        assert reason in str(caplog.records[0].__dict__["fields"]["error"])
        change(good + "  bob: " + hashed("b") + "\n")
        assert await status(session, basic("bob", "b")) == 200
        assert len(caplog.records) == 1


async def test_rejected_edit_is_a_metric_until_the_file_is_valid_again() -> None:
    registry = CollectorRegistry()
    web_config = write(users(anne=hashed("right")))
    web_config.register(registry, prefix="x")
    values = []
    for text in (None, "basic_auth_users: {", users(bob=hashed("b")), "", users(anne=hashed("right"))):
        values.append(registry.get_sample_value("x_web_config_last_reload_successful"))
        change(text)
    values.append(registry.get_sample_value("x_web_config_last_reload_successful"))
    assert values == [1, 0, 0, 1, 0, 1]


async def test_file_that_could_not_be_read_is_read_again_though_it_has_not_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    registry = CollectorRegistry()
    write(users(anne=hashed("right")))
    web_config = WebConfig(Path("web.yml"), clock=lambda: now)
    web_config.register(registry, prefix="x")

    def unreadable(*_arguments: object) -> None:
        raise ConfigError("", "too many open files", "", file="web.yml")

    change(users(bob=hashed("b")))
    with monkeypatch.context() as patched:
        patched.setattr(file_format.File, "read", unreadable)
        assert web_config.users == ("anne",)
        now = 30.0
        assert web_config.users == ("anne",)
    assert [record.getMessage() for record in caplog.records] == ["invalid web configuration, the old one stays"]
    assert web_config.users == ("anne",)
    now = 41.0
    assert web_config.users == ("bob",)
    assert registry.get_sample_value("x_web_config_last_reload_successful") == 1


def test_change_of_the_mode_is_a_change() -> None:
    web_config = write(users(anne=hashed("right")))
    before = dict(web_config._stamps)
    Path("web.yml").chmod(0o640)
    assert web_config.users == ("anne",)
    assert web_config._stamps != before


async def test_users_added_to_an_open_server() -> None:
    web_config = write("")
    async with served(web_config) as session:
        assert await status(session) == 200
        change(users(anne=hashed("right")))
        assert await status(session) == 401
        assert web_config.has_users


# TLS


def trusting(certificates: Path, name: str, client: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / f"{name}.crt"))
    if client is not None:
        context.load_cert_chain(certificates / f"{client}.crt", certificates / f"{client}.key")
    return context


async def check_admission(session: ClientSession, context: ssl.SSLContext, *, accepted: bool) -> None:
    if accepted:
        assert (await session.get("/metrics", ssl=context)).status == 200
    else:
        with pytest.raises((ClientError, ConnectionError)):
            await session.get("/metrics", ssl=context)


def tls(certificates: Path, name: str, more: str = "") -> str:
    """Return a configuration that names copies in the same folder, by relative paths."""
    folder = Path("tls")
    folder.mkdir(exist_ok=True)
    for end in ("crt", "key"):
        shutil.copy(certificates / f"{name}.{end}", folder / f"new.{end}")
        (folder / f"new.{end}").replace(folder / f"server.{end}")
    return f"tls_server_config:\n  cert_file: tls/server.crt\n  key_file: tls/server.key\n{more}"


async def test_a_page_with_a_certificate_is_served_over_tls_alone(certificates: Path) -> None:
    web_config = write(tls(certificates, "a") + users(anne=hashed("right")))
    async with served(web_config) as session:
        trusted = trusting(certificates, "a")
        assert (await session.get("/metrics", ssl=trusted)).status == 401
        assert (await session.get("/metrics", ssl=trusted, headers=ANNE)).status == 200
        with pytest.raises(ClientConnectorCertificateError):
            await session.get("/metrics", ssl=trusting(certificates, "b"))
        plain = str(session._base_url).replace("https", "http")
        with pytest.raises(ClientError):
            await session.get(f"{plain}metrics")


async def test_renewed_certificate(certificates: Path, caplog: pytest.LogCaptureFixture) -> None:
    web_config = write(tls(certificates, "a"))
    old, new = trusting(certificates, "a"), trusting(certificates, "b")
    async with served(web_config) as session:
        assert await handshake(session, old)
        shutil.copy(certificates / "b.crt", "tls/server.crt")
        assert await handshake(session, old), "the new certificate is there and its key is not yet"
        assert len(caplog.records) == 1
        assert "KEY_VALUES_MISMATCH" in str(caplog.records[0].__dict__["fields"]["error"])
        shutil.copy(certificates / "b.key", "tls/server.key")
        assert await handshake(session, new)
        assert not await handshake(session, old)
        assert len(caplog.records) == 1


async def handshake(session: ClientSession, context: ssl.SSLContext) -> bool:
    url = session._base_url
    assert url is not None
    try:
        _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    with contextlib.suppress(ssl.SSLError):
        await writer.wait_closed()
    return True


@pytest.mark.parametrize(
    ("policy", "client", "accepted"),
    [
        ("RequireAndVerifyClientCert", "client", True),
        ("RequireAndVerifyClientCert", "stranger", False),
        ("RequireAndVerifyClientCert", None, False),
        ("VerifyClientCertIfGiven", None, True),
        ("VerifyClientCertIfGiven", "client", True),
        ("VerifyClientCertIfGiven", "stranger", False),
    ],
)
async def test_client_certificates(certificates: Path, policy: str, client: str | None, *, accepted: bool) -> None:
    shutil.copy(certificates / "ca.crt", "ca.crt")
    web_config = write(tls(certificates, "a", f"  client_auth_type: {policy}\n  client_ca_file: ca.crt\n"))
    async with served(web_config) as session:
        await check_admission(session, trusting(certificates, "a", client), accepted=accepted)


async def negotiates(session: ClientSession, certificates: Path, version: ssl.TLSVersion) -> bool:
    """Return whether the server answers a client of this version alone."""
    context = trusting(certificates, "a")
    context.minimum_version = context.maximum_version = version
    try:
        return (await session.get("/metrics", ssl=context)).status == 200
    except ClientError:
        return False


@pytest.mark.parametrize(
    ("bounds", "version", "accepted"),
    [
        ("", ssl.TLSVersion.TLSv1_2, True),
        ("", ssl.TLSVersion.TLSv1_3, True),
        ("  min_version: TLS13\n", ssl.TLSVersion.TLSv1_2, False),
        ("  max_version: TLS12\n", ssl.TLSVersion.TLSv1_3, False),
    ],
)
async def test_a_client_may_use_only_the_tls_versions_within_the_bounds(
    certificates: Path, bounds: str, version: ssl.TLSVersion, *, accepted: bool
) -> None:
    async with served(write(tls(certificates, "a", bounds))) as session:
        assert await negotiates(session, certificates, version) is accepted


@pytest.mark.parametrize(
    ("suites", "version", "accepted"),
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ssl.TLSVersion.TLSv1_2, True),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ssl.TLSVersion.TLSv1_2, False),  # the certificate has another key
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ssl.TLSVersion.TLSv1_3, True),
        ("TLS_AES_128_GCM_SHA256", ssl.TLSVersion.TLSv1_2, False),
        ("TLS_AES_128_GCM_SHA256", ssl.TLSVersion.TLSv1_3, True),
    ],
)
async def test_cipher_suites(certificates: Path, suites: str, version: ssl.TLSVersion, *, accepted: bool) -> None:
    async with served(write(tls(certificates, "a", f"  cipher_suites: [{suites}]\n"))) as session:
        assert await negotiates(session, certificates, version) is accepted


def test_every_cipher_suite_is_known_to_openssl() -> None:
    for name in filter(None, file_format._CIPHERS.values()):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(name)


@pytest.mark.parametrize(("prefer", "preferred"), [("true", True), ("false", False)])
def test_order_of_the_cipher_suites(certificates: Path, prefer: str, *, preferred: bool) -> None:
    settings = write(tls(certificates, "a", f"  prefer_server_cipher_suites: {prefer}\n"))._current()
    assert settings.tls is not None
    assert bool(settings.tls.options & ssl.OP_CIPHER_SERVER_PREFERENCE) == preferred


@pytest.mark.parametrize(
    ("allowed", "policy", "client", "accepted"),
    [
        ("[127.0.0.1]", "RequireAndVerifyClientCert", "client", True),
        ("[cabin, 127.0.0.1]", "RequireAndVerifyClientCert", "client", True),
        ("[cabin]", "RequireAndVerifyClientCert", "client", False),
        ("[client]", "RequireAndVerifyClientCert", "client", False),  # the common name does not count
        ("[cabin]", "VerifyClientCertIfGiven", None, True),
        ("[cabin]", "VerifyClientCertIfGiven", "client", False),
        ("[]", "RequireAndVerifyClientCert", "client", True),
    ],
)
async def test_client_allowed_sans(
    certificates: Path, allowed: str, policy: str, client: str | None, *, accepted: bool
) -> None:
    shutil.copy(certificates / "ca.crt", "ca.crt")
    more = f"  client_auth_type: {policy}\n  client_ca_file: ca.crt\n  client_allowed_sans: {allowed}\n"
    async with served(write(tls(certificates, "a", more))) as session:
        await check_admission(session, trusting(certificates, "a", client), accepted=accepted)


def test_alternative_names_are_written_as_go_does() -> None:
    names = (("DNS", "a.b"), ("IP Address", "FE80:0:0:0:0:0:0:1"), ("email", "a@b"), ("URI", "spiffe://x"))
    change("")
    for allowed, admitted in [("fe80::1", True), ("a.b", True), ("a@b", True), ("spiffe://x", True), ("b", False)]:
        web_config = WebConfig.load(Path("web.yml"))
        web_config._settings = dataclasses.replace(web_config._settings, allowed_sans=frozenset({allowed}))
        assert web_config.admits({"subjectAltName": names}) == admitted


def test_hash_of_a_high_cost_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    costs = {f"cost{number}": hashed("x").replace("$04$", f"${number}$") for number in (14, 15)}
    write(users(**costs))
    assert [record.__dict__["fields"]["user"] for record in caplog.records] == ["cost15"]


def test_unquoted_user_names_are_as_they_are_written() -> None:
    assert write(users(**{"7": hashed("x"), "007": hashed("x"), "true": hashed("x")})).users == ("7", "007", "true")


async def test_edit_does_not_turn_tls_off(certificates: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with served(write(tls(certificates, "a"))) as session:
        change("")
        assert (await session.get("/metrics", ssl=trusting(certificates, "a"))).status == 200
        assert "got TLS turned off, expected a restart" in str(caplog.records[0].__dict__["fields"]["error"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cert_file: none.crt", "got none.crt, which cannot be read (No such file or directory)"),
        ("cert_file: web.yml", "got web.yml and tls/server.key, which OpenSSL rejects"),
        ("key_file: locked.key", "got tls/server.crt and locked.key, which OpenSSL rejects"),
        ("key_file: b.key", "which OpenSSL rejects (KEY_VALUES_MISMATCH)"),
        ("client_ca_file: web.yml", "got web.yml, which OpenSSL rejects"),
    ],
)
def test_unusable_files(certificates: Path, line: str, message: str) -> None:
    for name in ("locked.key", "b.key"):
        shutil.copy(certificates / name, name)
    key = line.partition(":")[0]
    lines = [old for old in tls(certificates, "a").splitlines() if key not in old]
    if key == "client_ca_file":
        lines.append("  client_auth_type: RequireAndVerifyClientCert")
    with pytest.raises(ConfigError) as caught:
        write("\n".join([*lines, f"  {line}\n"]))
    place = "cert_file" if key == "key_file" else key
    assert f"tls_server_config.{place}: got " in str(caught.value)
    assert message in str(caught.value)
    assert str(caught.value).startswith("web.yml:")


def test_files_that_everybody_may_write_or_read_are_exposed(certificates: Path) -> None:
    clients = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: tls/ca.crt\n"
    source = tls(certificates, "a", clients)
    shutil.copy(certificates / "a.crt", "tls/ca.crt")
    web_config = write(source)
    for file in ("web.yml", "tls/server.crt", "tls/ca.crt"):
        Path(file).chmod(0o644)
    assert not list(web_config.exposed())
    for file in ("web.yml", "tls/server.crt", "tls/ca.crt"):
        Path(file).chmod(0o646)
    Path("tls/server.key").chmod(0o644)
    assert [sentence.partition(": got")[0] for sentence in web_config.exposed()] == [
        "--web.config.file",
        "tls_server_config.cert_file",
        "tls_server_config.key_file",
        "tls_server_config.client_ca_file",
    ]


def test_a_file_and_its_key_are_exposed_to_a_command_too(tmp_path: Path) -> None:
    web, key = tmp_path / "other-web.yml", tmp_path / "tls.key"
    assert list(file_format.exposed(web)) == []
    web.write_text("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n")
    web.chmod(0o640)
    key.touch(0o600)
    assert list(file_format.exposed(web)) == []
    web.chmod(0o646)
    key.chmod(0o644)
    of_file, of_key = file_format.exposed(web)
    assert of_file.startswith(f"--web.config.file: got {web} with mode 0646, which everybody may write")
    assert of_key.startswith(f"tls_server_config.key_file: got {key} with mode 0644, which everybody may read")
    web.write_text("tls_server_config: [")
    assert len(list(file_format.exposed(web))) == 1


def test_unreadable_key(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(tls(certificates, "a"))
    Path("tls/server.key").chmod(0o000)
    if os.access("tls/server.key", os.R_OK):
        read = file_reader.read_bytes
        monkeypatch.setattr(
            file_reader, "read_bytes", lambda path: read(path) if path.suffix == ".yml" else _denied(path)
        )
    with pytest.raises(ConfigError, match=r"which cannot be read \(Permission denied\)"):
        WebConfig.load(Path("web.yml"))


def _denied(path: Path) -> bytes:
    raise PermissionError(13, "Permission denied", str(path))
