"""`generator-actuator setup`: ask what only the owner knows, put the mode to off, and write `actuator.yml`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hidraw
import yaml
from serial.tools import list_ports

from actuator import config as configuration
from actuator.commands import client
from actuator.commands.flags import add_remote_flags
from actuator.commands.set_mode_off import NotOffError, RunsError, as_service_user, left_on
from actuator.config import Config
from actuator.config_warnings import warnings
from actuator.core.settings import QuietHours, TimeOfDay
from actuator.start.known_relays import DEFAULT_JOURNAL, service_folder
from toolkit import usb_relay
from toolkit.config import ConfigError, Ratio, decode, read_mapping
from toolkit.dialogue import Dialogue, terminal
from toolkit.flags import new_config_file
from toolkit.formatting import redacted
from toolkit.installing import faults_of, offer_service, write_keeping, write_web_config
from toolkit.modbus import real_port, serial_port
from toolkit.usb_relay import Backend
from toolkit.yaml_text import flow

DESCRIPTION = (
    "Asks for the relay, the thresholds and the quiet hours, writes actuator.yml, checks it and offers "
    "the service. It leaves the mode off: nothing starts before `commission`, or before you choose `mode auto`."
)
EXAMPLE = "generator-actuator setup"

UNIT = "generator-actuator"
WEB = """\
# TLS, users and headers of the actuator: docs/web-configuration.md.
# As it is, there are no users, and the actuator listens on this machine alone.
"""
_NO_BLANKS_OR_QUOTES = str.maketrans("", "", " \"'")
_ASKED = "ASKED"
_STABLE = Path("/dev/serial/by-id")
_EXPORTER = {"url": "http://127.0.0.1:10048/metrics"}
_ORDER = ("exporter", "relay", "journal", "start_soc", "stop_soc", "emergency_soc", "limits", "quiet_hours")
_COMMENTS = {
    "relay": "The contact that requests the engine.",
    "start_soc": "The engine starts at or under start_soc and stops at or over stop_soc. At or under emergency_soc it "
    "starts in quiet hours too.",
    "limits": "No run is longer than max_run. ags_max_run: Max Gen Run Time at the remote.",
    "quiet_hours": "Only an emergency starts the engine then.",
}
_NEXT = """
The mode is off: nothing starts the engine. Go on in this order:
  generator-actuator relays --test   clicks the board, before it is wired; stop the service first
  generator-actuator doctor          checks the whole chain
  generator-actuator commission      starts the engine while you watch it, and measures it
  generator-actuator mode auto       from then on it starts by itself"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and write; return 0 when the file is there, valid, and the mode off; 1 when not, 2 without a terminal."""
    dialogue = terminal()
    if dialogue is None:
        os.write(2, b"setup asks questions: run it in a terminal. The settings are in deploy/actuator.yml.\n")
        return 2
    try:
        file = new_config_file(arguments.config_file, "actuator.yml")
        return _Setup(dialogue, file, arguments.url).run()
    except (KeyboardInterrupt, EOFError):
        dialogue.say("\nCancelled.")
        return 1


class Contact(NamedTuple):
    """A contact that may be the generator's.

    Attributes:
        label: what it is.
        text: the relay as it is written in the file, with ASKED for what only the owner knows.
        asked: the question for that; empty: all is known.
        example: of its answer.
    """

    label: str
    text: str
    asked: str = ""
    example: str = ""

    def relay(self, answer: str) -> str:
        """Return the relay as it is written in the file, with the owner's answer."""
        return self.text.replace(_ASKED, answer) if self.asked else self.text


