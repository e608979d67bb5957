"""`generator-actuator release`: opens the contact without a server."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from actuator import config as configuration
from actuator.commands.flags import add_config_file
from actuator.relay import release
from actuator.start.known_relays import known_relays
from toolkit.config import ConfigError

DESCRIPTION = (
    "Opens the contact directly through the driver, with no server running; the service manager runs "
    "it after the actuator has ended. It does not keep the engine off: while the actuator runs in mode auto, a low "
    "battery starts it again. Exit status 0: read back open; 3: sent, but not confirmed open (the "
    "board cannot be read back, or its reading failed); 1: failed."
)
EXAMPLE = "generator-actuator release"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_config_file(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open every contact that is known; return 0, 3 or 1, as in the help."""
    config_file: Path = arguments.config_file
    outcomes = asyncio.run(_release_known(config_file))
    if not outcomes:
        sys.stderr.write(f"{config_file} names no relay that can be read, and the journal's sidecar has none.\n")
        try:
            configuration.load(config_file)
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
        return release.FAILED
    for status, sentence in outcomes:
        (sys.stdout if status == release.CONFIRMED else sys.stderr).write(f"{sentence}\n")
    return max((status for status, _ in outcomes), key=release.SEVERITY)


async def _release_known(config_file: Path) -> list[tuple[int, str]]:
    """Open the relay that was last in force, which may be closed, and then the file's: the last command counts."""
    outcomes = []
    named, *former = await known_relays(config_file) or (None,)
    for relay in former:
        status, sentence = await release.release(relay)
        outcomes.append((status, f"last in force: {sentence}"))
    return outcomes if named is None else [*outcomes, await release.release(named)]
