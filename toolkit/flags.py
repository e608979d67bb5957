"""Command-line flags in the style of Prometheus: dotted names, `--flag=x` or `--flag x`."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import os
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from toolkit.build import Build
from toolkit.config.near_miss import near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")
FOLDER = Path("/etc/magnum-exporter")
"""Where an installation has its configuration files."""

_HOST = re.compile(r"[A-Za-z0-9._-]*")


@dataclasses.dataclass(frozen=True)
class Flags:
    """The shared flags of a command line."""

    config_file: Path
    config_check: bool
    listen_addresses: tuple[str, ...]
    web_config_file: Path | None
    enable_lifecycle: bool
    log_level: str
    log_format: str
    allow_anonymous: bool = False


class Parser(argparse.ArgumentParser):
    """A parser that suggests what a wrong word was meant to be, and accepts no abbreviated flags.

    Attributes:
        example: a whole command line that its help ends with; empty: none.
    """

    def __init__(self, *, example: str = "", **options: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(**{"allow_abbrev": False, **options})
        self.example = example

    def format_help(self) -> str:
        """Return the help text, the example last: argparse would fill an epilog as one paragraph."""
        return super().format_help() + (f"\nexample:\n  {self.example}\n" if self.example else "")

    def error(self, message: str) -> NoReturn:
        """Print the message with a suggestion, and exit with status 2."""
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += near(choice[1], re.findall(r"[\w-]+", choice[2]))
        elif unknown := re.search(r"unrecognized arguments: ([^\s=]+)", message):
            # argparse reports the unknown flags of a command by the parser of the program.
            parsers = (self, *self.commands().values())
            options = [flag for parser in parsers for flag in parser._option_string_actions]  # noqa: SLF001 - its own
            message += near(unknown[1], options)
        super().error(message)

    def commands(self) -> Mapping[str, Parser]:
        """Return the parsers of its commands by name."""
        return {
            name: command
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - argparse has no other name for it
            for name, command in action.choices.items()
        }


def default_config_file(name: str) -> Path:
    """Return the file that is read when none is named: the caller's own here, else the installation's."""
    here, installed = Path(name), FOLDER / name
    # Never a file or a link that somebody else has put into a folder where root happens to be.
    if _belongs_to_caller(here):
        return here
    return installed if os.path.exists(installed) or os.path.lexists(here) else here  # noqa: PTH110 - raises nothing


def new_config_file(given: Path, name: str) -> Path:
    """Return the file that a set-up writes: the one given, which may be the default, else the installation's."""
    return FOLDER / name if given == Path(name) and not given.exists() else given


def _belongs_to_caller(path: Path) -> bool:
    try:
        return {path.lstat().st_uid, path.stat().st_uid} == {os.geteuid()}
    except OSError:
        return False


class _Repeated(argparse.Action):
    """Collects a repeatable flag; the first value replaces the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes it
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,  # noqa: ARG002 - argparse passes it
    ) -> None:
        given = getattr(namespace, self.dest)
        setattr(namespace, self.dest, (*(() if given is self.default else given), values))


class _Version(argparse.Action):
    """Prints the version on one line, for scripts; argparse's own breaks it where the terminal ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"{self.const}\n")
        parser.exit()


def add_flags(parser: argparse.ArgumentParser, *, config_file: str, listen_address: str, build: Build) -> None:
    """Add the flags that both programs share.

    Args:
        parser: the program's.
        config_file: the name of the default of `--config.file`, here or in `FOLDER`.
        listen_address: the default of `--web.listen-address`.
        build: what `--version` prints.
    """
    config = parser.add_argument_group("configuration")
    config.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        default=default_config_file(config_file),
        help=f"configuration file (default: {config_file} here if you own it, else {FOLDER / config_file})",
    )
    config.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="check the configuration and exit: 0 when it is valid, 2 when it is not",
    )
    web = parser.add_argument_group("web")
    web.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        action=_Repeated,
        type=_address,
        metavar="HOST:PORT",
        default=(listen_address,),
        help=f"address to listen on, repeatable; :PORT is every interface (default: {listen_address})",
    )
    web.add_argument(
        "--web.config.file",
        dest="web_config_file",
        type=Path,
        metavar="FILE",
        default=None,
        help="TLS, users and headers, in the format of Prometheus' exporters (default: none)",
    )
    web.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        help="allow POST /-/reload",
    )
    add_log_flags(parser)
    parser.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        const=f"{parser.prog}, version {build} (Python {platform.python_version()}, {platform.machine()})",
        help="show program's version number and exit",
    )


def add_log_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--log.level` and `--log.format`."""
    logging = parser.add_argument_group("log")
    logging.add_argument(
        "--log.level",
        dest="log_level",
        type=_level,
        choices=LEVELS,
        default="info",
        help="minimum log level (default: %(default)s)",
    )
    logging.add_argument(
        "--log.format",
        dest="log_format",
        choices=FORMATS,
        default="logfmt",
        help="format of the log lines (default: %(default)s)",
    )


def add_web_exposure_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--web.allow-anonymous`, for a program that otherwise listens without users on loopback only."""
    parser.add_argument(
        "--web.allow-anonymous",
        dest="allow_anonymous",
        action="store_true",
        help="allow control without a password to anyone who can reach the listen address",
    )


def read_flags(namespace: argparse.Namespace) -> Flags:
    """Return the shared flags from the result of `parse_args`."""
    return Flags(
        config_file=namespace.config_file,
        config_check=namespace.config_check,
        listen_addresses=tuple(namespace.listen_addresses),
        web_config_file=namespace.web_config_file,
        enable_lifecycle=namespace.enable_lifecycle,
        log_level=namespace.log_level,
        log_format=namespace.log_format,
        allow_anonymous=getattr(namespace, "allow_anonymous", False),
    )


def split_address(text: str) -> tuple[str, int]:
    """Split "127.0.0.1:10048", ":10048" (host "": every interface), "[::1]:10048" or "cabin:10048" into host and port.

    Raises:
        ValueError: "got …, expected …".
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f'got "{text}", expected HOST:PORT such as 127.0.0.1:10048, or :10048 for every interface')
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError(f'got port "{port}" in "{text}", expected a number from 0 to 65535')
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1])), int(port)
        except ValueError:
            raise ValueError(f'got "{host}" in "{text}", expected an IPv6 address such as [::1]') from None
    if ":" in host:
        raise ValueError(f'got "{text}", expected an IPv6 address in brackets such as [::1]:10048')
    if not _HOST.fullmatch(host):
        raise ValueError(f'got host "{host}" in "{text}", expected a name or an address such as 127.0.0.1')
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Return whether a listen address, or a host alone, is reachable only from this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        pass
    host = address
    if ":" in address:
        try:
            host, _ = split_address(address)
        except ValueError:
            return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(text: str) -> str:
    try:
        split_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _level(text: str) -> str:
    lowered = text.lower()
    return "warn" if lowered == "warning" else lowered
