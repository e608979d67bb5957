"""Parses the lines of a Megatec device. Pure.

Source: AIMS, Inverter serial specification; Megatec protocol; Network UPS Tools, drivers nutdrv_qx and blazer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(rb"\d{1,4}(?:\.\d{0,3})?")
_STATUS = re.compile(rb"[01\0]{8}")
_STATE_WORDS = 8
_RATING_WORDS = 4
_REFUSALS = frozenset({b"NAK", b"(NAK", b"ACK", b"(ACK"})
_PADDING = b" \0\t\n"


@dataclass(frozen=True)
class Reply:
    """A line's numbers, in their order.

    Attributes:
        numbers: None for a placeholder such as `--.-`.
        status: the eight status bits, most significant first; 0 in a line of ratings.
        cells: battery cells in series; None when unknown.
        rated_battery_volts: the battery voltage among the ratings; None when unknown.
    """

    numbers: tuple[float | None, ...]
    status: int = 0
    cells: int | None = None
    rated_battery_volts: float | None = None


def state(line: bytes) -> Reply | None:
    """Return the reply to Q1 or QS: `(`, seven numbers and eight bits; None when the line is no such reply.

    Args:
        line: without its carriage return; some devices send a NUL for a 0 among the bits.
    """
    words = _words(line, b"(")
    if len(words) != _STATE_WORDS or not _STATUS.fullmatch(words[-1]):
        return None
    return Reply(tuple(_number(word) for word in words[:-1]), int(words[-1].replace(b"\0", b"0"), 2))


def ratings(line: bytes) -> Reply | None:
    """Return the reply to F: `#` and four numbers; None when the line is no such reply."""
    numbers = tuple(_number(word) for word in _words(line, b"#"))
    return Reply(numbers) if len(numbers) == _RATING_WORDS and None not in numbers else None


def refuses(line: bytes) -> bool:
    """Return whether the device rejects the command."""
    return line.strip(_PADDING) in _REFUSALS


def _words(line: bytes, opening: bytes) -> list[bytes]:
    line = line.lstrip(_PADDING)
    return line.removeprefix(opening).split() if line.startswith(opening) else []


def _number(word: bytes) -> float | None:
    return float(word) if _NUMBER.fullmatch(word) else None
