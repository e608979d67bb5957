"""The command `offgrid-simulator`: a whole off-grid site on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from simulator import settings
from simulator.pseudo_terminal import LinkError
from simulator.service import Service
from toolkit import config, flags, log
from toolkit.exit_status import exit_status

DEFAULT_FILE = Path("simulator.yml")


@exit_status
def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 after a signal to end, 1 when something cannot be opened, 2 for a wrong config."""
    arguments = parser().parse_args(argv)
    try:
        site = _settings(arguments.config_file, arguments.speed)
    except config.ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.config_check:
        sys.stdout.write("config ok\n")
        return 0
    log.setup(arguments.log_level, arguments.log_format)
    try:
        asyncio.run(_run(site))
    except (LinkError, OSError) as error:
        log.get("simulator").error("cannot open", error=str(error))
        return 1
    return 0


def parser() -> flags.Parser:
    """Return the command line."""
    whole = flags.Parser(
        prog="offgrid-simulator",
        description="A whole off-grid site: battery, sun, engine, the Magnum bus on a serial port, a relay board.",
        example="offgrid-simulator --config.file=simulator.yml --speed=60",
    )
    whole.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help=f"the site's configuration (default: {DEFAULT_FILE}, or a typical site when there is no such file)",
    )
    whole.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    whole.add_argument(
        "--speed",
        type=float,
        help="how many times as fast battery, sun and load run; engine and bus keep real time (default: 1)",
    )
    flags.add_log_flags(whole)
    whole.add_argument("--version", action="version", version=f"%(prog)s, version {version('magnum-exporter')}")
    return whole


def _settings(file: Path | None, speed: float | None) -> settings.SiteSettings:
    if file is None and not DEFAULT_FILE.exists():
        site = settings.SiteSettings()
    else:
        site = config.load(file or DEFAULT_FILE, settings.SiteSettings)
    parts = {"relay": site.relay, "http": site.http, "classic": site.classic, "bms": site.bms}
    for where, part in parts.items():
        if part is None or part.listen is None:
            continue
        try:
            flags.split_address(part.listen)
        except ValueError as error:
            raise config.ConfigError(f"{where}.listen", str(error), "") from error
    if speed is not None:
        if not speed > 0:
            raise config.ConfigError("--speed", f"{speed:g}", "more than 0")
        site = msgspec.structs.replace(site, speed=speed)
    return site


async def _run(site: settings.SiteSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Service(site).run(stop)
