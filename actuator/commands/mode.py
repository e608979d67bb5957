"""`generator-actuator mode`: switches to automatic, off, or on for a limited time."""

from __future__ import annotations

import argparse
import sys

from actuator.commands import client, printing, status_text
from actuator.commands.flags import add_remote_flags
from actuator.core.commands import manual_seconds
from toolkit.config import Duration, decode

DESCRIPTION = (
    "Switches to automatic operation, off, or on for a limited time. Off is always accepted, and stays "
    "until the mode is changed. On ends by itself, after limits.max_run at the latest."
)
EXAMPLE = "generator-actuator mode on --for 90m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument("mode", choices=("auto", "off", "on"))
    parser.add_argument(
        "--for", dest="duration", metavar="2h", help="how long to stay on (default: 2h); off has no end"
    )


def run(arguments: argparse.Namespace) -> int:
    """Switch, and show what was requested and the state; return 1 without an answer."""
    body: dict[str, object] = {"mode": arguments.mode}
    if arguments.duration is not None:
        body["for"] = arguments.duration

    def lines() -> list[str]:
        answer = client.ask(arguments.url, "/api/v1/mode", body)
        card = status_text.lines(answer)
        if arguments.mode != "on":
            return card
        given, most = arguments.duration, answer["max_run"]
        seconds = manual_seconds(most) if given is None else decode(given, Duration)
        return [status_text.start_requested(answer, seconds), *card]

    status = printing.print_lines(arguments.url, lines)
    if status == 0 and arguments.mode == "off" and arguments.duration is not None:
        sys.stderr.write(
            f"Off has no end: --for {arguments.duration} is ignored, off stays until the mode is changed.\n"
        )
    return status
