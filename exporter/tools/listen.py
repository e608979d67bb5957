"""`magnum-exporter listen`: show the packets on a Magnum network, which devices are present, and what is wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from exporter.discovery.magnum_packets import Listener
from exporter.sources.base import SourceError
from exporter.sources.magnum import capture, port

DESCRIPTION = (
    "Shows what is sent on a Magnum network, which devices are present, and what is wrong: swapped or wrong wires, "
    "damaged packets, a second inverter. A line has what has changed since it was last shown: a state at once, a small "
    "change of a number after five minutes. It only listens; stop the exporter first, because two readers would each "
    "get a part of the bytes."
)
EXAMPLE = "magnum-exporter listen /dev/serial/by-id/usb-FTDI_RS485-if00-port0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument(
        "port", metavar="PORT", help="a device, a pyserial URL, a capture file, or - for a capture on stdin"
    )
    parser.add_argument(
        "--json", action="store_true", help="write one JSON object per line, for each packet whose bytes have changed"
    )
    parser.add_argument("--all", action="store_true", help="show every packet with its bytes and all its values")
    parser.add_argument(
        "--seconds", type=float, default=None, help="stop after this many seconds (default: run until interrupted)"
    )
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto: on a terminal (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, out: TextIO | None = None) -> int:
    """Listen; return 0 when packets were received, 1 when not."""
    out = out or sys.stdout
    coloured = arguments.color == "always" or (arguments.color == "auto" and out.isatty())
    listener = Listener(
        out,
        as_json=arguments.json,
        every=arguments.all,
        coloured=coloured,
        width=shutil.get_terminal_size().columns if out.isatty() else None,
        began=datetime.now().astimezone() if _is_live(arguments.port) else None,
    )
    try:
        for data, at in _chunks(arguments.port, arguments.seconds):
            listener.receive(data, at)
    except KeyboardInterrupt:
        pass
    except (SourceError, capture.CaptureError) as error:
        sys.stderr.write(f"{error}\n")
        listener.end()
        return 1
    listener.end()
    return 0 if sum(listener.bus.frames.values()) else 1


def _chunks(name: str, seconds: float | None) -> Iterator[tuple[bytes, float]]:
    if name == "-":
        yield from ((chunk.data, chunk.at) for chunk in capture.read(sys.stdin, "stdin"))
    elif not _is_live(name):
        yield from ((chunk.data, chunk.at) for chunk in capture.load(Path(name)))
    else:
        begin = time.monotonic()
        with port.opened(name, live=True) as connection:
            while seconds is None or time.monotonic() - begin < seconds:
                data, at = port.read_live(connection)
                yield data, at - begin


def _is_live(name: str) -> bool:
    return name != "-" and not Path(name).is_file()
