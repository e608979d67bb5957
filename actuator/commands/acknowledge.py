"""`generator-actuator acknowledge`: the same as `reset lockout`."""

from __future__ import annotations

import argparse

from actuator.commands import client, printing, status_text
from actuator.commands.flags import add_remote_flags

DESCRIPTION = "Resets the lock-out, as reset lockout does; kept for old scripts."
EXAMPLE = "generator-actuator acknowledge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reset the lock-out, and show the state; return 1 without an answer."""
    return printing.print_lines(
        arguments.url, lambda: status_text.lines(client.ask(arguments.url, "/api/v1/acknowledge", {}))
    )
