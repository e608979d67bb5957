"""Reads a YAML file as plain values with their line numbers.

The schema is the core schema of YAML 1.2: `true` and `false` are the only booleans (`mode: off` is text). `21:00`
without quotes is an error: it is text in YAML 1.2 and 1260 in YAML 1.1. So is a key that occurs twice. Numbers are
finite: `.inf` and `.nan` are text. Merge keys (`<<`) are supported. Source: YAML 1.2.2, 10.3; YAML 1.1, int.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from toolkit import file_reader
from toolkit.config.error import ConfigError, joined

MOST_VALUES = 100_000
"""In one file, with those that aliases repeat: a few lines of aliases of aliases can have more than fit into memory."""

_CORE = "tag:yaml.org,2002:"
_PLAIN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)


_SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+", re.ASCII)
"""What YAML 1.1 reads as an integer in base 60."""


class Mapping(dict[Any, Any]):
    """A YAML mapping with its file, its line and the line of each key."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[Any, int] = {}


class Sequence(list[Any]):
    """A YAML list with its file, its line and the line of each item."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: list[int] = []


def read(path: Path, *, text_keys: bool = False) -> object:
    """Return a YAML file's document, None when it is empty; its mappings and lists have line numbers.

    Args:
        path: the file; messages name it as given.
        text_keys: every key is text as it is written, also `7` and `true`.

    Raises:
        ConfigError: the file cannot be read or is not YAML.
    """
    file = str(path)
    try:
        text = file_reader.read_bytes(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("", "no such file", "", file=file) from None
    except IsADirectoryError:
        raise ConfigError("", "a directory", "a YAML file", file=file) from None
    except UnicodeDecodeError as error:
        raise ConfigError("", f"bytes that are not UTF-8 at offset {error.start}", "text", file=file) from None
    except OSError as error:
        raise ConfigError("", f"cannot read the file: {error.strerror}", "", file=file) from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, file) from None
    except yaml.YAMLError as error:
        raise ConfigError("", f"not YAML: {' '.join(str(error).split())}", "", file=file) from None
    return None if node is None else _Builder(file, text_keys=text_keys).build(node, "")


def described(value: object) -> str:  # noqa: PLR0911 - one line per kind
    """Return a value as messages show it, with its kind."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{str(value).lower()} (a boolean)"
        case int() | float():
            return f"{value} (a number)"
        case str():
            return f'"{value if len(value) <= 60 else value[:57] + "..."}" (text)'
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return repr(value)


def locate(error: ConfigError, document: object) -> ConfigError:
    """Return the same error with the file and the line of the innermost part of `where` that the document has."""
    file = line = None
    for step in re.findall(r"[^.\[\]]+", error.where):
        if isinstance(document, Mapping) and step in document:
            file, line, document = document.file, document.lines.get(step), document[step]
        elif isinstance(document, Sequence) and step.isdecimal() and int(step) < len(document):
            file, line, document = document.file, document.lines[int(step)], document[int(step)]
        else:
            if line is None and isinstance(document, Mapping | Sequence):
                file, line = document.file, document.line
            break
    return error.under("", file=file, line=line)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # libyaml, where PyYAML was built with it
    """Resolves plain scalars by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the library's own attribute, emptied here


for _tag, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_CORE + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


class _Builder:
    """Builds values from nodes."""

    def __init__(self, file: str, *, text_keys: bool) -> None:
        self._file = file
        self._text_keys = text_keys
        self._open: set[int] = set()
        self._left = MOST_VALUES

    def build(self, node: yaml.Node, where: str) -> object:
        self._left -= 1
        if self._left < 0:
            raise self._error(node, where, f"more than {MOST_VALUES:,} values", "fewer, also where aliases repeat them")
        if id(node) in self._open:
            raise self._error(node, where, "an alias of the mapping or list that it is in", "a value")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == f"{_CORE}map":
                return self._mapping(node, where)
            if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
                return self._sequence(node, where)
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, where)
        finally:
            self._open.remove(id(node))
        raise self._error(node, where, f"the tag {node.tag}", "a value without a tag")

    def _mapping(self, node: yaml.MappingNode, where: str) -> Mapping:
        built = Mapping(self._file, node.start_mark.line + 1)
        merged: list[Mapping] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_CORE}merge":
                merged.extend(self._merged(value_node, joined(where, "<<")))
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, where, "a mapping or a list as a key", "a word")
            key = key_node.value if self._text_keys else self._scalar(key_node, where)
            if key in built:
                again = f"{described(key)} again (first in line {built.lines[key]})"
                raise self._error(key_node, where, again, "each key once")
            built.lines[key] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, joined(where, key))
        for part in merged:
            for key in part.keys() - built.keys():
                built.lines[key] = part.lines[key]
                built[key] = part[key]
        return built

    def _merged(self, node: yaml.Node, where: str) -> list[Mapping]:
        value = self.build(node, where)
        parts = [value] if isinstance(value, Mapping) else value
        if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
            raise self._error(node, where, described(value), "a mapping or a list of mappings")
        return parts

    def _sequence(self, node: yaml.SequenceNode, where: str) -> Sequence:
        built = Sequence(self._file, node.start_mark.line + 1)
        for index, item in enumerate(node.value):
            built.lines.append(item.start_mark.line + 1)
            built.append(self.build(item, f"{where}[{index}]"))
        return built

    def _scalar(self, node: yaml.ScalarNode, where: str) -> str | int | float | bool | None:
        text: str = node.value
        kind = node.tag.removeprefix(_CORE)
        try:
            match kind:
                case "str" if not node.style and _SEXAGESIMAL.fullmatch(text):
                    got = f"{text} without quotes, which YAML 1.1 reads as a number"
                    raise self._error(node, where, got, f'"{text}" in quotes')
                case "str" | "merge":
                    return text
                case "null":
                    return None
                case "bool" if text.lower() in ("true", "false"):
                    return text.lower() == "true"
                case "int":
                    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
                case "float" if math.isfinite(number := float(text)):
                    return number
        except ValueError:
            pass
        if kind in ("bool", "int", "float"):
            raise self._error(node, where, described(text), f"a valid {kind}")
        raise self._error(node, where, f"the tag {node.tag}", "a value without a tag")

    def _error(self, node: yaml.Node, where: str, got: str, expected: str) -> ConfigError:
        return ConfigError(where, got, expected, file=self._file, line=node.start_mark.line + 1)


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return ConfigError("", f"not YAML: {error.problem}", "", file=file)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return ConfigError("", "a tab", "spaces: YAML allows no tabs for indentation", file=file, line=mark.line + 1)
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return ConfigError("", f"not YAML: {reason}", "", file=file, line=mark.line + 1)
