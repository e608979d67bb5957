"""`generator-actuator runs`: the last runs of the engine."""

from __future__ import annotations

import argparse

from actuator.commands import client, listing, printing
from actuator.commands.flags import add_remote_flags

DESCRIPTION = (
    "Prints the last runs of the engine, the newest first: begin, length, cause, the battery before "
    "and after, the charge, whether the engine was confirmed, and what ended it."
)
EXAMPLE = "generator-actuator runs --limit 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="print at most this many (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the last runs; return 1 without an answer."""
    return printing.print_lines(
        arguments.url,
        lambda: listing.run_lines(client.ask(arguments.url, f"/api/v1/runs?limit={arguments.limit}")["runs"]),
    )
