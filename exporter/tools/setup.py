"""`magnum-exporter setup`: find the devices, ask what only the owner knows, and write `exporter.yml`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporter import config, config_checks
from exporter.discovery import configuration, ports
from exporter.discovery.found import Found, Source
from exporter.discovery.ports import Port
from exporter.tools.discover import add_search_arguments, host, kept_sources, others, search
from toolkit.config import ConfigError, read_mapping, refuse
from toolkit.dialogue import Dialogue, terminal
from toolkit.flags import default_config_file, new_config_file
from toolkit.formatting import printable
from toolkit.installing import faults_of, offer_service, write_keeping, write_web_config
from toolkit.modbus import TcpAddress
from toolkit.replace import replace

DESCRIPTION = (
    "Finds the devices as discover does, asks what only you know, such as the battery's capacity, writes exporter.yml, "
    "checks it and offers the service. It asks before it replaces a file, and keeps a copy."
)
EXAMPLE = "magnum-exporter setup --host=192.168.1.20"

UNIT = "magnum-exporter"
WEB = """\
# TLS, users and headers of the exporter: docs/web-configuration.md.
# As it is, everybody who reaches the address may read.
"""
_TRUST = ("vedirect", "modbus", "pylontech", "classic", "magnum")
"""Families in the order of trust that is offered: a monitor or BMS of its own before what rides on another device."""


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
        default=new_config_file(default_config_file("exporter.yml"), "exporter.yml"),
        help="the file to write (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask and write; return 0 when the file is written and valid, 1 when not, 2 without a terminal."""
    dialogue = terminal()
    if dialogue is None:
        sys.stderr.write("setup asks questions: run it in a terminal. Without one: magnum-exporter discover\n")
        return 2
    try:
        return _Setup(dialogue, arguments).run()
    except (KeyboardInterrupt, EOFError):
        dialogue.say("\nCancelled.")
        return 1


