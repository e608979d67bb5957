"""`magnum-exporter discover`: find the devices on serial ports, USB and the hosts named, and print a configuration.

Listens first, for 10 s at 19200 baud, and writes nothing to a port on which a byte is received. A silent port is asked
only when it is named with --probe, and with read requests alone. What is found goes to stderr, the configuration to
stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from exporter.discovery import configuration, listening, network, ports, probing
from exporter.discovery.found import Found
from exporter.discovery.ports import Port
from exporter.sources.base import SourceError
from toolkit import usb_relay
from toolkit.config import ConfigError, read_mapping
from toolkit.flags import default_config_file, split_address
from toolkit.formatting import printable
from toolkit.modbus import TcpAddress, parse, real_port

DESCRIPTION = (
    "Finds the devices on serial ports, USB and the hosts that are named, and prints a configuration. It listens "
    "first, for 10 s at 19200 baud, and writes nothing to a port on which a byte is received. A silent port is asked "
    "only if it is named with --probe, and with read requests alone. What is found goes to stderr, the configuration "
    "to stdout."
)
EXAMPLE = "magnum-exporter discover --host=192.168.1.20 --probe=/dev/ttyUSB1"

Report = Callable[[str], None]
Ask = Callable[[str], str]

_AGAIN = 1.0
"""Seconds for which a port is at least listened to once more before it is probed."""

_WARNING = """\
{port} has been silent for {seconds:.0f} s. Probing sends read requests to it, at several speeds: Q1 and F (AIMS), the
question for measurements (Pylontech and others), Modbus functions 1, 3 and 4. None of them changes a setting. But if a
generator or its relay hangs on this port, do not probe it: nobody knows what an unknown device does with a request.
Type yes to probe {port}: """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument(
        "ports", metavar="PORT", nargs="*", help="search these ports only (default: all of this machine)"
    )
    add_search_arguments(parser)
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        default=default_config_file("exporter.yml"),
        help="the present configuration, whose ports are skipped (default: %(default)s)",
    )


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser what decides where to search."""
    parser.add_argument(
        "--host",
        metavar="H",
        action="append",
        type=host,
        default=[],
        help="ask this host by Modbus TCP, with read requests; HOST or HOST:PORT (default port: 502); repeatable",
    )
    parser.add_argument(
        "--probe",
        metavar="PORT",
        action="append",
        default=[],
        help="ask this serial port if it is silent, with read requests, after a question in the terminal; repeatable",
    )
    parser.add_argument(
        "--seconds", type=duration, default=listening.SECONDS, help="how long to listen (default: %(default)g)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Search, print; return 0 when a device was found, 1 when none was, 2 when a probe cannot be confirmed."""
    if arguments.probe and not sys.stdin.isatty():
        sys.stderr.write("--probe asks before it sends anything: run it in a terminal.\n")
        return 2
    present = list(map(Port, map(ports.stable_name, arguments.ports))) if arguments.ports else ports.present()
    try:
        found = search(
            present,
            arguments.host,
            probe=arguments.probe,
            config_file=arguments.config_file,
            seconds=arguments.seconds,
            report=_report,
            ask=_ask,
        )
    except (KeyboardInterrupt, EOFError):
        _report("Cancelled.")
        return 1
    before = read_mapping(arguments.config_file)
    chosen = configuration.sources(found, kept_sources(before))
    relays = [one for one in found if one.relay]
    if relays:
        _report("\nA relay belongs into actuator.yml; generator-actuator setup writes it:")
        for one in relays:
            _report(f"  relay: {one.relay}   # {printable(one.place)}")
    if not chosen:
        _report("\nNo device that the exporter reads was found, so there is no configuration to print.")
        return 1
    _report("\nThe configuration. Keep it: magnum-exporter setup, or discover >found.yml\n")
    sys.stdout.write(configuration.render(chosen, battery=before.get("battery"), more=others(before)))
    return 0 if any(one.sources for one in found) else 1


def search(
    present: Sequence[Port],
    hosts: Iterable[TcpAddress],
    *,
    probe: Iterable[str] = (),
    config_file: Path,
    seconds: float = listening.SECONDS,
    report: Report,
    ask: Ask,
    patience: float = 1.0,
) -> list[Found]:
    """Return what is on these ports and hosts, and which USB relay boards there are; each is reported as it is found.

    Args:
        present: the serial ports.
        hosts: of Modbus TCP.
        probe: ports that may be asked if they are silent.
        config_file: the exporter's; its ports, and the relay's in the file beside it, are skipped.
        seconds: for which ports are listened to.
        report: takes lines for the person.
        ask: returns the person's answer to a question.
        patience: by which the times of a probe are multiplied.
    """
    searching = _Search(config_file, report, ask, seconds, patience)
    searching.search_ports(present, [*probe])
    for board in _boards():
        searching.add(board)
    for host in hosts:
        searching.ask_host(host)
    return searching.found


class _Search:
    def __init__(self, config_file: Path, report: Report, ask: Ask, seconds: float, patience: float) -> None:
        self.found: list[Found] = []
        self._config_file = config_file
        self._report = report
        self._ask = ask
        self._seconds = seconds
        self._patience = patience

    def add(self, one: Found) -> None:
        """Keep and report what was found."""
        self.found.append(one)
        self._report(f"{printable(one.place)}: {printable(one.text)}")
        if one.remedy:
            self._report(f"    -> {one.remedy}")

    def search_ports(self, present: Sequence[Port], probe: Sequence[str]) -> None:
        """Listen to every port that nobody has; probe those that are silent and named."""
        named = {real_port(port.name) for port in present}
        both = [*present, *(Port(ports.stable_name(port)) for port in probe if real_port(port) not in named)]
        free = [port for port in both if not self._skipped(port)]
        if not both:
            self._report("This machine has no serial port: plug the adapter in, then: ls -l /dev/serial/by-id/")
        if free:
            names = ", ".join(port.name for port in free)
            self._report(f"Listening for {self._seconds:g} s at {listening.BAUD} baud; nothing is written: {names} ...")
        probed = {real_port(port) for port in probe}
        for port, result in _listened(free, self._seconds):
            self.add(result or self._silent(port, probe=real_port(port.name) in probed))

    def ask_host(self, host: TcpAddress) -> None:
        """Ask a Modbus TCP host, unless a source has it: a Classic accepts few clients."""
        owner = _hosts(self._config_file).get((host.host, host.port))
        if owner is not None:
            self.add(Found(place=str(host), text=f"Skipped: the source {owner} in {self._config_file} has it."))
            return
        self._report(f"Asking {host} ...")
        self.add(network.ask(host))

    def _skipped(self, port: Port) -> bool:
        owner = ports.configured(self._config_file).get(real_port(port.name))
        why = f"{owner} has it" if owner else ports.refusal(port.name)
        if why:
            self.add(Found(place=port.name, text=f"Skipped: {why}."))
        return bool(why)

    def _silent(self, port: Port, *, probe: bool) -> Found:
        if probe and self._ask(_WARNING.format(port=port.name, seconds=self._seconds)).strip() == "yes":
            try:
                # The person may have thought about it for minutes, and --seconds shortens no probe's silence.
                rest = max(_AGAIN, listening.SECONDS - self._seconds) * self._patience
                late, _ = listening.listen(port.name, seconds=rest)
                return late or probing.probe(port.name, self._report, patience=self._patience)
            except SourceError as error:
                return Found(place=port.name, text=f"{error}.")
        about = f" ({port.about})" if port.about not in ("", "n/a") else ""
        return Found(
            place=port.name,
            text=f"Silent for {self._seconds:g} s{about}. A Magnum network never is: check A, B and that it is on.",
            remedy=f"If a battery or an AIMS inverter is on it: magnum-exporter discover --probe {port.name}",
            silent=True,
        )


def kept_sources(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the sources of a configuration file, by name."""
    given = document.get("sources")
    return {str(name): options for name, options in given.items()} if isinstance(given, dict) else {}


def others(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a configuration file has beside its sources and its battery."""
    return {key: value for key, value in document.items() if key not in ("sources", "battery")}


def _listened(free: Sequence[Port], seconds: float) -> Iterator[tuple[Port, Found | None]]:
    """Listen to all ports at once; yield what was found on each, in their order."""
    stop = threading.Event()

    def listen(port: Port) -> Found | None:
        try:
            return listening.listen(port.name, seconds=seconds, stopped=stop.is_set)[0]
        except SourceError as error:
            return Found(place=port.name, text=f"Skipped: {error}.")

    with ThreadPoolExecutor(max_workers=max(1, len(free))) as pool:
        try:
            yield from zip(free, list(pool.map(listen, free)), strict=True)
        finally:
            stop.set()


def _boards() -> Iterator[Found]:
    """Yield each USB relay board, whose contacts are read and not moved."""
    boards = list(usb_relay.found())
    for board in boards:
        if board.closed is None:
            yield Found(place=board.path, text=f"A USB relay board that {board.fault}.")
            continue
        contacts = ", ".join(
            f"{number} {'closed' if closed else 'open'}" for number, closed in enumerate(board.closed, 1)
        )
        yield Found(
            place=board.path,
            text=f"A USB relay board, serial {board.serial or 'empty'}, contacts: {contacts}.",
            relay=usb_relay.configured(board, alone=len(boards) == 1),
        )


def _hosts(config_file: Path) -> dict[tuple[str, int], str]:
    """Return for each Modbus TCP host of the present configuration which source has it."""
    taken: dict[tuple[str, int], str] = {}
    for name, options in kept_sources(read_mapping(config_file)).items():
        # A source that is wrong otherwise has its host all the same.
        with contextlib.suppress(ConfigError, AttributeError):
            if isinstance(options.get("url"), str):
                address = parse(options["url"])
            else:
                address = TcpAddress(str(options.get("host")), options.get("port", 502))
            if isinstance(address, TcpAddress):
                taken[address.host, address.port] = name
    return taken


def host(text: str) -> TcpAddress:
    """Return the address of HOST or HOST:PORT; raises argparse.ArgumentTypeError."""
    try:
        name, port = split_address(text) if ":" in text else (text, 502)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not name:
        raise argparse.ArgumentTypeError(f'got "{text}", expected a host such as 192.168.1.20')
    return TcpAddress(name, port)


def duration(text: str) -> float:
    """Return seconds, finite and more than 0; raises argparse.ArgumentTypeError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f'got "{text}", expected seconds, more than 0, such as 10')
    return seconds


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()
