"""Finds why a document does not match a type: each innermost place that does not, with its real keys.

Only msgspec decides what matches. It stops at the first error, and its messages write a mapping's keys as `[...]`. So
after an error the document is walked along its types to each innermost part that msgspec rejects by itself.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from toolkit.config.error import ConfigError, joined, together
from toolkit.config.near_miss import near, near_key, near_tag
from toolkit.config.units import parse
from toolkit.config.yaml_reader import Mapping, Sequence, described, locate
from toolkit.formatting import redacted

_NOTHING: Final = object()
"""What is left of a part that is wrong as a whole."""


class _Left(Mapping):
    """A mapping without what is wrong in it.

    Attributes:
        names: the entries that are left out, where the owner chooses the names; other parts may refer to them.
    """

    __slots__ = ("names",)

    def __init__(self, whole: dict[Any, Any]) -> None:
        like = whole if isinstance(whole, Mapping) else Mapping("", 0)
        super().__init__(like.file, like.line)
        self.lines = like.lines
        self.names: set[str] = set()


def mismatch(document: object, kind: Any) -> ConfigError:  # noqa: ANN401 - a type form; Any is how typing spells it
    """Return what is wrong in a document that `msgspec.convert` rejects; each `where` is relative to the document."""
    return together(_check(document, kind)[0])


def _check(document: object, kind: Any) -> tuple[list[ConfigError], object]:  # noqa: ANN401
    """Return what is wrong in a rejected document, and the document without it."""
    members = _members(kind)
    errors: list[ConfigError] = []
    left: object = _NOTHING
    if isinstance(document, dict):
        structs = [member for member in members if _is_struct(member)]
        if structs:
            errors, left = _in_struct(document, structs)
        else:
            errors, left = _in_dict(document, members)
    elif isinstance(document, list):
        errors = _in_list(document, members)
    return (errors, left) if errors else ([_here(document, kind)], _NOTHING)


def _here(document: object, kind: Any) -> ConfigError:  # noqa: ANN401
    refusal = _refusal(document, kind)
    if refusal is not None:
        return refusal
    form = inspect.type_info(kind)
    expected = expectation(form)
    if isinstance(document, str):
        expected += near(document, _choices(form)) or _as_mapping(document, kind)
    elif isinstance(document, int | float) and expected.startswith("text"):
        expected += " (in quotes if it is meant as text)"
    if not isinstance(document, dict | list) and expected.startswith("a list") and _accepted([document], kind):
        expected += f": write [{document}]"
    # A URL may hold a password.
    is_url = isinstance(document, str) and "://" in document and "@" in document
    return ConfigError("", described(redacted(str(document)) if is_url else document), expected)


def _refusal(document: object, kind: Any) -> ConfigError | None:  # noqa: ANN401
    """Return what a type itself says against a document: its `__post_init__`, or its `parse`."""
    try:
        msgspec.convert(document, kind, dec_hook=parse)
    except ConfigError as error:
        return together(locate(one, document) for one in error.each())
    except msgspec.ValidationError as error:
        if error.__cause__ is not None:
            return ConfigError("", str(error.__cause__), "")
    return None


def _in_struct(document: dict[Any, Any], structs: list[Any]) -> tuple[list[ConfigError], object]:
    tags = {struct.__struct_config__.tag: struct for struct in structs}
    tag_field = structs[0].__struct_config__.tag_field
    if tag_field is not None:
        if tag_field not in document:
            return [ConfigError("", f'no "{tag_field}"', f"`{tag_field}:` with {_choice(tags)}")], _NOTHING
        tag = document[tag_field]
        if tag not in tags:
            error = ConfigError("", described(tag), f"{_choice(tags)}{near_tag(tag, tags)}")
            return [_inside(document, tag_field, error)], _NOTHING
    struct = structs[0] if tag_field is None else tags[document[tag_field]]
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    known = [name for name in (tag_field, *fields) if name is not None]
    errors = [
        _inside(document, key, ConfigError("", "an unknown key", f"one of {_listed(known)}{near_key(key, known)}"))
        for key in document
        if key not in known
    ]
    misspelled, left = bool(errors), _Left(document)
    for name, field in fields.items():
        if name in document:
            if _accepted(document[name], field.type):
                left[name] = document[name]
                continue
            inner, rest = _check(document[name], field.type)
            errors += [_inside(document, name, error) for error in inner]
            if rest is not _NOTHING and _accepted(rest, field.type):
                left[name] = rest
        elif field.required and not misspelled:
            expected = expectation(inspect.type_info(field.type))
            errors.append(ConfigError("", f'no "{name}"', f"`{name}:` with {expected}"))
    if tag_field is not None:
        left[tag_field] = document[tag_field]
    return _with_refusal(errors, document, left, struct), left


def _with_refusal(
    errors: list[ConfigError],
    document: dict[Any, Any],
    left: dict[Any, Any],
    struct: Any,  # noqa: ANN401
) -> list[ConfigError]:
    """Return the errors with what a struct says against the rest of its document, except what depends on them."""
    refusal = _refusal(left, struct) if errors else None
    if refusal is None:
        return errors
    missing = {str(key) for key in document if key not in left} | {one.where for one in errors} | set(_names(left))
    wrong = re.compile(rf"\b({'|'.join(map(re.escape, sorted(missing)))})\b")
    emptied = set(_emptied(left))
    return errors + [
        one
        for one in refusal.each()
        if one.where not in emptied and not wrong.search(f"{one.where} {one.got} {one.expected}")
    ]


def _emptied(left: object, where: str = "") -> Iterator[str]:
    """Yield the place of each mapping whose entries are all left out, at every depth: it was not empty."""
    if isinstance(left, _Left):
        if left.names and not left:
            yield where
        for key, part in left.items():
            yield from _emptied(part, joined(where, key))


def _names(left: object) -> Iterator[str]:
    """Yield the names of the entries that are left out, at every depth."""
    if isinstance(left, _Left):
        yield from left.names
        for part in left.values():
            yield from _names(part)


def _in_dict(document: dict[Any, Any], members: list[Any]) -> tuple[list[ConfigError], object]:
    errors: list[ConfigError] = []
    left = _Left(document)
    for member in members:
        if typing.get_origin(member) is dict:
            key_kind, value_kind = typing.get_args(member)
            for key, value in document.items():
                rest: object = _NOTHING
                if not _accepted(key, key_kind):
                    errors.append(_inside(document, key, _here(key, key_kind)))
                elif _accepted(value, value_kind):
                    left[key] = value
                    continue
                else:
                    inner, rest = _check(value, value_kind)
                    errors += [_inside(document, key, error) for error in inner]
                if rest is not _NOTHING and _accepted(rest, value_kind):
                    left[key] = rest
                else:
                    left.names.add(str(key))
    return errors, left


def _in_list(document: list[Any], members: list[Any]) -> list[ConfigError]:
    errors: list[ConfigError] = []
    for member in members:
        arguments = typing.get_args(member)
        if not arguments or typing.get_origin(member) not in (list, tuple, set, frozenset):
            continue
        kinds = arguments if len(arguments) == len(document) and arguments[-1] is not ... else arguments[:1]
        for index, item in enumerate(document):
            kind = kinds[min(index, len(kinds) - 1)]
            if not _accepted(item, kind):
                errors += [_inside(document, index, error) for error in _check(item, kind)[0]]
    return errors


def _inside(document: object, step: Any, error: ConfigError) -> ConfigError:  # noqa: ANN401
    line = None
    if isinstance(document, Mapping):
        line = document.lines.get(step)
    elif isinstance(document, Sequence):
        line = document.lines[step]
    where = f"[{step}]" if isinstance(document, list) else str(step)
    return error.under(where, file=None, line=line)


def _accepted(value: object, kind: Any) -> bool:  # noqa: ANN401
    try:
        msgspec.convert(value, kind, dec_hook=parse)
    except (msgspec.ValidationError, ConfigError):
        return False
    return True


def _members(kind: Any) -> list[Any]:  # noqa: ANN401
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [inner for member in typing.get_args(kind) for inner in _members(member)]
    return [kind]


def _is_struct(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _as_mapping(text: str, kind: Any) -> str:  # noqa: ANN401
    """Return how a text is written as the mapping that is expected instead, where that can be known."""
    for struct in filter(_is_struct, _members(kind)):
        tag_field, tag = struct.__struct_config__.tag_field, struct.__struct_config__.tag
        required = [field.encode_name for field in msgspec.structs.fields(struct) if field.required]
        if tag_field is not None and text == tag:
            pairs = ", ".join((f"{tag_field}: {tag}", *(f"{name}: …" for name in required)))
            return f": write {{{pairs}}}"
        if tag_field is None and len(required) == 1 and _accepted({required[0]: text}, struct):
            value = "…" if "@" in text else f'"{text}"'
            return f": write {{{required[0]}: {value}}}"
    return ""


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def expectation(kind: inspect.Type) -> str:  # noqa: C901, PLR0911 - one line per kind
    """Return a description of the values of a type, such as "a list of at least 1"."""
    match kind:
        case inspect.Metadata(type=inner):
            return expectation(inner)
        case inspect.UnionType(types=members):
            words = [expectation(member) for member in members if not isinstance(member, inspect.NoneType)]
            return " or ".join(dict.fromkeys(words))
        case inspect.NoneType():
            return "nothing"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _number(kind)
        case inspect.StrType(min_length=shortest, pattern=pattern):
            return f"text like {pattern}" if pattern else "text" if not shortest else "text that is not empty"
        case inspect.LiteralType() | inspect.EnumType():
            return _choice(_choices(kind))
        case inspect.CustomType(cls=custom):
            return getattr(custom, "EXPECTED", "a path" if custom.__name__ == "Path" else custom.__name__)
        case inspect.DictType() | inspect.StructType():
            return "a mapping"
        case (
            inspect.ListType(min_length=shortest)
            | inspect.VarTupleType(min_length=shortest)
            | inspect.SetType(min_length=shortest)
            | inspect.FrozenSetType(min_length=shortest)
        ):
            return f"a list of at least {shortest}" if shortest else "a list"
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)}"
        case _:
            return type(kind).__name__.removesuffix("Type").lower()


def _choices(kind: inspect.Type) -> list[object]:
    match kind:
        case inspect.Metadata(type=inner):
            return _choices(inner)
        case inspect.UnionType(types=members):
            return [choice for member in members for choice in _choices(member)]
        case inspect.LiteralType(values=values):
            return list(values)
        case inspect.EnumType(cls=enumeration):
            return [member.value for member in enumeration]
        case _:
            return []


def _choice(values: Iterable[object]) -> str:
    words = _listed(values)
    return f"one of {words}" if ", " in words else words


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    if kind.ge is not None and kind.le is not None:
        return f"{noun} from {kind.ge} to {kind.le}"
    bounds = (("of at least", kind.ge), ("above", kind.gt), ("of at most", kind.le), ("below", kind.lt))
    return " ".join([noun, " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)]).rstrip()
