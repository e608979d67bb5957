"""`magnum-exporter listen`: show the packets on a Magnum network, which devices are present, and what is wrong."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from exporter.fields import Sample, decode
from exporter.sources.base import SourceError
from exporter.sources.magnum import capture, port
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.framing import Frame
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import INVERTER, KINDS, PacketKind, PacketKinds
from exporter.sources.pylontech.dialects import remedy
from exporter.sources.pylontech.frame import FrameError, parse

SUMMARY_EVERY = 10.0
_LONGEST_TEXT = 4110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument(
        "port", metavar="PORT", help="a device, a pyserial URL, a capture file, or - for a capture on stdin"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object per line")
    parser.add_argument("--all", action="store_true", help="show every packet, not only changed ones")
    parser.add_argument(
        "--seconds", type=float, default=None, help="stop after this many seconds (default: run until interrupted)"
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def run(arguments: argparse.Namespace, out: TextIO | None = None) -> int:
    """Listen; return 0 when packets were received, 1 when not."""
    out = out or sys.stdout
    coloured = arguments.color == "always" or (arguments.color == "auto" and out.isatty())
    listener = Listener(out, as_json=arguments.json, every=arguments.all, coloured=coloured)
    try:
        for data, at in _chunks(arguments.port, arguments.seconds):
            listener.receive(data, at)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # The reader of our output has ended. What is left must not fail again when Python flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SourceError, capture.CaptureError) as error:
        sys.stderr.write(f"{error}\n")
        listener.end()
        return 1
    listener.end()
    return 0 if sum(listener.bus.frames.values()) else 1


def _chunks(name: str, seconds: float | None) -> Iterator[tuple[bytes, float]]:
    if name == "-":
        yield from ((chunk.data, chunk.at) for chunk in capture.read(sys.stdin, "stdin"))
    elif Path(name).is_file():
        yield from ((chunk.data, chunk.at) for chunk in capture.load(Path(name)))
    else:
        begin = time.monotonic()
        with port.opened(name, live=True) as connection:
            while seconds is None or time.monotonic() - begin < seconds:
                data, at = port.read_live(connection)
                yield data, at - begin


def _short(metric: str) -> str:
    return metric.split("_", 2)[-1]


class Listener:
    """Writes the packets of a bus, and a summary every 10 s.

    Attributes:
        bus: the bus.
    """

    def __init__(self, out: TextIO, *, as_json: bool, every: bool, coloured: bool, kinds: PacketKinds = KINDS) -> None:
        self.bus = Bus(on_frame=self._frame, kinds=kinds)
        self._out = out
        self._as_json = as_json
        self._every = every
        self._coloured = coloured
        self._shown: dict[str, bytes] = {}
        self._text = b""
        self._batteries: dict[str, None] = {}
        self._bytes = 0
        self._at = 0.0
        self._summary_at = SUMMARY_EVERY

    def receive(self, data: bytes, at: float) -> None:
        """Take bytes received `at` seconds after the start; none when the line was silent."""
        self._at = at
        self._bytes += len(data)
        if data:
            self._find_batteries(data)
            self.bus.feed(data, at, at)
        else:
            self.bus.silence(at, at)
        if at >= self._summary_at:
            self._summary_at = at + SUMMARY_EVERY
            self._summary()

    def end(self) -> None:
        """Write the last summary."""
        self.bus.silence(self._at, self._at)
        self._summary()

    def findings(self) -> list[str]:
        """Return sentences: which devices are present, which are missing, and what is wrong."""
        devices = dict.fromkeys(kind.device for kind in self.bus.kinds.values() if kind.device is not INVERTER)
        present = {self.bus.kinds[name].device for name, count in self.bus.frames.items() if count}
        framer = self.bus.framer
        if not self._bytes:
            return ["No bytes received: is the bus powered, and are A and B connected?"]
        if not present:
            if framer.swapped:
                return ["A and B are swapped: swap the two data wires."]
            if self._batteries:
                return ["Not a Magnum network, but batteries of type pylontech.", *self._batteries]
            return ["Bytes received but no Magnum packets: is this the outer pair of the four wires?"]
        sentences = [
            f"Present: {framer.identity or 'an inverter'}"
            + "".join(f", {device.name}" for device in devices if device in present)
            + "."
        ]
        missing = [device.name for device in devices if device.usual and device not in present]
        if missing:
            sentences.append(f"Not present: {', '.join(missing)}.")
        if framer.discarded:
            sentences.append(
                f"{framer.discarded} of {self._bytes} bytes were in no packet; {framer.damaged} damaged packets."
            )
        sentences += [f"Another inverter sends on this port: {identity}." for identity in framer.foreign]
        return sentences

    def _find_batteries(self, data: bytes) -> None:
        """Note what identifies a battery with Pylontech's protocol, for somebody who listens on the wrong line."""
        *lines, self._text = (self._text + data).split(b"\r")
        self._text = self._text[-_LONGEST_TEXT:]
        for line in lines:
            with contextlib.suppress(FrameError):
                battery = parse(line)
                if battery.info[1:]:
                    self._batteries[f"Address {battery.address}: {battery.model}: {remedy(battery)}."] = None

    def _frame(self, frame: Frame) -> None:
        kind, payload, at = self.bus.kinds[frame.kind], frame.payload, frame.at
        news = bytes(byte for index, byte in enumerate(payload) if index not in kind.blinking)
        if not self._every and self._shown.get(kind.name) == news:
            return
        self._shown[kind.name] = news
        samples = decode(kind.fields, self.bus.scaled(kind, Packet(payload)))
        if self._as_json:
            self._write_json(
                {"at": round(at, 3), "frame": kind.name, "bytes": payload.hex(), "values": _values(samples)},
            )
            return
        values = _values(samples)
        text = " ".join(f"{_short(metric)}={value}" for metric, value in values.items() if metric[:-5] not in values)
        self._write(f"{at:9.3f} {self._coloured_name(kind)} {payload.hex()} {text}")

    def _coloured_name(self, kind: PacketKind) -> str:
        return f"\x1b[{kind.device.colour}m{kind.name:9}\x1b[0m" if self._coloured else f"{kind.name:9}"

    def _summary(self) -> None:
        counts = {kind: count for kind, count in self.bus.frames.items() if count}
        if self._as_json:
            self._write_json({"at": round(self._at, 3), "findings": self.findings(), "frames": counts})
            return
        packets = ", ".join(f"{kind} {count}" for kind, count in counts.items())
        text = "\n".join([*self.findings(), *([f"Packets: {packets}."] if packets else [])])
        self._write(f"\x1b[1m{text}\x1b[0m" if self._coloured else text)

    def _write_json(self, document: object) -> None:
        self._write(json.dumps(document))

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _values(samples: tuple[Sample, ...]) -> dict[str, float | str]:
    """Return by metric a number, the name of the present state, the set flags, or the texts of an info."""
    values: dict[str, float | str] = {}
    for metric, value, labels in samples:
        if not labels:
            values.setdefault(metric, value)
        elif value:
            before = values.get(metric)
            values[metric] = ",".join([*([str(before)] if before else []), *labels])
    return values
