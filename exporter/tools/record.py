"""`magnum-exporter record`: write the bytes of a Magnum network to a file, with their times."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from exporter.sources.base import SourceError
from exporter.sources.magnum import capture, port

DESCRIPTION = (
    "Writes the bytes of a Magnum network to a text file, with their times, until Ctrl-C or for some seconds. The "
    "commands listen and replay read it. Attach it when you report a device whose values are read wrongly."
)
EXAMPLE = "magnum-exporter record /dev/ttyUSB0 bus.txt --seconds=60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument("port", metavar="PORT", help="a device or a pyserial URL")
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write; it must not exist")
    parser.add_argument(
        "--seconds", type=float, default=None, help="stop after this many seconds (default: run until interrupted)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Record; return 0 when bytes were received, 1 when not or when a file or port cannot be opened."""
    total = 0
    begin = time.monotonic()
    try:
        with port.opened(arguments.port, live=True) as connection, arguments.file.open("x", encoding="ascii") as file:
            recorder = capture.Recorder(file, dt.datetime.now(dt.UTC))
            while arguments.seconds is None or time.monotonic() - begin < arguments.seconds:
                data, at = port.read_live(connection)
                if data:
                    recorder.add(data, at)
                    total += len(data)
    except KeyboardInterrupt:
        pass
    except FileExistsError:
        sys.stderr.write(f"{arguments.file} exists; give another name\n")
        return 1
    except (SourceError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{total} bytes in {time.monotonic() - begin:.1f} s\n")
    return 0 if total else 1
