from __future__ import annotations

import enum
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
import pytest

from toolkit import config, file_reader
from toolkit.config import ConfigError, Duration, Ratio


class Hour:
    """A config type with its own notation."""

    EXPECTED = 'a time such as "21:00"'

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes

    @classmethod
    def parse(cls, value: object) -> Self:
        if not isinstance(value, str) or value.count(":") != 1:
            raise ConfigError("", config.described(value), cls.EXPECTED)
        hour, minute = value.split(":")
        if int(hour) > 23:
            raise ValueError(f"a day has no hour {hour}")
        return cls(int(hour) * 60 + int(minute))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Magnum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="magnum", tag_field="type"):
    port: str
    stale_after: Duration = Duration(10)
    HINTS: ClassVar[dict[str, str]] = {"RS-485": 'did you mean "magnum"?', "mqtt": "devices are not read over MQTT"}


class Classic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="classic", tag_field="type"):
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 502
    unit: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    above: Annotated[int, msgspec.Meta(gt=0)] = 1
    name: Annotated[str, msgspec.Meta(min_length=1)] = "x"
    word: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = "x"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    min_run: Duration = Duration(900)
    max_run: Duration = Duration(14400)
    order: list[int] = []

    def __post_init__(self) -> None:
        if self.min_run > self.max_run:
            raise ValueError("min_run is longer than max_run")
        if self.max_run > 86400:
            raise ConfigError("max_run", f"{self.max_run:.0f} s", "a day at most")
        if self.order and self.order[0]:
            raise ConfigError("order[0]", str(self.order[0]), "zero")


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    interval: Duration = Duration(5)


class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    packs: list[str] = []


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start: Hour = msgspec.field(name="from")


class Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sources: dict[str, Magnum | Classic] = {}
    capacity_ampere_hours: float | None = None
    start_soc: Ratio = Ratio(0.25)
    limits: Limits = Limits()
    quiet_hours: Quiet | None = None
    lead: Literal["first", "lowest", "median"] = "first"
    on_blind: str = "finish"
    colour: Colour = Colour.RED
    journal: Path = Path("journal.db")
    inhibit: str | list[str] = "x"
    backoff: Annotated[tuple[Duration, ...], msgspec.Meta(min_length=1)] = (Duration(1),)
    pair: tuple[int, str] = (1, "a")
    ags: bool = True
    raw: dict[str, Any] = {}
    numbers: dict[int, str] = {}
    page: Page | None = None
    banks: dict[str, Bank] = {}

    def __post_init__(self) -> None:
        wrong = {name: bank for name, bank in self.banks.items() if not self.sources.keys() >= set(bank.packs)}
        config.refuse(ConfigError(f"banks.{name}", f"{bank.packs}", "sources") for name, bank in wrong.items())


