"""The command line against what is not a running actuator of this version."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actuator import cli
from actuator.commands import client
from actuator.commands import journal as journal_command
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
@pytest.mark.parametrize("command", [["status"], ["reset", "inhibit", "CO"], ["commission", "--yes"], ["runs"]])
def test_a_wrong_answer_is_one_line_and_exit_1(
    reply: bytes, expected: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with server(reply) as (url, _):
        assert cli.main([*command, "--url", url]) == 1
    shown = capsys.readouterr()
    assert expected in shown.err
    assert (shown.err.count("\n"), shown.out) == (1, "")


@pytest.mark.parametrize(
    "wrong", [{"began": 1e300}, {"began": 1e17}, {"ampere_hours": float("inf")}, {"seconds": float("inf")}]
)
def test_a_number_that_cannot_be_is_one_line_and_exit_1(
    wrong: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    run = {"number": 1, "began": 1e9, "seconds": 60.0, "cause": "manual", "soc_before": None, "soc_after": None}
    run |= {"ampere_hours": None, "confirmed": True, "ended": None, "end": None}
    for one, code in ((run, 0), (run | wrong, 1)):
        # JSON has no infinity; a number that is too large is read as one.
        body = json.dumps({"runs": [one]}).replace("Infinity", "1e999")
        with server(answer(body)) as (url, _):
            assert cli.main(["runs", "--url", url]) == code
    shown = capsys.readouterr().err
    assert ("not as this version" in shown, shown.count("\n")) == (True, 1)


def test_a_doctor_survives_an_answer_of_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(answer("[" * 100_000)) as (url, _):
        flags = [f"--config.file={tmp_path / 'actuator.yml'}", "--url", url]
        assert cli.main(["doctor", *flags, "--prometheus", url, "--alertmanager", url]) == 1
    assert "its answer is not understood (RecursionError: " in capsys.readouterr().out


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
    ("status", "--watch"),
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
def test_a_wrong_password_and_none_have_different_errors(
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


class Journal:
    """Answers as `GET /api/v1/journal` does, from rows in memory."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, number: int, time: str) -> None:
        self.rows.append({"id": number, "time": time})

    def ask(self, path: str) -> list[dict[str, Any]]:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        after, most = int(query.get("after", "0")), int(query.get("most", "999"))
        rows = [row for row in self.rows if row["id"] > after and row["time"] >= query.get("since", "")]
        return rows[-most:]


def numbers(rows: journal_command.Rows) -> list[int]:
    return [row["id"] for row in rows.new()]


def test_rows_are_followed_over_a_clock_set_back_and_a_lost_journal() -> None:
    journal = Journal()
    journal.add(1, "2026-01-31T08:00:00Z")
    journal.add(2, "2026-01-31T09:00:00Z")
    rows = journal_command.Rows(journal.ask, "2026-01-31T08:30:00Z")
    assert (numbers(rows), numbers(rows)) == ([2], [])
    journal.add(3, "2020-01-01T00:00:00Z")
    assert (numbers(rows), numbers(rows)) == ([3], [])
    journal.rows = []
    assert numbers(rows) == []
    journal.add(1, "2026-01-31T10:00:00Z")
    assert (numbers(rows), numbers(rows)) == ([1], [])
    journal.rows = []
    for number in range(1, 4):
        journal.add(number, f"2026-01-31T11:0{number}:00Z")
    assert (numbers(rows), numbers(rows)) == ([1, 2, 3], [])


def test_rows_from_a_time_that_is_to_come_do_not_begin_with_old_ones() -> None:
    journal = Journal()
    rows = journal_command.Rows(journal.ask, "2027-01-01T00:00:00Z")
    assert numbers(rows) == []
    journal.add(1, "2026-01-31T08:00:00Z")
    assert numbers(rows) == [1]
    rows = journal_command.Rows(journal.ask, "2027-01-01T00:00:00Z")
    assert numbers(rows) == []
    journal.add(2, "2026-01-31T09:00:00Z")
    assert numbers(rows) == [2]


class Enough(BaseException):
    """Ends a command that goes on until Ctrl-C."""


@pytest.mark.parametrize("command", [("status", "--watch"), ("journal", "--follow")])
@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", answer("restarts", "503 Service Unavailable")])
def test_an_actuator_that_is_away_is_waited_for(
    command: tuple[str, ...], reply: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter(range(2))

    def pause(_: float) -> None:
        if next(pauses, None) is None:
            raise Enough

    monkeypatch.setattr("time.sleep", pause)
    with server(reply) as (url, received), pytest.raises(Enough):
        cli.main([*command, "--url", url])
    assert len(received) == 3
    assert ("no actuator answers" in (shown := capsys.readouterr().err)) or "restarts" in shown


def test_the_last_card_stays_and_is_marked_as_old(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document, asked = json.loads(STATUS), iter([True, False])

    def ask(_url: str, _path: str) -> Any:  # noqa: ANN401 - any JSON document
        if _path == "/api/v1/status" and not next(asked):
            raise client.UnansweredError("nobody")
        return document

    pauses = iter([None])

    def pause(_: float) -> None:
        if next(pauses, Enough) is Enough:
            raise Enough

    monkeypatch.setattr(client, "ask", ask)
    monkeypatch.setattr("time.sleep", pause)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(Enough):
        cli.main(["status", "--watch"])
    shown = capsys.readouterr()
    _, first, second = shown.out.split("\x1b[H\x1b[2J")
    assert "Why: " in first
    old, _, card = second.strip().partition("\n\n")
    assert old.startswith("Old, from ")
    assert card.split("Why: ")[1].strip() == first.split("Why: ")[1].strip()
    assert shown.err == "nobody\n"
