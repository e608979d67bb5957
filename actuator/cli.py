"""`generator-actuator`: the service and the operator's commands."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import math
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from actuator import config as configuration
from actuator.config_warnings import open_access, warnings
from actuator.relay import RelayHeldError, release
from actuator.start.known_relays import known_relays, open_known_relays
from actuator.start.unix_signals import EarlySignals, Stopped
from toolkit import log
from toolkit.build import installed
from toolkit.config import ConfigError, Ratio, decode, refuse
from toolkit.flags import FOLDER, Flags, Parser, add_flags, add_web_exposure_flag, read_flags
from toolkit.web_import import loading_aiohttp
from toolkit.worker_thread import ExhaustedError

if TYPE_CHECKING:
    from toolkit.webconfig import WebConfig

LISTEN_ADDRESS = "127.0.0.1:10049"

SHORTEST = 60.0
"""Seconds that `commission` has the engine run at least, so that its warm-up is over before it has to stop."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    log.keep_stderr()
    early = EarlySignals()
    serves = False
    try:
        arguments = parser().parse_args(argv)
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
    if arguments.command == "release":
        return _release(arguments)
    from actuator.commands import operator  # noqa: PLC0415 - neither the service nor `release` needs it

    return operator.run(arguments)


def parser() -> Parser:
    """Return the command line."""
    whole = Parser(
        prog="generator-actuator",
        description="Starts and stops the generator on alerts, and decides by itself when no alerts arrive. "
        "Without a command it runs as the service.",
        example="generator-actuator --config.file=/etc/magnum-exporter/actuator.yml --config.check",
    )
    add_flags(whole, config_file="actuator.yml", listen_address=LISTEN_ADDRESS, build=installed("magnum-exporter"))
    add_web_exposure_flag(whole)
    commands = whole.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    local = Parser(add_help=False)
    local.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help=f"configuration file that names the relay (default: actuator.yml here, else {FOLDER / 'actuator.yml'})",
    )
    remote = Parser(add_help=False, parents=[local])
    remote.add_argument(
        "--url",
        default=f"http://{LISTEN_ADDRESS}",
        help="URL of the running actuator (default: %(default)s); user name and password come from "
        "GENERATOR_ACTUATOR_USERNAME and GENERATOR_ACTUATOR_PASSWORD, or from a netrc file",
    )

    status = commands.add_parser(
        "status",
        parents=[remote],
        help="show the state and the reasons for it",
        description="Shows the state, what happens next, what to do, and what blocks a start.",
        example="generator-actuator status --watch",
    )
    form = status.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the whole document of GET /api/v1/status")
    form.add_argument("--watch", action="store_true", help="show it anew every second, until Ctrl-C")

    mode = commands.add_parser(
        "mode",
        parents=[remote],
        help="switch to automatic, off, or on for a limited time",
        description="Switches to automatic operation, off, or on for a limited time. Off is always accepted, and stays "
        "until the mode is changed. On ends by itself, and never outlives limits.max_run.",
        example="generator-actuator mode on --for 90m",
    )
    mode.add_argument("mode", choices=("auto", "off", "on"))
    mode.add_argument("--for", dest="duration", metavar="2h", help="how long to stay on (default: 2h); off has no end")

    profile = commands.add_parser(
        "profile",
        parents=[remote],
        help="put a profile of the file in force; default: none",
        description="Puts a profile of the configuration file in force, until another one is named; it survives a "
        "restart. The profile default is the file without any.",
        example="generator-actuator profile away",
    )
    profile.add_argument("name", help="its name in `profiles:`")

    reset = commands.add_parser(
        "reset",
        parents=[remote],
        help="reset one thing, after its cause is removed",
        description="Resets one thing, after its cause is removed: the lock-out after failed starts, the alarm about a "
        "damaged journal, the hours to the engine's service, or an inhibit whose alert nobody repeats any more.",
        example="generator-actuator reset lockout",
    )
    reset.add_argument("what", choices=("lockout", "journal", "service", "inhibit"))
    reset.add_argument("name", nargs="?", help="of an inhibit: the alert's name or fingerprint")

    commands.add_parser(
        "acknowledge",
        parents=[remote],
        help="the same as: reset lockout",
        description="Resets the lock-out, as reset lockout does; kept for old scripts.",
        example="generator-actuator acknowledge",
    )

    commands.add_parser(
        "release",
        parents=[local],
        help="open the contact without a server: exit status 0 read back open, 3 sent but not confirmed, 1 failed",
        description="Opens the contact straight through the driver, with no server running; the service manager runs "
        "it after the actuator has ended. Exit status 0: read back open; 3: sent, but the board cannot be read back; "
        "1: failed.",
        example="generator-actuator release",
    )

    commission = commands.add_parser(
        "commission",
        parents=[remote],
        help="while you watch: start the engine, measure how long its start and stop take to confirm, propose limits",
        description="Starts the engine while you watch, measures how long its start and its stop take to be confirmed, "
        "and proposes start_confirm, stop_confirm and tail for the configuration file.",
        example="generator-actuator commission --run 120",
    )
    commission.add_argument("--yes", action="store_true", help="do not ask before the contact closes")
    commission.add_argument(
        "--run",
        type=_run_seconds,
        default=SHORTEST,
        metavar="SECONDS",
        help="how long it runs after its start is confirmed (default, and least: %(default)g)",
    )

    journal = commands.add_parser(
        "journal",
        parents=[remote],
        help="print what has happened, the oldest first",
        description="Prints what has happened, the oldest first: every start and stop with its cause, every command "
        "with its user, and every problem.",
        example="generator-actuator journal --since 2h --follow",
    )
    journal.add_argument(
        "--since", metavar="TIME", help="only from then on: 2026-01-31, 2026-01-31T08:00, or a span back such as 2h"
    )
    journal.add_argument("--follow", action="store_true", help="go on with what happens, until Ctrl-C")

    runs = commands.add_parser(
        "runs",
        parents=[remote],
        help="print the last runs of the engine, the newest first",
        description="Prints the last runs of the engine, the newest first: begin, length, cause, the battery before "
        "and after, what was charged, whether the engine was confirmed, and what ended it.",
        example="generator-actuator runs --limit 5",
    )
    runs.add_argument(
        "--limit", type=int, default=20, metavar="N", help="print at most this many (default: %(default)s)"
    )

    doctor = commands.add_parser(
        "doctor",
        parents=[remote],
        help="check the whole chain, from the devices to a person; exit status 1: a fault",
        description="Checks the whole chain, from the devices over Prometheus and Alertmanager to a person, and says "
        "what mends each fault. Exit status 1: a fault was found.",
        example="generator-actuator doctor",
    )
    doctor.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="(default: %(default)s)")
    doctor.add_argument("--alertmanager", default="http://127.0.0.1:9093", metavar="URL", help="(default: %(default)s)")
    doctor.add_argument("--json", action="store_true", help="print a list of findings for scripts")

    commands.add_parser(
        "setup",
        parents=[remote],
        help="ask what only you know, and write actuator.yml; leaves the mode off",
        description="Asks for the relay, the thresholds and the quiet hours, writes actuator.yml, checks it and offers "
        "the service. It leaves the mode off: nothing starts before `commission`, or before you choose `mode auto`.",
        example="generator-actuator setup",
    )

    rehearse = commands.add_parser(
        "rehearse",
        parents=[local],
        help="play the recorded battery with other settings: starts, engine hours, lowest state of charge",
        description="Plays what was recorded of the battery through the real decision, with the settings of the file "
        "and with others, and shows side by side how often and how long the engine would have run, how low the battery "
        "would have come, and what this takes for granted. Nothing is changed.",
        example="generator-actuator rehearse --try start_soc=30%,quiet_hours.from=22:00,quiet_hours.to=07:00 --best",
    )
    record = rehearse.add_mutually_exclusive_group()
    record.add_argument(
        "--prometheus",
        default="http://127.0.0.1:9090",
        metavar="URL",
        help="the Prometheus that has the record (default: %(default)s)",
    )
    record.add_argument(
        "--csv", type=Path, metavar="FILE", help="a file with the record: columns time, soc and generator (0 or 1)"
    )
    rehearse.add_argument(
        "--days", type=_days, default=90.0, metavar="N", help="play the last N days (default: %(default)g)"
    )
    rehearse.add_argument(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="K=V,...",
        help="settings to try, as in the file, with dots: start_soc=30%%,limits.max_run=3h; repeatable",
    )
    rehearse.add_argument(
        "--best",
        action="store_true",
        help="search the start_soc and stop_soc with the fewest engine hours that stay over emergency_soc",
    )
    rehearse.add_argument(
        "--charge",
        type=_ratio,
        metavar="PERCENT",
        help="how much of the battery the engine charges in an hour (default: as in the recorded runs)",
    )
    rehearse.add_argument("--html", type=Path, metavar="FILE", help="write a page with the curves, too")

    relays = commands.add_parser(
        "relays",
        parents=[local],
        help="list the relays found on this machine",
        description="Lists the relay boards, serial ports and GPIO chips found on this machine, each with the line for "
        "the configuration file. With --test it clicks the configured one.",
        example="generator-actuator relays --test",
    )
    relays.add_argument(
        "--test", action="store_true", help="close the configured contact for half a second; asks before, in a terminal"
    )
    return whole


