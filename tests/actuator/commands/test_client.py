"""The command line against what is not a running actuator of this version."""

from __future__ import annotations

import json

import msgspec
import pytest

from actuator import cli
from actuator.report import status
from tests.actuator.report.test_status import running, snapshot
from tests.support.raw_answers import server

EVIL = "evil\nts=1 level=error \x1b[2J\u202e 4\u00a0h"
SHOWN = msgspec.structs.replace(status.status(snapshot(running())), severity="ok", headline=EVIL)
STATUS = json.dumps({**json.loads(status.document(SHOWN)), "runs": []})


def answer(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no actuator answers at"),
        (answer("{}")[:-1], "no actuator answers at"),
        (answer("[" * 100_000), "no actuator answers at"),
        (answer("cut short", "503 Service Unavailable")[:-3], "cut sh"),
        (answer("{}"), "not as this version"),
        (answer("[]"), "not as this version"),
        (answer("null"), "not as this version"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["reset", "inhibit", "CO"]])
def test_a_wrong_answer_is_one_line_and_exit_1(
    reply: bytes, expected: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with server(reply) as (url, _):
        assert cli.main([*command, "--url", url]) == 1
    shown = capsys.readouterr()
    assert expected in shown.err
    assert (shown.err.count("\n"), shown.out) == (1, "")


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--url", "http://a host:1"]) == 1
    assert "no actuator answers at http://a host:1" in capsys.readouterr().err


def test_what_is_no_visible_character_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    with server(answer(STATUS)) as (url, _):
        assert cli.main(["status", "--url", url]) == 0
    assert capsys.readouterr().out.startswith("[ok] evil\\nts=1 level=error \\x1b[2J\\u202e 4\u00a0h\n      Why: ")


def test_password_in_the_url_is_refused_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--url", "http://owner:secret@127.0.0.1:1"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("got http://***@127.0.0.1:1, expected no user name and password in it: set GENERATOR_")


SPEAK_TO_THE_SERVER = (
    ("status",),
    ("mode", "off"),
    ("profile", "away"),
    ("reset", "lockout"),
    ("reset", "inhibit", "CO"),
    ("acknowledge",),
    ("commission", "--yes"),
    ("journal",),
    ("journal", "--follow"),
    ("runs",),
)


@pytest.mark.parametrize("command", SPEAK_TO_THE_SERVER)
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "The actuator requires a user name and a password, and got none: set GENERATOR_ACTUATOR_USERNAME and "),
        ("owner", "Wrong user name or password (got user owner): correct GENERATOR_ACTUATOR_USERNAME and "),
    ],
)
def test_a_wrong_password_and_none_are_told_apart(
    command: tuple[str, ...],
    user: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NETRC", "/none")
    for name in ("GENERATOR_ACTUATOR_USERNAME", "GENERATOR_ACTUATOR_PASSWORD"):
        monkeypatch.setenv(name, user) if user else monkeypatch.delenv(name, raising=False)
    with server(answer("Wrong user name or password.", "401 Unauthorized")) as (url, _):
        assert cli.main([*command, "--url", url]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(expected)
    assert (shown.err.count("\n"), shown.out) == (1, "")
