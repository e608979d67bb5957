"""A command that is interrupted, or whose output nobody takes, ends as other Unix tools do: without a traceback."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from toolkit import log

P = ParamSpec("P")

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells report it."""
UNREAD = 141
"""128 and the number of SIGPIPE: the reader of the output has ended."""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def exit_status(main: Callable[P, int]) -> Callable[P, int]:
    """Have `main` return 130 after Ctrl-C, 141 when the reader of its output has ended, 1 when it cannot be written."""

    @wraps(main)
    def ended(*arguments: P.args, **named: P.kwargs) -> int:
        _keep_streams()
        try:
            try:
                return main(*arguments, **named)
            finally:
                sys.stdout.flush()  # also what --version has written before it exits
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            _discard_output()
            return UNREAD
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            log.to_stderr(f"cannot write: {error.strerror}\n")
            _discard_output()
            return 1

    return ended


def _keep_streams() -> None:
    """Give a program that was started with a standard stream closed one that goes nowhere.

    What a terminal's encoding does not have is written with backslashes.
    """
    # In this order: each gets the lowest free descriptor, which is its own.
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the program runs
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Let what is left in the buffers go nowhere: Python writes it when it ends, and would fail again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
