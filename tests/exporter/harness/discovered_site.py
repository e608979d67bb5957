"""A simulated site as `magnum-exporter discover` shows it: the example in docs/discover.md.

    python -m tests.exporter.harness.discovered_site

writes the example into the page, between its markers; a test compares the two.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

from exporter.discovery import configuration
from exporter.discovery.ports import Port
from exporter.sources.pylontech.dialects import DIALECTS
from exporter.sources.pylontech.frame import ANALOG_VALUES, Frame, FrameError, parse
from exporter.tools import discover
from tests.exporter.harness import captures
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.modbus_servers import Answer, TcpDevice, from_registers
from tests.exporter.harness.serial_devices import Respond, SerialDevice
from tests.exporter.sources.test_classic import readme_2025
from tests.exporter.sources.test_vedirect import HISTORY, LIVE
from tests.support import ROOT
from tests.toolkit.modbus.lines import crc
from toolkit import usb_relay
from toolkit.modbus import TcpAddress

PAGE: Final = ROOT / "docs" / "discover.md"
LISTEN: Final = 1.5
"""Seconds: enough for a simulated device."""

PATIENCE: Final = 0.25
HOLD: Final = """
import sys
held = open(sys.argv[1], "rb", buffering=0)
print("open", flush=True)
sys.stdin.read()
"""


def magnum() -> tuple[bytes, ...]:
    """Return the packets of a captured Magnum network."""
    return tuple(line.data for line in captures.lines(captures.INVERTING))


def swapped() -> tuple[bytes, ...]:
    """Return what is received of a Magnum network with A and B swapped."""
    return tuple(bytes.fromhex(captures.vector(f"pymagnum-swapped-AB-{number}")["raw_hex"]) for number in range(6))


@contextmanager
def sending(*pieces: bytes) -> Iterator[SerialDevice]:
    """A device that sends these pieces over and over, and keeps whatever is written to it."""
    over = threading.Event()
    with SerialDevice(lossy=True) as device:

        def run() -> None:
            while not over.is_set():
                for piece in pieces:
                    device.send(piece)
                    over.wait(0.02)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield device
        finally:
            over.set()
            thread.join(10)


@contextmanager
def held() -> Iterator[SerialDevice]:
    """A port that another process has open."""
    with SerialDevice() as device:
        words = [sys.executable, "-c", HOLD, device.path]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield device
            finally:
                process.kill()


def in_text(*packs: tuple[str, Frame]) -> Respond:
    """Answer as batteries with these captured replies do, each at its address and in its dialect."""
    known: dict[bytes, Frame] = {}
    for name, frame in packs:
        answer = parse(vector(name)["response_ascii"].removesuffix("\\r").encode())
        known[Frame(answer.version, frame.address, answer.command, answer.info, answer.kind).encode()] = frame

    def respond(request: bytes) -> bytes:
        try:
            asked = parse(request.rstrip(b"\r"))
        except FrameError:
            return b""
        return next((reply for reply, frame in known.items() if frame == asked), b"")

    return respond


def question(dialect: str, address: int, data: bytes) -> Frame:
    """Return the question for measurements in a dialect."""
    known = DIALECTS[dialect]
    return Frame(known.version, address, ANALOG_VALUES, data, known.kind)


def pace(*numbers: int) -> Respond:
    """Answer as Pace packs with these numbers do."""
    return in_text(*(("pace_ascii_analog", question("pace", number, bytes((number,)))) for number in numbers))


def megatec(request: bytes) -> bytes:
    """Answer as an AIMS inverter does."""
    state = b"(120.0 000.0 120.0 012 60.0 2.10 25.0 00001000\r"
    return {b"Q1\r": state, b"F\r": b"#120.0 033 24.00 60.0\r"}.get(request, b"")


def rtu(answer: Answer) -> Respond:
    """Answer Modbus RTU, and nothing to bytes that are no request, as a device does."""

    def respond(request: bytes) -> bytes:
        if len(request) != 8 or crc(request[:6]) != request[6:]:
            return b""
        reply = answer(request[0], request[1:6])
        return b"" if reply is None else request[:1] + reply + crc(request[:1] + reply)

    return respond


def coils(unit: int, request: bytes) -> bytes | None:
    """Answer as a relay board does that knows coils alone."""
    if unit != 1:
        return None
    return b"\x01\x01\x00" if request[0] == 1 else bytes((request[0] | 0x80, 1))


class Shown(NamedTuple):
    """What a search of the whole site has shown and written.

    Attributes:
        screen: what a person sees.
        printed: the configuration.
        written: by port, what was sent to it.
    """

    screen: tuple[str, ...]
    printed: str
    written: Mapping[str, tuple[bytes, ...]]


def searched() -> Shown:
    """Search the whole site, and name it as a usual machine would."""
    screen: list[str] = []

    def agree(asked: str) -> str:
        screen.append(f"{asked}yes")
        return "yes"

    board = usb_relay.Found("/dev/hidraw0", 2, "BITFT", (False, False))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        devices = [
            stack.enter_context(each)
            for each in (
                sending(*magnum()),
                sending(*swapped()),
                sending(LIVE, HISTORY),
                SerialDevice(megatec),
                SerialDevice(pace(1, 2, 3)),
                SerialDevice(),
                held(),
                SerialDevice(),
            )
        ]
        names = {device.path: f"/dev/ttyUSB{number}" for number, device in enumerate(devices)}
        file = folder / "exporter.yml"
        file.write_text(f"sources: {{bms: {{type: pylontech, port: {devices[-1].path}}}}}\n")
        classic, relay = (stack.enter_context(TcpDevice(each)) for each in (from_registers(readme_2025()), coils))
        names |= {f"127.0.0.1:{classic.port}": "192.168.1.20:502", f"127.0.0.1:{relay.port}": "192.168.1.30:502"}
        names |= {f"host: 127.0.0.1, port: {classic.port}": "host: 192.168.1.20", str(folder): "/etc/magnum-exporter"}
        stack.enter_context(mock.patch.object(usb_relay, "found", return_value=iter([board])))
        found = discover.search(
            [Port(device.path) for device in devices],
            [TcpAddress("127.0.0.1", device.port) for device in (classic, relay)],
            probe=[devices[3].path, devices[4].path],
            config_file=file,
            seconds=LISTEN,
            report=screen.append,
            ask=agree,
            patience=PATIENCE,
        )
        printed = configuration.render(configuration.sources(found, {}))
        written = {names[device.path]: tuple(device.writes) for device in devices}
    (usual,) = _usual([printed], names)
    return Shown(tuple(_usual(screen, names)), usual, written)


def _usual(lines: Iterable[str], names: Mapping[str, str]) -> Iterator[str]:
    for line in lines:
        text = line.replace(f"{LISTEN:g} s", "10 s").replace("for 2 s", "for 10 s")
        for ours, usual in names.items():
            text = text.replace(ours, usual)
        if "held by process" in text:
            text = f"{text.partition('process')[0]}process 812 (minicom -D /dev/ttyUSB6)."
        yield text


def render(page: str, shown: Shown) -> str:
    """Return the page with its example made anew."""
    before, begin, rest = page.partition("<!-- generated -->\n")
    _, end, after = rest.partition("<!-- end -->")
    lines = [
        "```text",
        *shown.screen,
        "```",
        "",
        "The configuration:",
        "",
        "```yaml",
        shown.printed.rstrip(),
        "```",
        "",
        "What was written to each port:",
        "",
        "| port | bytes |",
        "|---|---|",
        *(f"| `{port}` | {sum(map(len, sent)) or 'none'} |" for port, sent in shown.written.items()),
    ]
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), searched()), encoding="utf-8")
