"""Typed configuration: a YAML file into msgspec structs, or one sentence that names the place and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from toolkit.config.document import Mapping, Sequence, described, locate, read
from toolkit.config.error import ConfigError
from toolkit.config.refusal import refusal
from toolkit.config.units import Duration, Parsed, Ratio, parse

__all__ = ["ConfigError", "Duration", "Parsed", "Ratio", "decode", "described", "load", "locate", "read"]

T = TypeVar("T")


def load(path: Path, kind: type[T]) -> T:
    """Return the configuration that a YAML file holds.

    Args:
        path: the file; messages name it as given.
        kind: the struct that the whole file is.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or is not such a configuration.
    """
    document = read(path)
    if document is None:
        raise ConfigError("", "the file is empty: it needs lines such as `key: value`", "", file=str(path))
    if not isinstance(document, Mapping):
        raise ConfigError("", described(document), "lines such as `key: value`", file=str(path), line=1)
    return decode(document, kind)


def decode(document: object, kind: type[T], *, where: str = "") -> T:
    """Return the configuration that an already parsed document holds.

    A part of a document that `read` returned knows its file and lines, also when it reached a struct's field through
    the type `Any`.

    Args:
        document: mappings, lists, text, numbers, booleans and None.
        kind: the type that the document is to become.
        where: dotted path of the document within a larger one.

    Raises:
        ConfigError: the document is not of that type.
    """
    try:
        return msgspec.convert(document, kind, dec_hook=parse)
    except (msgspec.ValidationError, ConfigError):
        refused = refusal(document, kind)
        if isinstance(document, Mapping | Sequence):
            raise refused.under(where, file=document.file, line=document.line) from None
        raise refused.under(where, file=None, line=None) from None
