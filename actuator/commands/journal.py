"""`generator-actuator journal`: what has happened."""

from __future__ import annotations

import argparse
import sys
import urllib.parse
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from actuator.commands import client, listing, printing
from actuator.commands.flags import add_remote_flags
from toolkit.formatting import printable

DESCRIPTION = (
    "Prints what has happened, the oldest first: every start and stop with its cause, every command "
    "with its user or its MQTT topic, and every problem."
)
EXAMPLE = "generator-actuator journal --since 2h --follow"

FOLLOW_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument(
        "--since", metavar="TIME", help="only from then on: 2026-01-31, 2026-01-31T08:00, or a span back such as 2h"
    )
    parser.add_argument("--follow", action="store_true", help="then print what happens, until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Print the rows; return 1 without an answer, 2 for a wrong time."""
    try:
        since = listing.moment(arguments.since, datetime.now().astimezone())
    except ValueError as error:
        sys.stderr.write(printable(f"--since: {error}") + "\n")
        return 2
    if not arguments.follow:
        query = urllib.parse.urlencode({"since": since})
        return printing.print_lines(
            arguments.url, lambda: map(listing.journal_line, client.ask(arguments.url, f"/api/v1/journal?{query}"))
        )
    rows = Rows(partial(client.ask, arguments.url), since)
    failed = ""

    def show() -> None:
        nonlocal failed
        printing.write(printing.text(arguments.url, lambda: map(listing.journal_line, rows.new())))
        failed = ""

    def fail(error: client.ClientError) -> None:
        nonlocal failed
        if str(error) != failed:
            printing.write_error("", error)
        failed = str(error)

    return printing.repeat(show, fail, FOLLOW_SECONDS)


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
        """Return the rows since the last call, oldest first; every row of a journal that has begun again."""
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
            # With the last row: if that is missing or another one, the journal was lost and has begun again.
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
