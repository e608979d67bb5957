"""`magnum-exporter replay`: play a capture onto a pseudo-terminal, as if it were the bus."""

from __future__ import annotations

import argparse
import os
import sys
import time
import tty
from pathlib import Path

from exporter.sources.magnum import capture

DESCRIPTION = (
    "Plays a recording onto a pseudo-terminal, and prints its name. The exporter and the command listen read it as if "
    "it were the bus."
)
EXAMPLE = "magnum-exporter replay bus.txt --link=magnum --loop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a capture file")
    parser.add_argument("--link", type=Path, default=None, help="a symbolic link to create for the pseudo-terminal")
    parser.add_argument("--speed", type=float, default=1.0, help="speed factor (default: %(default)s)")
    parser.add_argument("--loop", action="store_true", help="start again at the end")


def run(arguments: argparse.Namespace) -> int:
    """Replay; return 1 when the capture cannot be read or the link cannot be created."""
    try:
        chunks = capture.load(arguments.file)
        return _play(chunks, arguments.link, arguments.speed, loop=arguments.loop)
    except KeyboardInterrupt:
        return 0
    except (capture.CaptureError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _play(chunks: list[capture.Chunk], link: Path | None, speed: float, *, loop: bool) -> int:
    master, follower = os.openpty()
    try:
        tty.setraw(follower)
        os.set_blocking(master, False)
        name = os.ttyname(follower)
        if link:
            link.symlink_to(name)
        sys.stdout.write(f"{link or name}\n")
        sys.stdout.flush()
        while True:
            _play_once(chunks, master, speed)
            if not loop:
                return 0
    finally:
        if link:
            link.unlink(missing_ok=True)
        os.close(master)
        os.close(follower)


def _play_once(chunks: list[capture.Chunk], master: int, speed: float) -> None:
    begin = time.monotonic()
    for chunk in chunks:
        time.sleep(max(0.0, begin + chunk.at / speed - time.monotonic()))
        try:
            os.write(master, chunk.data)
        except BlockingIOError:
            # Nobody reads: a wire does not wait either.
            continue
    time.sleep(capture.LONG_GAP_SECONDS)
