"""`generator-actuator reset`: resets one thing, after its cause is removed."""

from __future__ import annotations

import argparse

from actuator.commands import client, printing, status_text
from actuator.commands.flags import add_remote_flags

DESCRIPTION = (
    "Resets one thing, after its cause is removed: the lock-out after failed starts, the alarm about a "
    "damaged journal, the hours to the engine's service, or an inhibit whose alert does not arrive any more. "
    "Nobody may be near the engine: after the reset of a lock-out or an inhibit it may start at once."
)
EXAMPLE = "generator-actuator reset lockout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument("what", choices=("lockout", "journal", "service", "inhibit"))
    parser.add_argument("name", nargs="?", help="of an inhibit: the alert's name or fingerprint")


def run(arguments: argparse.Namespace) -> int:
    """Reset, and show the state; return 1 without an answer."""
    return printing.print_lines(
        arguments.url,
        lambda: status_text.lines(client.ask(arguments.url, "/api/v1/reset", _body(arguments))),
    )


def _body(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the body of a reset; a name is a fingerprint if an inhibit has it."""
    body: dict[str, object] = {"what": arguments.what}
    if arguments.name is not None:
        known = client.ask(arguments.url, "/api/v1/status")["resets"]
        body["fingerprint" if any(arguments.name == one["fingerprint"] for one in known) else "name"] = arguments.name
    return body