class _Setup:
    def __init__(self, dialogue: Dialogue, file: Path, url: str) -> None:
        self._dialogue = dialogue
        self._file = file
        self._url = url
        journal = (service_folder("STATE_DIRECTORY") or DEFAULT_JOURNAL.parent) / DEFAULT_JOURNAL.name
        self._document: dict[str, Any] = {"exporter": _EXPORTER, "journal": str(journal), **read_mapping(file)}

    def run(self) -> int:
        """Ask, check, put the mode to off, write, and offer the service."""
        say = self._dialogue.say
        say(f"This writes {self._file}. It moves no contact and starts no engine, and leaves the mode off.")
        say("Enter takes the answer in [brackets]. Until you let it write, Ctrl-C leaves everything as it is.\n")
        self._relay()
        self._thresholds()
        self._limits()
        self._quiet_hours()
        text = render(self._document)
        say(f"\n{text}")
        wrong = check(self._file, text)
        if wrong:
            say(f"This is not valid, so it is not written:\n{wrong}")
            return 1
        for sentence in warnings(decode(yaml.safe_load(text), Config)):
            say(f"Unusual: {sentence}")
        if not self._confirmed() or not self._write(text):
            return 1
        offer_service(self._dialogue, UNIT, then="The mode is off: it starts no engine.")
        say(_NEXT)
        return 0

    # -- questions

    def _relay(self) -> None:
        """Let the owner choose the contact; none is moved."""
        dialogue = self._dialogue
        taken = {serial_port(source) for source in _sources(self._file).values()}
        options = [*relays(self._document.get("relay"), taken)]
        dialogue.say("Which contact requests the engine?")
        contact = options[dialogue.choose("Number", [option.label for option in options])]
        known = self._asked(contact) if contact.asked else ""
        answer = dialogue.ask("The relay as it is written in the file", contact.relay(known), check=self._relay_fault)
        self._document["relay"] = _value(answer)
        dialogue.say()

    def _asked(self, contact: Contact) -> str:
        """Return what only the owner knows of a contact."""

        def fault(answer: str) -> str:
            wrong = self._relay_fault(contact.relay(answer))
            return f'got "{answer}", expected an answer such as {contact.example}' if wrong else ""

        return self._dialogue.ask(f"{contact.asked}, such as {contact.example}", check=fault)

    def _thresholds(self) -> None:
        # The neighbours are asked for next: with these, the start is judged alone.
        start = self._ask(
            "Start the engine at or under this state of charge",
            "start_soc",
            "25%",
            beside={"stop_soc": "98%", "emergency_soc": "0.1%"},
        )
        low = Ratio.parse(start)
        higher, lower = min(0.98, max(0.60, low + 0.20)), min(0.12, low / 2)
        self._ask("Stop it at or over this one", "stop_soc", f"{100 * higher:g}%", beside={"emergency_soc": "0.1%"})
        self._ask("Start it in quiet hours too at or under this one", "emergency_soc", f"{100 * lower:g}%")

    def _limits(self) -> None:
        dialogue, limits = self._dialogue, dict(self._document.get("limits") or {})
        for key, default, question in (
            ("ags_max_run", "12h", "Max Gen Run Time at the remote, after which the AGS blocks itself"),
            ("max_run", "4h", "Longest run"),
        ):

            def fault(answer: str, key: str = key) -> str:
                return self._wrong({**self._document, "limits": {**limits, key: _value(answer)}})

            limits[key] = _value(dialogue.ask(question, str(limits.get(key, default)), check=fault))
        self._document["limits"] = limits

    def _quiet_hours(self) -> None:
        present = self._document.get("quiet_hours")
        kept, usual = present if isinstance(present, dict) else {}, QuietHours()
        default = "none" if kept is not present else f"{kept.get('from', usual.from_)}-{kept.get('to', usual.to)}"

        def quiet(answer: str) -> dict[str, Any]:
            if answer == "none":
                return {**self._document, "quiet_hours": None}
            # Quotes are needed in the file, and so may be typed here.
            begin, _, end = answer.translate(_NO_BLANKS_OR_QUOTES).partition("-")
            return {**self._document, "quiet_hours": {**kept, "from": begin, "to": end}}

        def fault(answer: str) -> str:
            document = quiet(answer)
            try:
                for end in ("from", "to") if answer != "none" else ():
                    TimeOfDay.parse(document["quiet_hours"][end])
            except ConfigError:
                return f'got "{answer}", expected two times such as 21:00-06:00, or none'
            return self._wrong(document)

        answer = self._dialogue.ask("Quiet hours, such as 21:00-06:00, or none", default, check=fault)
        self._document = {key: value for key, value in quiet(answer).items() if value is not None}

    def _ask(self, question: str, key: str, default: str, *, beside: Mapping[str, str] | None = None) -> object:
        """Ask for a setting, and keep it; `beside`: other settings with which the answer is judged."""

        def fault(answer: str) -> str:
            return self._wrong({**self._document, **(beside or {}), key: _value(answer)})

        offered = self._document.get(key, default)
        value = _value(self._dialogue.ask(question, str(offered), check=fault))
        self._document[key] = value
        return value

    def _relay_fault(self, text: str) -> str:
        return self._wrong({**self._document, "relay": _value(text)})

    def _wrong(self, document: Mapping[str, Any]) -> str:
        """Return what is wrong with a document; what has not been asked for yet counts as right."""
        trial = {"relay": {"type": "simulated"}, **document}
        try:
            decode({key: value for key, value in trial.items() if value is not None}, Config)
        except ConfigError as error:
            return str(error)
        return ""

    # -- what follows

    def _confirmed(self) -> bool:
        question = f"Write {self._file}?"
        if self._file.exists():
            question = f"{self._file} exists. Replace it? The present one is kept beside it."
        if not self._dialogue.confirm(question):
            self._dialogue.say("Nothing was written.")
            return False
        return True

    def _write(self, text: str) -> bool:
        """Write both files; the mode is off before the actuator could start with the new one."""
        say = self._dialogue.say
        try:
            # The unit names it, and does not start without it.
            write_web_config(self._file.with_name("actuator-web.yml"), WEB, UNIT)
            runs = self._off(text)
            kept = write_keeping(self._file, text)
        except NotOffError as error:
            say(f"The mode could NOT be put to off: {error}")
            say(f"So {self._file} is not written, and the service not offered. Mend that, and run setup again.")
            return False
        except OSError as error:
            say(f"It cannot be written: {error}. As root: sudo generator-actuator setup")
            return False
        say(f"Written: {self._file}" + (f". The one before is {kept}." if kept else ""))
        if runs:
            say("The actuator runs, with its former file: systemctl reload generator-actuator")
        return True

    def _off(self, text: str) -> bool:
        """Put the mode to off in the journal that a text names; return whether a running actuator did it."""
        try:
            as_service_user(text)
        except RunsError as running:
            try:
                answer = client.ask(self._url, "/api/v1/mode", {"mode": "off"})
            except client.ClientError as error:
                raise NotOffError(f"{running} failed: {error}") from error
            if not isinstance(answer, dict) or answer.get("mode") != "off":
                what = f"{redacted(self._url)} answers, but is not that actuator"
                raise NotOffError(f"{running}. {what}: name its address with --url") from None
            if fault := left_on(text):
                raise NotOffError(
                    f"{running}. {redacted(self._url)} is off now, but {fault}. If the actuator there is another one, "
                    "name the address of this one with --url, and give that one its mode back"
                ) from None
            return True
        return False


