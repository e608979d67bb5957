"""`generator-actuator`: the service and the operator's commands."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Collection
from typing import TYPE_CHECKING

from actuator import config as configuration
from actuator.commands.flags import LISTEN_ADDRESS
from actuator.config_warnings import open_access, warnings
from actuator.relay import RelayHeldError
from actuator.start.known_relays import open_known_relays
from actuator.start.unix_signals import EarlySignals, Stopped
from toolkit import log
from toolkit.build import installed
from toolkit.config import ConfigError, refuse
from toolkit.exit_status import exit_status
from toolkit.flags import Flags, Parser, add_flags, add_web_exposure_flag, read_flags
from toolkit.formatting import printable
from toolkit.web_import import loading_aiohttp
from toolkit.worker_thread import ExhaustedError

if TYPE_CHECKING:
    from toolkit.webconfig import WebConfig

COMMANDS = {
    "status": "show the state and the reasons for it",
    "mode": "switch to automatic, off, or on for a limited time",
    "profile": "put a profile of the file in force; default: none",
    "reset": "reset one thing, after its cause is removed",
    "acknowledge": "the same as: reset lockout",
    "release": "open the contact without a server: exit status 0 read back open, 3 sent but not confirmed, 1 failed",
    "commission": "while you watch: start the engine, measure how long its start and stop take to confirm, "
    "propose limits",
    "journal": "print what has happened, the oldest first",
    "runs": "print the last runs of the engine, the newest first",
    "doctor": "check the whole chain, from the devices to a person; exit status 1: a fault",
    "setup": "ask what only you know, and write actuator.yml; leaves the mode off",
    "rehearse": "play the recorded battery with other settings: starts, engine hours, lowest state of charge",
    "relays": "list the relays found on this machine",
}
"""Modules of `actuator.commands`; the service loads none of them."""


@exit_status
def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    early = EarlySignals()
    serves = False
    given = sys.argv[1:] if argv is None else argv
    try:
        arguments = parser(COMMANDS.keys() & set(given)).parse_args(given)
        flags = read_flags(arguments)
        serves = arguments.command is None and not flags.config_check
    finally:
        if not serves:
            early.restore()
    if serves:
        return _serve(flags, early)
    log.setup("warn", "logfmt")  # for the commands; the service has flags for it
    if arguments.command is None:
        return _check(flags)
    status: int = importlib.import_module(f"actuator.commands.{arguments.command}").run(arguments)
    return status


def parser(loaded: Collection[str]) -> Parser:
    """Return the command line; only the `loaded` commands have their arguments, the others are not imported."""
    whole = Parser(
        prog="generator-actuator",
        description="Starts and stops the generator on alerts, and decides by itself when no alerts arrive. "
        "Without a command it runs as the service.",
        example="generator-actuator --config.file=/etc/magnum-exporter/actuator.yml --config.check",
    )
    add_flags(whole, config_file="actuator.yml", listen_address=LISTEN_ADDRESS, build=installed("magnum-exporter"))
    add_web_exposure_flag(whole)
    commands = whole.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        if name in loaded:
            command = importlib.import_module(f"actuator.commands.{name}")
            command.add_arguments(
                commands.add_parser(name, help=text, description=command.DESCRIPTION, example=command.EXAMPLE)
            )
        else:
            commands.add_parser(name, help=text)
    return whole


def _check(flags: Flags) -> int:
    from actuator.commands import config_checks  # noqa: PLC0415 - loads aiohttp; see the comment in `_run`

    if flags.web_config_file is None:
        # The unit of the service names it, and `access` is checked against its users.
        beside = flags.config_file.with_name("actuator-web.yml")
        with contextlib.suppress(PermissionError):  # of the folder: then the configuration cannot be read either
            flags = dataclasses.replace(flags, web_config_file=beside if beside.is_file() else None)
    # Only here: without journal, mirror or page the actuator starts all the same.
    outside = config_checks.outside(flags.config_file)
    try:
        config, web_config = _checked(flags, outside.errors)
    except ConfigError as error:
        log.to_stderr(f"{error}\n")
        return 2
    exposed = (*web_config.exposed(), *configuration.exposed(config, flags.config_file))
    if exposed:
        log.to_stderr("".join(f"{printable(sentence)}\n" for sentence in exposed))
        return 2
    for sentence in (*warnings(config), *open_access(config, web_config.users)):
        log.to_stderr(f"{flags.config_file}: {printable(sentence)}\n")
    for warning in outside.warnings:
        log.to_stderr(f"{warning}\n")
    sys.stdout.write("config ok\n")
    return 0


def _checked(flags: Flags, known: tuple[ConfigError, ...]) -> tuple[configuration.Config, WebConfig]:
    """Return what the flags name; raises ConfigError with its errors and with those known before."""
    from actuator import service  # noqa: PLC0415 - loads aiohttp; see the comment in `_run`

    try:
        checked = service.check(flags)
    except ConfigError as error:
        refuse([error, *known])
        raise
    refuse(known)
    return checked


def _serve(flags: Flags, early: EarlySignals) -> int:
    log.setup(flags.log_level, flags.log_format)
    status = 1
    try:
        status = asyncio.run(_run(flags, early))
    except Stopped as stopped:
        # The contact is confirmed open. Dying of the same signal reports that the program was stopped: the status is
        # not zero, and a service manager does not treat it as a failure.
        log.flush()
        signal.signal(stopped.number, signal.SIG_DFL)
        os.kill(os.getpid(), stopped.number)
    except Exception:  # noqa: BLE001 - not swallowed: printed, and the exit status shows it
        traceback.print_exc()
    # The interpreter would wait for threads that check a password or ask a name server.
    log.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _run(flags: Flags, early: EarlySignals) -> int:
    try:
        opened = await open_known_relays(flags.config_file)
    except (RelayHeldError, ExhaustedError) as error:
        log.to_stderr(f"{error}\n")
        return 1
    # It loads the web framework, which takes most of the time of a start: only once the contact is open, and never for
    # `release` and the other commands.
    with loading_aiohttp():
        from actuator import service  # noqa: PLC0415

    return await service.main(flags, early, opened)


if __name__ == "__main__":
    sys.exit(main())
