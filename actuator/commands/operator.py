"""The commands of a person: most of them ask the running actuator over HTTP, and print its answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from actuator.commands import card, client, doctor, listing, relay_test, setup
from actuator.commands.commission import Commission, NotNowError
from actuator.relay import discover
from toolkit import findings
from toolkit.formatting import percent

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
        sys.stderr.write(f"{error}\n")
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
        return card.lines(status, _last_runs(arguments.url), dot=sys.stdout.isatty())

    def painted(text: str) -> str:
        return text.replace(card.DOT, f"{card.COLOURS.get(severity, '')}{card.DOT}{card.PLAIN}", 1)

    paint = painted if coloured and not arguments.json else None
    if not arguments.watch:
        return _print(arguments.url, lines, paint)
    try:
        while True:
            if sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            # An actuator that is away for a while comes back.
            _print(arguments.url, lines, paint)
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        return 0


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
    lines = findings.as_json(found).split("\n") if arguments.json else findings.lines(found)
    sys.stdout.write("".join(f"{_printable(line)}\n" for line in lines))
    return 1 if findings.count_wrong(found) else 0


def _rehearse(arguments: argparse.Namespace) -> int:
    # It loads the whole decision, which no other command needs.
    from actuator.commands import rehearse  # noqa: PLC0415

    return rehearse.run(arguments)


def _journal(arguments: argparse.Namespace) -> int:
    newest, since = 0, ""

    def lines() -> list[str]:
        nonlocal newest, since
        query = urllib.parse.urlencode({"since": since})
        rows = [row for row in client.ask(arguments.url, f"/api/v1/journal?{query}") if row["id"] > newest]
        if rows:
            newest, since = rows[-1]["id"], rows[-1]["time"]
        return [listing.journal_line(row) for row in rows]

    try:
        since = listing.moment(arguments.since, datetime.now().astimezone())
    except ValueError as error:
        sys.stderr.write(f"--since: {error}\n")
        return 2
    try:
        status = _print(arguments.url, lines)
        while arguments.follow and status == 0:
            time.sleep(FOLLOW_SECONDS)
            status = _print(arguments.url, lines)
    except KeyboardInterrupt:
        return 0
    return status


def _request(arguments: argparse.Namespace) -> int:
    status = _print(arguments.url, lambda: card.lines(_answer(arguments)))
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


def _print(url: str, lines: Callable[[], list[str]], paint: Callable[[str], str] | None = None) -> int:
    """Print the lines, with colours if asked for; return the exit status, 1 when the actuator gives no answer."""
    try:
        text = "".join(f"{_printable(line)}\n" for line in lines())
    except client.ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (KeyError, TypeError, AttributeError, ValueError):
        sys.stderr.write(
            f"{url} answers, but not as this version of the actuator does. If it was updated, restart it: "
            "systemctl restart generator-actuator\n"
        )
        return 1
    sys.stdout.write(paint(text) if paint else text)
    sys.stdout.flush()
    return 0


def _reset(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the body of a reset; a name is a fingerprint if an inhibit has it."""
    body: dict[str, object] = {"what": arguments.what}
    if arguments.name is not None:
        known = client.ask(arguments.url, "/api/v1/status")["resets"]
        body["fingerprint" if any(arguments.name == one["fingerprint"] for one in known) else "name"] = arguments.name
    return body


def _printable(line: str) -> str:
    """Return a line with what is no visible character escaped: an alert's text must not move the cursor."""
    # The no-break space between a number and its unit counts as unprintable, and is wanted.
    return "".join(one if one.isprintable() or one == "\u00a0" else ascii(one)[1:-1] for one in line)
