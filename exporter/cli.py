"""`magnum-exporter`: the service, and the tools that its help lists."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from exporter import DESCRIPTION, NAME, config, config_checks
from toolkit import flags, log
from toolkit.build import installed
from toolkit.config import ConfigError, locate, read, refuse
from toolkit.exit_status import exit_status
from toolkit.formatting import printable
from toolkit.homeassistant.config import wrong_files
from toolkit.web_import import loading_aiohttp

if TYPE_CHECKING:
    from toolkit.webconfig import WebConfig

LISTEN_ADDRESS = "127.0.0.1:10048"
TOOLS = {
    "listen": "show the packets on a Magnum network, live",
    "record": "write the bytes of a Magnum network to a file, with their times",
    "replay": "play such a file onto a pseudo-terminal, as if it were the bus",
    "discover": "find the devices, and print a configuration; only listens, unless told to ask",
    "setup": "find the devices, ask what only you know, and write the configuration",
    "doctor": "check configuration, ports and devices; exit status 1: a fault",
    "assets": "write alert rules, configurations, runbooks and dashboards to a folder",
}
"""Modules of `exporter.tools`; the service loads none of them."""


@exit_status
def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 after a normal end, 1 when something cannot be opened, 2 for a wrong config."""
    arguments = sys.argv[1:] if argv is None else argv
    given = parser(TOOLS.keys() & set(arguments)).parse_args(arguments)
    return _serve(flags.read_flags(given)) if given.tool is None else _use(given)


def parser(loaded: Collection[str]) -> flags.Parser:
    """Return the command line; of the tools only `loaded` ones know their arguments, the others are not imported."""
    whole = flags.Parser(
        prog=NAME,
        description=f"{DESCRIPTION} Without a command it runs as the service.",
        example=f"{NAME} --config.file=/etc/magnum-exporter/exporter.yml --config.check",
    )
    flags.add_flags(whole, config_file="exporter.yml", listen_address=LISTEN_ADDRESS, build=installed(NAME))
    commands = whole.add_subparsers(title="commands", dest="tool", metavar="COMMAND")
    for name, text in TOOLS.items():
        if name in loaded:
            tool = importlib.import_module(f"exporter.tools.{name}")
            tool.add_arguments(commands.add_parser(name, help=text, description=tool.DESCRIPTION, example=tool.EXAMPLE))
        else:
            commands.add_parser(name, help=text)
    return whole


def _use(given: argparse.Namespace) -> int:
    tool = importlib.import_module(f"exporter.tools.{given.tool}")
    log.setup("warn", "logfmt")
    # SIGTERM ends a tool as Ctrl-C does: the recording is closed, the link of a replay is removed.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code: int = tool.run(given)
    finally:
        signal.signal(signal.SIGTERM, before)
    return code


def _checked(given: flags.Flags) -> tuple[config.Config, WebConfig]:
    """Return what the flags name; with --config.check what is at its paths is checked too. Raises ConfigError."""
    found = [*config_checks.folders(given.config_file)] if given.config_check else []
    try:
        options = config.load(given.config_file)
    except ConfigError as error:
        refuse([error, *found])
        raise
    if given.config_check:
        found += (locate(error, read(given.config_file)) for error in wrong_files(options.mqtt))
    refuse(found)
    from toolkit.webconfig import WebConfig  # noqa: PLC0415 - see _serve

    return options, WebConfig.load(given.web_config_file)


def _serve(given: flags.Flags) -> int:
    # It loads the web framework, which takes most of the time of a start, and which the tools do without.
    with loading_aiohttp():
        from exporter import app  # noqa: PLC0415
    try:
        options, web_config = _checked(given)
    except ConfigError as error:
        log.to_stderr(f"{error}\n")
        return 2
    if given.config_check:
        exposed = (*web_config.exposed(), *config.exposed(options, given.config_file))
        if exposed:
            log.to_stderr("".join(f"{printable(sentence)}\n" for sentence in exposed))
            return 2
        for sentence in config.warnings(options, given.config_file):
            log.to_stderr(f"{given.config_file}: {printable(sentence)}\n")
        sys.stdout.write("config ok\n")
        return 0
    log.setup(given.log_level, given.log_format)
    try:
        asyncio.run(app.run(given, options, web_config))
    except OSError as error:
        log.get("exporter").error("cannot serve", error=str(error))
        return 1
    return 0
