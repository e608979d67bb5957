"""The commands of a person: most of them ask the running actuator over HTTP, and print its answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from actuator.commands import client, doctor, listing, relay_test, setup, status_text
from actuator.commands.commission import Commission, NotNowError
from actuator.relay import discover
from toolkit import findings
from toolkit.formatting import percent, printable

FOLLOW_SECONDS = 2.0
WATCH_SECONDS = 1.0
LAST_RUNS = 3
_CLEAR = "\x1b[H\x1b[2J"


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was parsed; return the exit status."""
    commands = {
        "commission": _commission,
        "doctor": _doctor,
        "journal": _journal,
        "profile": _profile,
        "rehearse": _rehearse,
        "relays": _relays,
        "runs": _runs,
        "setup": setup.run,
        "status": _status,
    }
    return commands.get(arguments.command, _request)(arguments)


def _commission(arguments: argparse.Namespace) -> int:
    trial = Commission(partial(client.ask, arguments.url), partial(print, flush=True), run=arguments.run)
    try:
        trial.check()
        sys.stdout.write(
            "This closes the contact: the engine starts. Stay where you can see it and stop it at its remote.\n"
            "Make sure that nobody is working on it and that its exhaust is free.\n"
        )
        if not arguments.yes and input("Type yes to start: ").strip().lower() != "yes":
            sys.stdout.write("Nothing was done.\n")
            return 1
        return 0 if trial.measure() else 1
    except (client.ClientError, NotNowError) as error:
        _write_error("", error)
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("Cancelled. The contact is open, or opens at its deadline.\n")
    return 1


def _relays(arguments: argparse.Namespace) -> int:
    if arguments.test:
        return relay_test.run(arguments.config_file)
    found = [*discover.usb_boards(), *discover.serial_ports(), *discover.gpio_chips()]
    nothing = "No USB relay board (16c0:05df), no serial port and no GPIO chip found on this machine."
    sys.stdout.write("\n".join(found or [nothing]) + "\n")
    sys.stdout.write(
        'A Modbus TCP board is configured by its address: relay: {type: modbus, url: "tcp://192.168.1.30:502"}\n'
    )
    return 0


def _status(arguments: argparse.Namespace) -> int:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    severity = ""

    def lines() -> list[str]:
        nonlocal severity
        status = client.ask(arguments.url, "/api/v1/status")
        if arguments.json:
            return json.dumps(status, indent=2, ensure_ascii=True).split("\n")
        severity = status["severity"]
        return status_text.lines(status, _last_runs(arguments.url), dot=sys.stdout.isatty())

    def painted(text: str) -> str:
        return text.replace(
            status_text.DOT, f"{status_text.COLOURS.get(severity, '')}{status_text.DOT}{status_text.PLAIN}", 1
        )

    paint = painted if coloured and not arguments.json else None
    if not arguments.watch:
        return _print(arguments.url, lines, paint)
    shown, read = "", ""
    clear = _CLEAR if sys.stdout.isatty() else ""

    def show() -> None:
        nonlocal shown, read
        shown, read = _text(arguments.url, lines), f"{datetime.now().astimezone():%H:%M:%S}"
        _write(clear + (paint(shown) if paint else shown))

    def fail(error: client.ClientError) -> None:
        _write_error(clear, error)
        if clear and shown:
            _write(f"\nOld, from {read}:\n\n{shown}")

    return _repeat(show, fail, WATCH_SECONDS)


def _last_runs(url: str) -> list[dict[str, Any]]:
    """Return the last runs; none if they cannot be read: the state is what was asked for."""
    try:
        runs: list[dict[str, Any]] = client.ask(url, f"/api/v1/runs?limit={LAST_RUNS}")["runs"]
    except client.ClientError:
        return []
    return runs


def _profile(arguments: argparse.Namespace) -> int:
    def lines() -> list[str]:
        settings = client.ask(arguments.url, "/api/v1/profile", {"name": arguments.name})
        values = settings["in_force"]
        start, stop = percent(values["start_soc"]), percent(values["stop_soc"])
        return [f"Profile {settings['profile']} is in force: starts at {start}, stops at {stop}."]

    return _print(arguments.url, lines)


def _runs(arguments: argparse.Namespace) -> int:
    return _print(
        arguments.url,
        lambda: listing.run_lines(client.ask(arguments.url, f"/api/v1/runs?limit={arguments.limit}")["runs"]),
    )


def _doctor(arguments: argparse.Namespace) -> int:
    found = doctor.examine(
        arguments.config_file,
        url=arguments.url,
        prometheus=arguments.prometheus,
        alertmanager=arguments.alertmanager,
    )
    sys.stdout.write(findings.report(found, for_scripts=arguments.json))
    return 1 if findings.count_wrong(found) else 0


def _rehearse(arguments: argparse.Namespace) -> int:
    # It loads the whole decision, which no other command needs.
    from actuator.commands import rehearse  # noqa: PLC0415

    return rehearse.run(arguments)


