"""Types for config fields that have their own notation: durations and ratios."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

from toolkit.config.error import ConfigError
from toolkit.config.yaml_reader import described


@runtime_checkable
class Parsed(Protocol):
    """A type that parses its own notation; any such class can be the type of a config field."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the value of a YAML scalar.

        Raises:
            ConfigError: with `where` empty.
            ValueError: the whole message.
        """
        ...


class Duration(float):
    """A duration in seconds, written `30s`, `5m`, `4h`, `28d`, `1h30m` or `500ms`."""

    __slots__ = ()
    EXPECTED: ClassVar = "a duration such as 30s, 5m, 4h, 28d or 1h30m"
    _UNITS: ClassVar = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    _TEXT: ClassVar = re.compile("".join(rf"(?:(\d+(?:\.\d+)?){unit}(?![a-z]))?" for unit in _UNITS), re.ASCII)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the duration of a text such as "1h30m"; a number without a unit is an error."""
        if isinstance(value, str) and value and (match := cls._TEXT.fullmatch(value)):
            parts = zip(match.groups(), cls._UNITS.values(), strict=True)
            seconds = sum(float(number) * unit for number, unit in parts if number)
            if math.isfinite(seconds):
                return cls(seconds)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            raise ConfigError("", described(value), f"a duration with its unit: write {value}s, {value}m or {value}h")
        raise ConfigError("", described(value), cls.EXPECTED)


class Ratio(float):
    """A fraction from 0 to 1, written `25%` or `0.25`."""

    __slots__ = ()
    EXPECTED: ClassVar = "a percentage such as 25%, or a number from 0 to 1"
    _TEXT: ClassVar = re.compile(r"(\d+(?:\.\d+)?) ?%", re.ASCII)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the fraction of "25%" or 0.25; 25 could mean either and is an error."""
        if isinstance(value, str) and (match := cls._TEXT.fullmatch(value)) and float(match[1]) <= 100:
            return cls(float(match[1]) / 100)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 0 <= value <= 1:
                return cls(value)
            if 1 < value <= 100:
                raise ConfigError("", described(value), f"a percentage with its sign: write {value}%")
        raise ConfigError("", described(value), cls.EXPECTED)


def parse(kind: type, value: object) -> object:
    """Return a value of a type that msgspec does not know; this is its `dec_hook`."""
    if issubclass(kind, Path):
        if isinstance(value, str) and value:
            return kind(value)
        raise ConfigError("", described(value), "a path")
    if issubclass(kind, Parsed):
        return kind.parse(value)
    raise NotImplementedError(f"{kind.__name__} cannot be the type of a config field: it has no parse()")
