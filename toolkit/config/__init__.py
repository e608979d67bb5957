"""Typed configuration: a YAML file as msgspec structs, or an error with a line for each wrong place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from toolkit.config.error import ConfigError, refuse
from toolkit.config.near_miss import near
from toolkit.config.units import Duration, Parsed, Ratio, parse
from toolkit.config.yaml_reader import Mapping, Sequence, described, locate, read

__all__ = [
    "ConfigError",
    "Duration",
    "Parsed",
    "Ratio",
    "decode",
    "described",
    "load",
    "locate",
    "near",
    "read",
    "read_mapping",
    "refuse",
]

T = TypeVar("T")


def load(path: Path, kind: type[T]) -> T:
    """Return the configuration in a YAML file.

    Args:
        path: the file; messages name it as given.
        kind: the struct for the whole file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or is not such a configuration.
    """
    document = read(path)
    if document is None:
        raise ConfigError("", "an empty file", "lines such as `key: value`", file=str(path))
    if not isinstance(document, Mapping):
        raise ConfigError("", described(document), "lines such as `key: value`", file=str(path), line=1)
    return decode(document, kind)


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return what a file has, empty if it cannot be read or is not such a configuration; for a part of a wrong one."""
    try:
        document = read(path)
    except ConfigError:
        return {}
    return document if isinstance(document, dict) else {}


def decode(document: object, kind: type[T], *, where: str = "") -> T:
    """Return a parsed document as a configuration.

    Errors name file and line where the document, or a part of it, comes from `read`.

    Args:
        document: mappings, lists, text, numbers, booleans and None.
        kind: the type to convert to.
        where: dotted path of the document within a larger one.

    Raises:
        ConfigError: the document is not of that type.
    """
    try:
        return msgspec.convert(document, kind, dec_hook=parse)
    except (msgspec.ValidationError, ConfigError):
        from toolkit.config.mismatch import mismatch  # noqa: PLC0415 - nothing that a right file needs

        error = mismatch(document, kind)
        if isinstance(document, Mapping | Sequence):
            raise error.under(where, file=document.file, line=document.line) from None
        raise error.under(where, file=None, line=None) from None
