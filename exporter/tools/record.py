"""`magnum-exporter record`: keep what is said on a Magnum network, with the times."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from exporter.sources.base import SourceError
from exporter.sources.magnum import capture, port


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument("port", metavar="PORT", help="a device or a URL of pyserial")
    parser.add_argument("file", metavar="FILE", type=Path, help="where to write; it must not exist")
    parser.add_argument("--seconds", type=float, default=None, help="end after so long (default: until interrupted)")


def run(arguments: argparse.Namespace) -> int:
    """Record; 0 when bytes came, 1 when not or when something could not be opened."""
    total = 0
    begin = time.monotonic()
    try:
        with port.opened(arguments.port) as connection, arguments.file.open("x", encoding="ascii") as file:
            recorder = capture.Recorder(file, dt.datetime.now(dt.UTC))
            while arguments.seconds is None or time.monotonic() - begin < arguments.seconds:
                data, at = port.read(connection)
                if data:
                    recorder.add(data, at)
                    total += len(data)
    except KeyboardInterrupt:
        pass
    except FileExistsError:
        sys.stderr.write(f"{arguments.file} is there already: give another name\n")
        return 1
    except (SourceError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{total} bytes in {time.monotonic() - begin:.1f} s\n")
    return 0 if total else 1