Load = Callable[[str | bytes], Site]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str | bytes) -> Site:
        Path("site.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return config.load(Path("site.yml"), Site)

    return write_and_load


def refused(load: Load, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


def test_whole_file(load: Load) -> None:
    site = load("""
sources:
  main: {type: magnum, port: /dev/ttyUSB0, stale_after: 1m30s}
  classic:
    type: classic
    host: 192.168.1.20
start_soc: 20%
capacity_ampere_hours: 400
quiet_hours: {from: "21:00"}
on_blind: off
colour: blue
journal: /var/lib/journal.db
inhibit: [GeneratorInhibit]
backoff: [15m, 30m]
numbers: {1: one, 0x10: sixteen}
""")
    assert site.sources == {
        "main": Magnum(port="/dev/ttyUSB0", stale_after=Duration(90)),
        "classic": Classic(host="192.168.1.20"),
    }
    assert isinstance(site.backoff[0], Duration)
    assert site.start_soc == Ratio(0.2)
    assert site.quiet_hours is not None
    assert site.quiet_hours.start.minutes == 21 * 60
    assert (site.on_blind, site.colour, site.journal) == ("off", Colour.BLUE, Path("/var/lib/journal.db"))
    assert site.backoff == (Duration(900), Duration(1800))
    assert site.numbers == {1: "one", 16: "sixteen"}
    assert site.capacity_ampere_hours == 400.0


ERRORS = [
    (text, message.rstrip("\n"))
    for block in (Path(__file__).parent / "errors.txt").read_text().split("\n\n")
    for text, _, message in [block.rpartition("=> ")]
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[message[10:50] for _, message in ERRORS])
def test_error_is_one_line_with_its_place(load: Load, text: str, message: str) -> None:
    assert refused(load, text) == message


def test_every_wrong_place_has_its_line_in_the_order_of_the_file(load: Load) -> None:
    text = (
        "ags: 7\nlimits: {max_run: 48h, min_run: 5}\nledd: x\nbackoff: [1s, 2]\nsources: {a: {}, b: {type: magnum}}\n"
    )
    places = [line.split(": ")[:2] for line in refused(load, text).splitlines()]
    assert places == [
        ["site.yml:1", "ags"],
        ["site.yml:2", "limits.min_run"],
        ["site.yml:2", "limits.max_run"],  # with the rest of its part in order
        ["site.yml:3", "ledd"],
        ["site.yml:4", "backoff[1]"],
        ["site.yml:5", "sources.a"],
        ["site.yml:5", "sources.b"],
    ]


def test_what_depends_on_a_wrong_value_is_not_judged(load: Load) -> None:
    assert refused(load, "limits: {max_run: x, min_run: 20h}").count("\n") == 0, "the default of max_run is not theirs"


def test_the_rest_of_a_mapping_is_judged_without_its_wrong_entries() -> None:
    site = {
        "sources": {"a": {"type": "magnum", "port": "x"}, "b": {"type": "magnum"}},
        "banks": {"one": {"packs": ["b"]}, "two": {"packs": ["c"]}, "three": {"packs": ["a"]}},
    }
    with pytest.raises(ConfigError) as caught:
        config.decode(site, Site)
    assert [one.where for one in caught.value.each()] == ["sources.b", "banks.two"], "what names b depends on it"


def test_a_list_of_one_may_not_be_written_without_brackets(load: Load) -> None:
    assert (
        refused(load, "backoff: 15m")
        == 'site.yml:1: backoff: got "15m" (text), expected a list of at least 1: write [15m]'
    )


def test_bytes_that_are_not_text(load: Load) -> None:
    assert refused(load, b"lead: \xff") == "site.yml: got bytes that are not UTF-8 at offset 6, expected text"
    assert "control characters are not allowed" in refused(load, b"lead: \x01")
    assert "\n" not in refused(load, b"lead: \x01")


def test_byte_order_mark_is_ignored(load: Load) -> None:
    assert load(b"\xef\xbb\xbflead: lowest").lead == "lowest"


def test_long_text_is_shortened(load: Load) -> None:
    message = refused(load, "ags: " + "x" * 1000)
    assert message == f'site.yml:1: ags: got "{"x" * 57}..." (text), expected true or false'


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^none\.yml: no such file$"):
        config.load(Path("none.yml"), Site)
    with pytest.raises(ConfigError, match=r"^\.: got a directory, expected a YAML file$"):
        config.load(Path(), Site)
    Path("a.yml").touch(0o000)
    if os.access("a.yml", os.R_OK):
        monkeypatch.setattr(file_reader, "read_bytes", _denied)
    with pytest.raises(ConfigError, match=r"^a\.yml: cannot read the file: Permission denied$"):
        config.load(Path("a.yml"), Site)


def _denied(path: Path) -> bytes:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "site.yml")
    with pytest.raises(ConfigError, match="cannot read the file: a named pipe, not a file"):
        config.read(tmp_path / "site.yml")


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^/dev/zero: cannot read the file: more than 16777216 bytes$"):
        config.read(Path("/dev/zero"))


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory(load: Load) -> None:
    names = "abcdefghi"
    bomb = "raw:\n  a: &a [1]\n" + "".join(
        f"  {name}: &{name} [{f'*{before},' * 9}]\n" for before, name in pairwise(names)
    )
    with pytest.raises(ConfigError, match=r"got more than 100,000 values, expected fewer"):
        load(bomb)


def test_yaml_1_2_scalars(load: Load) -> None:
    words = "a: yes, b: 06:00, c: 010, d: 0x1f, e: 0o17, f: 1e3, g: ~, h: TRUE, i: 2020-01-01, j: 1_000, k: -.5, l: '7'"
    values = load(f"raw: {{{words}}}").raw
    assert values == {
        "a": "yes",
        "b": "06:00",
        "c": 10,
        "d": 31,
        "e": 15,
        "f": 1000.0,
        "g": None,
        "h": True,
        "i": "2020-01-01",
        "j": "1_000",
        "k": -0.5,
        "l": "7",
    }


def test_anchors_and_merge_keys(load: Load) -> None:
    text = "raw:\n  base: &base {a: 1, b: 1}\n  more: {<<: *base, b: 2}\n  both: {<<: [{c: 3}, *base], a: 9}\n"
    raw = load(text).raw
    assert raw["more"] == {"a": 1, "b": 2}
    assert raw["both"] == {"a": 9, "b": 1, "c": 3}


def test_part_decoded_later_has_its_place(load: Load) -> None:
    site = load("raw:\n  main:\n    type: magnum\n    port: 7\n")
    with pytest.raises(ConfigError) as caught:
        config.decode(site.raw["main"], Magnum, where="sources.main")
    assert str(caught.value).startswith("site.yml:4: sources.main.port: got 7 (a number), expected text")
    assert (caught.value.file, caught.value.line, caught.value.where) == ("site.yml", 4, "sources.main.port")


def test_document_without_lines_has_a_path() -> None:
    with pytest.raises(ConfigError, match=r"^a\.limits\.min_run: got 3 \(a number\), expected a duration"):
        config.decode({"limits": {"min_run": 3}}, Site, where="a")


def test_unsupported_type_is_a_defect() -> None:
    class Broken(msgspec.Struct):
        field: complex

    with pytest.raises(NotImplementedError, match="complex cannot be the type of a config field"):
        config.decode({"field": 1}, Broken)