def _run_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST <= seconds < math.inf:
        raise argparse.ArgumentTypeError(
            f'got "{text}", expected a number of seconds of at least {SHORTEST:g}: the warm-up has to be over'
        )
    return seconds


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < 10_000:
        raise argparse.ArgumentTypeError(f'got "{text}", expected a number of days such as 90')
    return days


def _ratio(text: str) -> Ratio:
    try:
        ratio = decode(text, Ratio)
    except ConfigError:
        ratio = Ratio(0)
    if ratio <= 0:
        raise argparse.ArgumentTypeError(f'got "{text}", expected more than zero, such as 15%')
    return ratio


def _check(flags: Flags) -> int:
    from actuator import config_checks  # noqa: PLC0415 - see _run

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
    exposed = (*web_config.exposed(), *configuration.exposed(config))
    if exposed:
        log.to_stderr("\n".join(exposed) + "\n")
        return 2
    for sentence in (*warnings(config), *open_access(config, web_config.users)):
        log.to_stderr(f"{flags.config_file}: {sentence}\n")
    for warning in outside.warnings:
        log.to_stderr(f"{warning}\n")
    sys.stdout.write("config ok\n")
    return 0


def _checked(flags: Flags, found: tuple[ConfigError, ...]) -> tuple[configuration.Config, WebConfig]:
    """Return what the flags name, unless it or what was found already is wrong; raises ConfigError with all of it."""
    from actuator import service  # noqa: PLC0415 - see _run

    try:
        checked = service.check(flags)
    except ConfigError as error:
        refuse([error, *found])
        raise
    refuse(found)
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


def _release(arguments: argparse.Namespace) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
