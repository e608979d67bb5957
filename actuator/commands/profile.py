"""`generator-actuator profile`: puts a profile in force."""

from __future__ import annotations

import argparse

from actuator.commands import client, printing
from actuator.commands.flags import add_remote_flags
from toolkit.formatting import percent

DESCRIPTION = (
    "Puts a profile of the configuration file in force, until another one is named, over restarts "
    "too. With the name default no profile is in force."
)
EXAMPLE = "generator-actuator profile away"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument("name", help="its name in `profiles:`")


def run(arguments: argparse.Namespace) -> int:
    """Put the profile in force; return 1 without an answer."""

    def lines() -> list[str]:
        settings = client.ask(arguments.url, "/api/v1/profile", {"name": arguments.name})
        values = settings["in_force"]
        start, stop = percent(values["start_soc"]), percent(values["stop_soc"])
        return [f"Profile {settings['profile']} is in force: starts at {start}, stops at {stop}."]

    return printing.print_lines(arguments.url, lines)
