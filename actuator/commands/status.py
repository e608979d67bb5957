"""`generator-actuator status`: the state, and the reasons for it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime
from typing import Any

from actuator.commands import client, printing, status_text
from actuator.commands.flags import add_remote_flags

DESCRIPTION = "Shows the state, what happens next, what to do, and what blocks a start."
EXAMPLE = "generator-actuator status --watch"

WATCH_SECONDS = 1.0
LAST_RUNS = 3
_CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the whole document of GET /api/v1/status")
    form.add_argument("--watch", action="store_true", help="show it again every second, until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Show the state; return 1 without an answer."""
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
        colour = status_text.COLOURS.get(severity, "")
        return text.replace(status_text.DOT, f"{colour}{status_text.DOT}{status_text.PLAIN}", 1)

    paint = painted if coloured and not arguments.json else None
    if not arguments.watch:
        return printing.print_lines(arguments.url, lines, paint)
    shown, read = "", ""
    clear = _CLEAR if sys.stdout.isatty() else ""

    def show() -> None:
        nonlocal shown, read
        shown, read = printing.text(arguments.url, lines), f"{datetime.now().astimezone():%H:%M:%S}"
        printing.write(clear + (paint(shown) if paint else shown))

    def fail(error: client.ClientError) -> None:
        printing.write_error(clear, error)
        if clear and shown:
            printing.write(f"\nOld, from {read}:\n\n{shown}")

    return printing.repeat(show, fail, WATCH_SECONDS)


def _last_runs(url: str) -> list[dict[str, Any]]:
    """Return the last runs; none if they cannot be read: the state is what was asked for."""
    try:
        runs: list[dict[str, Any]] = client.ask(url, f"/api/v1/runs?limit={LAST_RUNS}")["runs"]
    except client.ClientError:
        return []
    return runs
