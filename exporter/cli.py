"""`magnum-exporter`: the service, three tools for a person at the bus, and one that writes the files to copy."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
from typing import TYPE_CHECKING

from exporter import DESCRIPTION, NAME, config, config_checks
from toolkit import flags, log
from toolkit.build import installed
from toolkit.config import ConfigError, refuse
from toolkit.web_import import without_certificates

if TYPE_CHECKING:
    from toolkit.webconfig import WebConfig

LISTEN_ADDRESS = "127.0.0.1:10048"
TOOLS = ("listen", "record", "replay", "doctor", "assets")
"""Modules of `exporter.tools`; the service loads none of them."""
_EPILOG = """\
tools, each with --help:
  magnum-exporter listen PORT         show the packets on a Magnum network, live
  magnum-exporter record PORT FILE    write its bytes to a file, with their times
  magnum-exporter replay FILE         play such a file onto a pseudo-terminal
  magnum-exporter doctor              check configuration, ports and devices; exit status 1: a fault
  magnum-exporter assets DIR          write alert rules, configurations, runbooks and dashboards to a folder
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 after a normal end, 1 when something cannot be opened, 2 for a wrong config."""
    log.keep_stderr()
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] in TOOLS:
        return _use(arguments[0], arguments[1:])
    return _serve(arguments)


def _use(name: str, arguments: list[str]) -> int:
    tool = importlib.import_module(f"exporter.tools.{name}")
    parser = flags.Parser(prog=f"{NAME} {name}", description=tool.__doc__)
    tool.add_arguments(parser)
    log.setup("warn", "logfmt")
    given = parser.parse_args(arguments)
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
    refuse(found)
    from toolkit.webconfig import WebConfig  # noqa: PLC0415 - see _serve

    return options, WebConfig.load(given.web_config_file)


def _serve(arguments: list[str]) -> int:
    parser = flags.Parser(
        prog=NAME,
        description=DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.words = TOOLS
    flags.add_flags(parser, config_file="exporter.yml", listen_address=LISTEN_ADDRESS, build=installed(NAME))
    given = flags.read_flags(parser.parse_args(arguments))
    # It loads the web framework, which takes most of the time of a start, and which the tools do without.
    with without_certificates():
        from exporter import app  # noqa: PLC0415
    try:
        options, web_config = _checked(given)
    except ConfigError as error:
        log.to_stderr(f"{error}\n")
        return 2
    if given.config_check:
        exposed = tuple(web_config.exposed())
        if exposed:
            sys.stderr.write("\n".join(exposed) + "\n")
            return 2
        for sentence in config.warnings(options):
            sys.stderr.write(f"{given.config_file}: {sentence}\n")
        sys.stdout.write("config ok\n")
        return 0
    log.setup(given.log_level, given.log_format)
    try:
        asyncio.run(app.run(given, options, web_config))
    except OSError as error:
        log.get("exporter").error("cannot serve", error=str(error))
        return 1
    return 0