def relays(present: object, taken: set[str | None], backend: Backend = hidraw) -> Iterator[Contact]:
    """Yield each contact that may be the generator's.

    Args:
        present: the relay of the present file, if there is one.
        taken: serial ports that the exporter reads.
        backend: of USB.
    """
    if isinstance(present, dict):
        yield Contact(f"as configured: {flow(present)}", flow(present))
    boards = list(usb_relay.found(backend))
    for board in boards:
        for channel, closed in enumerate(board.closed or (), 1):
            label = (
                f"USB relay board {board.serial or board.path}, channel {channel}, now {'closed' if closed else 'open'}"
            )
            relay = usb_relay.configured(board, alone=len(boards) == 1, channel=channel).partition("  #")[0]
            yield Contact(label, relay)
        if board.closed is None:
            yield Contact(f"USB relay board at {board.path}: {board.fault}", "{type: hid, channel: 1}")
    yield Contact(
        "a Modbus TCP board, by its address",
        f'{{type: modbus, url: "tcp://{_ASKED}", unit_id: 1, coil: 0}}',
        asked="Its address on the network",
        example="192.168.1.30",
    )
    names = {os.path.realpath(link): str(link) for link in _STABLE.iterdir()} if _STABLE.is_dir() else {}
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        if real_port(port.device) not in taken:
            path = names.get(port.device, port.device)
            yield Contact(
                f"a Modbus RTU board on {path}",
                f'{{type: modbus, url: "rtu://{path}?baudrate=9600", unit_id: 1, coil: 0}}',
            )
            yield Contact(f"an LCUS-1 on {path}, which cannot be read back", f"{{type: serial, port: {path}}}")
    for chip in sorted(Path("/dev").glob("gpiochip*")):
        yield Contact(
            f"a line of the GPIO chip {chip}",
            f"{{type: gpio, chip: {chip}, line: {_ASKED}, active_low: true}}",
            asked="The number of its line (of the GPIO, not of the pin)",
            example="17",
        )


def _value(answer: str) -> object:
    """Return what the file would have; text that is no YAML as it is, which no setting accepts."""
    try:
        return yaml.safe_load(answer)
    except yaml.YAMLError:
        return answer


def render(document: Mapping[str, Any]) -> str:
    """Return the text of the file."""
    lines = [
        "# Configuration of generator-actuator. Check it with: generator-actuator --config.check",
        "# Every setting, with its default: deploy/actuator.yml",
    ]
    for key in (*_ORDER, *(key for key in document if key not in _ORDER)):
        if key in document:
            if key in _COMMENTS or key == _ORDER[0]:
                lines.append("")
            if key in _COMMENTS:
                lines.append(f"# {_COMMENTS[key]}")
            value = document[key]
            if key == "limits" and isinstance(value, dict):
                # `commission` proposes lines that belong below it.
                lines += ["limits:", *(f"  {name}: {flow(limit)}" for name, limit in value.items())]
            else:
                lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def check(file: Path, text: str) -> str:
    """Return what is wrong with a text as the file at a path, as `--config.check` would; empty: nothing."""
    from actuator.commands import config_checks  # noqa: PLC0415 - it loads an HTTP client that other commands do without

    def faults(trial: Path) -> str:
        try:
            configuration.load(trial)
        except ConfigError as error:
            return str(error)
        return "\n".join(map(str, config_checks.outside(trial).errors))

    return faults_of(file, text, beside=config_checks.EXPORTER, faults=faults)


def _sources(file: Path) -> dict[Any, Any]:
    from actuator.commands import config_checks  # noqa: PLC0415 - as above

    sources = read_mapping(file.with_name(config_checks.EXPORTER)).get("sources")
    return sources if isinstance(sources, dict) else {}
