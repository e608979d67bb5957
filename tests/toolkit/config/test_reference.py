"""The reference of a configuration file, from the declarations of its structs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from toolkit.config import Duration, Ratio, reference


class Part(msgspec.Struct, frozen=True, kw_only=True, tag="part", tag_field="type"):
    """A part.

    Attributes:
        for_: its length, in
            two lines.
        level: from which it counts; None: never.
    """

    for_: Duration = msgspec.field(name="for", default=Duration(5400))
    level: Ratio | None = None


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """The base.

    Attributes:
        mode: explained in the base.
    """

    mode: Literal["a", "b"] = "a"


class Whole(Base, frozen=True, kw_only=True):
    """The whole.

    Attributes:
        parts: by name.
        file: port_name in a file.
        units: several.
        part: the one part.
    """

    parts: dict[str, Part]
    file: Path | None = None
    units: tuple[Annotated[int, msgspec.Meta(ge=1, le=9)], ...] = (1, 2)
    part: Part = Part(level=Ratio(0.25))


class Unexplained(msgspec.Struct):
    """Nothing is explained here."""

    volts: float = 1.5


def test_each_setting_has_its_values_its_default_and_its_meaning() -> None:
    _notation, *lines = "\n".join(reference.page(Whole)).split("\n\n", 1)
    assert lines[0].splitlines() == [
        "- **`parts`** (a mapping, by name: settings, required): By name.",
        "- **`mode`** (`a`, `b`, default `a`): Explained in the base.",
        "- **`file`** (path): port_name in a file.",
        "- **`units`** (list of: whole number, 1 to 9, default `[1, 2]`): Several.",
        "- **`part`** (settings, default `{level: 25%}`): The one part.",
        "",
        "## `parts.NAME`, `type: part`",
        "",
        "A part.",
        "",
        "- **`for`** (duration, default `90m`): Its length, in two lines.",
        "- **`level`** (percentage): From which it counts; when left out: never.",
    ]


def test_a_setting_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Unexplained\.volts is not explained under Attributes"):
        list(reference.page(Unexplained))
