"""The texts for people, and the commands in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "alerts/runbooks", "exporter")
    for path in (ROOT / folder).glob("*.md")
)
_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]+) -->\n)?^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_NAMES = "magnum-exporter|generator-actuator|offgrid-simulator"
_PROGRAM = re.compile(rf"`((?:{_NAMES}) [^`]+)`|^[$#] ((?:{_NAMES}) .*?) *(?:#.*)?$", re.MULTILINE)


class Block(NamedTuple):
    """One block of commands.

    Attributes:
        page: its path in the repository.
        line: of its first command.
        commands: a shell can read them.
        reason: why no test runs it; "": one does.
    """

    page: str
    line: int
    commands: str
    reason: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of commands of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found["language"] in ("sh", "bash"):
            line = text.count("\n", 0, found.start("text")) + 1
            yield Block(page, line, textwrap.dedent(found["text"]), found["reason"] or "")


def inline_commands(page: str) -> Iterator[str]:
    """Yield each command of ours that a page names in its sentences, or shows with its output."""
    for named, shown in _PROGRAM.findall((ROOT / page).read_text(encoding="utf-8")):
        yield named or shown


def file_of(page: str) -> Path:
    """Return the path of a page."""
    return ROOT / page