class _Setup:
    def __init__(self, dialogue: Dialogue, arguments: argparse.Namespace) -> None:
        self._dialogue = dialogue
        self._arguments = arguments
        self._file: Path = arguments.config_file
        self._before = read_mapping(self._file)

    def run(self) -> int:
        """Ask, write, check, and offer the service."""
        say = self._dialogue.say
        say(f"This finds your devices and writes {self._file}. It changes nothing on any device, and starts no engine.")
        say("Enter takes the answer in [brackets]. Until the file is written, Ctrl-C leaves everything as it is.\n")
        chosen = self._sources(self._search())
        if not chosen:
            say("\nNo device was found, so no file is written. Check the cables, then run setup again.")
            return 1
        battery = self._battery(chosen)
        text = configuration.render(chosen, battery=battery, more=others(self._before))
        say(f"\n{text}")
        wrong = check(self._file, text)
        if wrong:
            say(f"This is not valid, so it is not written:\n{wrong}")
            return 1
        if not self._write(text):
            return 1
        started = offer_service(self._dialogue, UNIT, then="It only reads.")
        if started:
            say("Look at it: magnum-exporter doctor")
        say("\nNext: generator-actuator setup, for the relay and the thresholds.")
        return 0

    def _search(self) -> list[Found]:
        given = self._arguments
        present = list(map(Port, map(ports.stable_name, given.ports))) if given.ports else ports.present()

        def look(names: Sequence[Port], hosts: Sequence[TcpAddress], probe: Sequence[str]) -> list[Found]:
            return search(
                names,
                hosts,
                probe=probe,
                config_file=self._file,
                seconds=given.seconds,
                report=self._dialogue.say,
                ask=self._dialogue.line,
            )

        hosts = given.host or self._hosts()
        found = look(present, hosts, given.probe)
        silent = [one.place for one in found if one.silent]
        while silent:
            self._dialogue.say(
                f"\nSilent: {', '.join(silent)}. A battery or an AIMS inverter sends only when it is asked."
            )
            names = [*silent]
            port = self._dialogue.ask(
                "Type the name of a port with such a device to ask it, or none",
                "none",
                check=lambda answer, names=names: _port_fault(answer, names),  # type: ignore[misc]
            )
            if port == "none":
                break
            found += look([Port(port)], [], [port])
            silent.remove(port)
        return found

    def _hosts(self) -> list[TcpAddress]:
        """Return the Modbus TCP hosts that the owner names: none is searched for."""

        def check(answer: str) -> str:
            try:
                _addresses(answer)
            except argparse.ArgumentTypeError as error:
                return str(error)
            return ""

        question = "Devices on the network (Classic, Victron GX): their addresses, such as 192.168.1.20, or none"
        answer = self._dialogue.ask(question, "none", check=check)
        self._dialogue.say()
        return _addresses(answer)

    def _sources(self, found: Sequence[Found]) -> tuple[Source, ...]:
        """Return the devices under the names that the owner gives them."""
        say = self._dialogue.say
        kept = self._kept()
        chosen = list(configuration.sources([], kept))
        offered = configuration.sources(found, kept)[len(kept) :]
        if offered:
            say("\nEach device has a name: the label `device` of its metrics. A minus sign leaves the device out.")
        for source in offered:
            taken = {other.name for other in chosen}
            name = self._dialogue.ask(
                f"Name of {printable(source.about)}",
                source.name,
                check=lambda answer, taken=taken: _name_fault(answer, taken),  # type: ignore[misc]
            )
            if name != "-":
                chosen.append(replace(source, name=name))
        return tuple(chosen)

    def _kept(self) -> dict[str, Any]:
        """Return the sources of the file that is there, without those that the owner leaves out."""
        kept = dict(kept_sources(self._before))
        if not kept:
            return kept

        def check(answer: str) -> str:
            unknown = set() if answer == "none" else set(_words(answer)) - kept.keys()
            return f"got {', '.join(sorted(unknown))}, expected some of: {', '.join(kept)}, or none" if unknown else ""

        question = f"\n{self._file} has {', '.join(kept)}. Which are there no more? Their names, or none"
        gone = self._dialogue.ask(question, "none", check=check)
        return {name: options for name, options in kept.items() if name not in _words(gone)}

    def _battery(self, chosen: Sequence[Source]) -> dict[str, Any]:
        """Return the battery as only its owner knows it."""
        battery = _mapping(self._before.get("battery"))
        # The reported capacity is only offered: there may be packs that are not read.
        known = _number(battery.get("capacity_ampere_hours")) or sum(source.amphours for source in chosen) or None
        answer = self._dialogue.ask(
            "\nCapacity of the whole battery in Ah, all packs together; none: not known",
            "none" if known is None else f"{known:.6g}",
            check=_capacity_fault,
        )
        if answer == "none":
            battery.pop("capacity_ampere_hours", None)
        else:
            battery["capacity_ampere_hours"] = float(answer) if "." in answer else int(answer)
        packs = [source.name for source in chosen if source.options.get("type") == "modbus" and _is_pack(source)]
        if len(packs) > 1 and not battery.get("banks"):
            question = f"{', '.join(packs)}: are they packs in parallel, one battery together?"
            if self._dialogue.confirm(question):
                battery["banks"] = {"bank": packs}
        return self._trusted(chosen, battery)

    def _trusted(self, chosen: Sequence[Source], battery: dict[str, Any]) -> dict[str, Any]:
        """Return the battery with the order of trust in the sources of its state of charge."""
        banks = _mapping(battery.get("banks"))
        in_banks = {pack for bank in banks.values() for pack in (bank["packs"] if isinstance(bank, dict) else bank)}
        names = [
            source.name
            for family in _TRUST
            for source in chosen
            if source.options.get("type") == family and source.name not in in_banks
        ]
        names = [*banks, *names]
        soc = _mapping(battery.get("soc"))
        if len(names) < 2 or soc.get("sources"):
            return battery
        self._dialogue.say("\nSeveral devices may know the state of charge. The first one that is trusted leads.")

        def check(answer: str) -> str:
            unknown = [name for name in _words(answer) if name not in names]
            return f"got {unknown[0]}, expected some of: {', '.join(names)}" if unknown or not answer else ""

        answer = self._dialogue.ask("Order of trust", ", ".join(names), check=check)
        return {**battery, "soc": {**soc, "sources": _words(answer)}}

    def _write(self, text: str) -> bool:
        """Write the file if the owner agrees; return whether it is there."""
        dialogue = self._dialogue
        if self._file.exists():
            if not dialogue.confirm(f"{self._file} exists. Replace it? The present one is kept beside it."):
                dialogue.say("Nothing was written.")
                return False
        elif not dialogue.confirm(f"Write {self._file}?"):
            dialogue.say("Nothing was written.")
            return False
        web = self._file.with_name("exporter-web.yml")
        try:
            kept = write_keeping(self._file, text)
            # The unit names it, and does not start without it.
            write_web_config(web, WEB, UNIT)
        except OSError as error:
            dialogue.say(f"It cannot be written: {error}. As root: sudo magnum-exporter setup")
            return False
        dialogue.say(f"Written: {self._file}" + (f". The one before is {kept}." if kept else ""))
        return True


def check(file: Path, text: str) -> str:
    """Return what `--config.check` would find in this text at a path; empty: nothing."""

    def faults(trial: Path) -> str:
        try:
            found = [*config_checks.folders(trial)]
            try:
                config.load(trial)
            except ConfigError as error:
                refuse([error, *found])
            refuse(found)
        except ConfigError as error:
            return str(error)
        return ""

    return faults_of(file, text, beside=config_checks.ACTUATOR, faults=faults)


def _words(answer: str) -> list[str]:
    return answer.replace(",", " ").split()


def _mapping(value: object) -> dict[str, Any]:
    """Return a part of the file that is there; empty: it has none, or the part is empty or wrong."""
    return dict(value) if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except ValueError:
        return None


def _addresses(answer: str) -> list[TcpAddress]:
    return [] if answer == "none" else [host(word) for word in _words(answer)]


def _port_fault(answer: str, silent: Sequence[str]) -> str:
    return "" if answer == "none" or answer in silent else f'got "{answer}", expected {", ".join(silent)}, or none'


def _name_fault(answer: str, taken: set[str]) -> str:
    if answer == "-":
        return ""
    if answer in taken:
        return f"got {answer}, which another device has, expected a name of its own"
    plain = answer.replace("_", "").replace("-", "")
    return "" if plain.isascii() and plain.isalnum() else f'got "{answer}", expected letters, digits, - and _'


def _capacity_fault(answer: str) -> str:
    if answer == "none":
        return ""
    try:
        good = 0 < float(answer) < float("inf")
    except ValueError:
        good = False
    return "" if good else f'got "{answer}", expected ampere-hours such as 400, or none'


def _is_pack(source: Source) -> bool:
    return source.options.get("profile") != "victron-gx"
