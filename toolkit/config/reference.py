"""The reference of a configuration file as Markdown, from the declarations of its structs and their docstrings."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.inspect import (
    BoolType,
    CustomType,
    DictType,
    EnumType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from toolkit.config.units import Duration, Ratio
from toolkit.docstrings import explained
from toolkit.formatting import capitalized

_SPANS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


_NOTATION = """\
A *duration* is written `30s`, `5m`, `4h`, `28d` or `1h30m`; a *percentage* `25%` or `0.25`. *NAME* stands for a name
that you choose, and `[]` for each part of a list. A setting without a default may be left out, unless it is required.
"""


def page(kind: type[msgspec.Struct]) -> Iterator[str]:
    """Yield the lines of the whole reference: a heading, a sentence and a list for each part of the file.

    Raises:
        ValueError: a setting has no meaning in the `Attributes:` of its struct.
    """
    yield _NOTATION
    root = type_info(kind)
    assert isinstance(root, StructType)  # noqa: S101 - of a struct
    done: set[type] = set()
    waiting = [("", root)]
    while waiting:
        place, struct = waiting.pop(0)
        if struct.cls in done:
            continue
        done.add(struct.cls)
        yield from _section(place, struct)
        waiting[:0] = [
            (f"{place}.{inner}" if place else inner, part)
            for field in struct.fields
            for inner, part in _structs(field.encode_name, field.type)
        ]


def meanings(kind: type) -> dict[str, str]:
    """Return what each attribute of a class means, by its name, from the docstrings of the class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= explained(base.__doc__ or "")[1]
    return found


def _section(place: str, struct: StructType) -> Iterator[str]:
    about, _ = explained(struct.cls.__doc__ or "")
    tag = f", `{struct.tag_field}: {struct.tag}`" if struct.tag is not None else ""
    if place:
        yield f"## `{place}`{tag}\n\n{_in_words(' '.join(about.split()))}\n"
    meaning = meanings(struct.cls)
    for field in sorted(struct.fields, key=lambda field: not field.required):
        if field.name not in meaning:
            raise ValueError(f"{struct.cls.__name__}.{field.name} is not explained under Attributes: in its docstring")
        value = ", ".join(words for words in (_value(field.type), _default(field)) if words)
        yield f"- **`{field.encode_name}`** ({value}): {_in_words(meaning[field.name])}"
    yield ""


def _in_words(text: str) -> str:
    """Return an explanation as a reader of the file needs it: what is None in Python is left out of a file."""
    text = re.sub(r"\bNone: ", "when left out: ", text)
    text = text if re.match(r"\w+(?:://|_)", text) else capitalized(text)
    return text if text.endswith(".") else f"{text}."


def _structs(name: str, kind: Type) -> Iterator[tuple[str, StructType]]:
    match kind:
        case StructType():
            yield name, kind
        case UnionType(types=types):
            for part in types:
                yield from _structs(name, part)
        case DictType(value_type=value):
            yield from _structs(f"{name}.NAME", value)
        case VarTupleType(item_type=item):
            yield from _structs(f"{name}[]", item)


def _value(kind: Type) -> str:  # noqa: C901, PLR0911 - one line per kind
    match kind:
        case UnionType(types=types):
            # One line for the structs of a union: each has its section, and `type:` chooses.
            words = dict.fromkeys(_value(part) for part in types if not isinstance(part, NoneType))
            return " or ".join(words)
        case CustomType(cls=cls) if issubclass(cls, Path):
            return "path"
        case CustomType(cls=cls):
            return str(getattr(cls, "EXPECTED", cls.__name__)).partition(" such as")[0].removeprefix("a ")
        case LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case EnumType(cls=cls):
            return ", ".join(f"`{value.value}`" for value in cls)
        case BoolType():
            return "`true`, `false`"
        case IntType(ge=least, le=most):
            return f"whole number{_bounds(least, most)}"
        case FloatType(ge=least, le=most):
            return f"number{_bounds(least, most)}"
        case StrType():
            return "text"
        case VarTupleType(item_type=item):
            return f"list of: {_value(item)}"
        case DictType(value_type=value):
            return f"a mapping, by name: {_value(value)}"
        case StructType():
            return "settings"
    raise NotImplementedError(f"{kind} has no words yet")


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f", {least} or more" if most is None else f", {least} to {most}"


def _default(field: Field) -> str:
    if field.required:
        return "required"
    text = notation(field.default)
    return f"default `{text}`" if text else ""


def notation(value: object) -> str:  # noqa: PLR0911 - one line per kind
    """Return a value as it is written in a file; "" when it is none or a mapping."""
    match value:
        case bool():
            return str(value).lower()
        case Duration():
            unit, seconds = next(((unit, span) for unit, span in _SPANS if value and value % span == 0), ("s", 1))
            return f"{value / seconds:g}{unit}"
        case Ratio():
            return f"{value * 100:g}%"
        case enum.Enum():
            return str(value.value)
        case tuple():
            return f"[{', '.join(notation(item) for item in value)}]" if value else ""
        case msgspec.Struct():
            given = [
                f"{field.encode_name}: {text}"
                for field in msgspec.structs.fields(value)
                if (item := getattr(value, field.name)) != field.default and (text := notation(item))
            ]
            return f"{{{', '.join(given)}}}" if given else ""
        case int() if type(value) is not int:
            return f'"{value}"'
        case int() | float():
            return f"{value:g}"
    return value if isinstance(value, str) else ""
