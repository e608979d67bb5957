"""The lines between a driver and Network UPS Tools' upsd. Pure.

A line is words with spaces between them; a word in quotes may contain spaces. Source: NUT, docs/sock-protocol.txt and
common/parseconf.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

LONGEST_WORD = 512
MOST_WORDS = 32
UNKNOWN_COMMAND = "1"
"""The result of a command or a setting that the driver does not have: NUT, drivers/upshandler.h."""

_ESCAPED = re.compile(r'[\\"#]')
_LITERAL = re.compile(r"\\(.?)", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+|"(?P<quoted>(?:[^"\\]|\\.?)*)"?|(?P<equals>=)|(?P<comment>\#)|(?P<word>(?:[^\s="\#\\]|\\.?)(?:[^\s=\#\\]|\\.?)*)""",
    re.DOTALL,
)
_OFF = re.compile(r"0+|-[0-9]+", re.ASCII)
"""The argument of BROADCAST that ends it."""

_COMMANDS = frozenset({"INSTCMD", "SET"})


class Data(NamedTuple):
    """What a driver knows.

    Attributes:
        variables: by NUT's names.
        stale: whether they must not be used.
    """

    variables: Mapping[str, str]
    stale: bool


class Request(NamedTuple):
    """What a line of upsd asks for.

    Attributes:
        reply: the lines to send at once.
        broadcast: whether changes are to be sent from now on; None: as before.
        ignored: the command that is not obeyed; empty when there is none.
    """

    reply: str = ""
    broadcast: bool | None = None
    ignored: str = ""


def quote(text: str) -> str:
    """Return a word in quotes; what upsd would drop (anything but printable ASCII) is a question mark."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text[:LONGEST_WORD])
    return '"' + _ESCAPED.sub(r"\\\g<0>", printable) + '"'


def words(line: str) -> list[str]:
    """Return the words of a line, without its line feed."""
    found = []
    for match in _TOKEN.finditer(line):
        if match.lastgroup == "comment":
            break
        if match.lastgroup is not None:
            found.append(_LITERAL.sub(r"\1", match[match.lastgroup]))
    return found[:MOST_WORDS]


def dump(data: Data) -> str:
    """Return everything that the driver knows, as the answer to DUMPALL."""
    values = "".join(_set(name, value) for name, value in data.variables.items())
    return f"DATASTALE\n{values}DUMPDONE\n" if data.stale else f"{values}DATAOK\nDUMPDONE\n"


def changes(before: Data, now: Data) -> str:
    """Return the lines that bring upsd from one state to the other; what is stale is withdrawn first."""
    gone = "".join(f"DELINFO {name}\n" for name in before.variables if name not in now.variables)
    new = "".join(_set(name, value) for name, value in now.variables.items() if before.variables.get(name) != value)
    if now.stale:
        return ("" if before.stale else "DATASTALE\n") + gone + new
    return gone + new + ("DATAOK\n" if before.stale else "")


def _set(name: str, value: str) -> str:
    return f"SETINFO {name} {quote(value)}\n"


def answer(line: str, data: Data, process: int) -> Request:  # noqa: PLR0911 - a command each
    """Return the answer to a line of upsd; commands and settings are not obeyed."""
    received = words(line)
    match received:
        case ["DUMPALL", *_]:
            return Request(dump(data))
        case ["PING", *_]:
            return Request("PONG\n")
        case ["GETPID", *_]:
            return Request(f"PID {process}\n")
        case ["NOBROADCAST", *_]:
            return Request(broadcast=False)
        case ["BROADCAST", *number]:
            return Request(broadcast=not number or _OFF.fullmatch(number[0]) is None)
        case [command, *rest] if command in _COMMANDS:
            tracked = rest[-1] if len(rest) > 1 and rest[-2] == "TRACKING" else None
            reply = f"TRACKING {quote(tracked)} {UNKNOWN_COMMAND}\n" if tracked else ""
            return Request(reply, ignored=" ".join(received[:2]))
    return Request(ignored=received[0] if received else "")