def _journal(arguments: argparse.Namespace) -> int:
    try:
        since = listing.moment(arguments.since, datetime.now().astimezone())
    except ValueError as error:
        sys.stderr.write(f"--since: {error}\n")
        return 2
    if not arguments.follow:
        query = urllib.parse.urlencode({"since": since})
        return _print(
            arguments.url, lambda: map(listing.journal_line, client.ask(arguments.url, f"/api/v1/journal?{query}"))
        )
    rows = Rows(partial(client.ask, arguments.url), since)
    failed = ""

    def show() -> None:
        nonlocal failed
        _write(_text(arguments.url, lambda: map(listing.journal_line, rows.new())))
        failed = ""

    def fail(error: client.ClientError) -> None:
        nonlocal failed
        if str(error) != failed:
            _write_error("", error)
        failed = str(error)

    return _repeat(show, fail, FOLLOW_SECONDS)


class Rows:
    """Reads the journal again and again, by the numbers of its rows: the clock may be set back.

    Args:
        ask: sends a request to the running actuator.
        since: only rows from this time on at first, RFC 3339; empty: all.
    """

    def __init__(self, ask: Callable[[str], Any], since: str) -> None:
        self._ask, self._since = ask, since
        self._last: dict[str, Any] | None = None
        self._started = False

    def new(self) -> list[dict[str, Any]]:
        """Return the rows since the last call, oldest first; every row of a journal that was begun anew."""
        if not self._started:
            newest = self._read(most="1")  # first: a row that is written meanwhile comes twice rather than never
            rows = self._read(since=self._since)
            self._started = True
            self._last = next(reversed(rows or newest), None)
            return rows
        last = self._last
        if last is None:
            rows = self._read()
        else:
            # With the last row, by which a journal that was lost and begun anew is known.
            rows = self._read(after=str(last["id"] - 1))
            if not rows or (rows[0]["id"] == last["id"] and rows[0]["time"] != last["time"]):
                rows = self._read()
            else:
                rows = [row for row in rows if row["id"] > last["id"]]
        self._last = rows[-1] if rows else last
        return rows

    def _read(self, **query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask(f"/api/v1/journal?{urllib.parse.urlencode(query)}")
        return rows


def _request(arguments: argparse.Namespace) -> int:
    status = _print(arguments.url, lambda: status_text.lines(_answer(arguments)))
    if status == 0 and arguments.command == "mode" and arguments.mode == "off" and arguments.duration is not None:
        sys.stderr.write(
            f"Off has no end: --for {arguments.duration} is ignored, off stays until the mode is changed.\n"
        )
    return status


def _answer(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the status, after the command if there is one."""
    answer: dict[str, Any]
    match arguments.command:
        case "acknowledge":
            answer = client.ask(arguments.url, "/api/v1/acknowledge", {})
        case "reset":
            answer = client.ask(arguments.url, "/api/v1/reset", _reset(arguments))
        case _:
            body: dict[str, object] = {"mode": arguments.mode}
            if arguments.duration is not None:
                body["for"] = arguments.duration
            answer = client.ask(arguments.url, "/api/v1/mode", body)
    return answer


def _print(url: str, lines: Callable[[], Iterable[str]], paint: Callable[[str], str] | None = None) -> int:
    """Print the lines, with colours if asked for; return the exit status, 1 when the actuator gives no answer."""
    try:
        text = _text(url, lines)
    except client.ClientError as error:
        _write_error("", error)
        return 1
    _write(paint(text) if paint else text)
    return 0


def _text(url: str, lines: Callable[[], Iterable[str]]) -> str:
    """Return the lines, printable.

    Raises:
        ClientError: the actuator gives no answer, or not as this version does.
    """
    try:
        return "".join(f"{printable(line)}\n" for line in lines())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise client.UnansweredError(
            f"{url} answers, but not as this version of the actuator does. If it was updated, restart it: "
            "systemctl restart generator-actuator"
        ) from error


def _repeat(show: Callable[[], None], fail: Callable[[client.ClientError], None], seconds: float) -> int:
    """Show over and over until Ctrl-C; an actuator that is away for a while comes back.

    Args:
        show: asks, and prints.
        fail: is given why nothing can be shown now.
        seconds: between two times.

    Returns:
        The exit status: 1 when the request is one that is never answered.
    """
    try:
        while True:
            try:
                show()
            except client.ClientError as error:
                again = isinstance(error, client.UnansweredError)
                if isinstance(error, client.RefusedError):
                    again = error.status >= 500
                if not again:
                    _write_error("", error)
                    return 1
                fail(error)
            time.sleep(seconds)
    except KeyboardInterrupt:
        return 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _write_error(before: str, error: Exception) -> None:
    # A refusal of several lines stays so.
    text = "\n".join(map(printable, str(error).split("\n")))
    _write(before)
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _reset(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the body of a reset; a name is a fingerprint if an inhibit has it."""
    body: dict[str, object] = {"what": arguments.what}
    if arguments.name is not None:
        known = client.ask(arguments.url, "/api/v1/status")["resets"]
        body["fingerprint" if any(arguments.name == one["fingerprint"] for one in known) else "name"] = arguments.name
    return body
