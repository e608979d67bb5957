"""What a wrong word in a configuration was meant to be: a misspelling, or another tool's word for the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("host", "unit_id", "url"),
    "addr": ("address", "host"),
    "baud": ("baudrate",),
    "bus_id": ("unit_id",),
    "device": ("port",),
    "device_id": ("unit_id",),
    "ip": ("host",),
    "login": ("username",),
    "model": ("profile",),
    "path": ("port", "url"),
    "period": ("interval",),
    "refresh": ("interval",),
    "server": ("host", "url"),
    "slave": ("unit_id", "address"),
    "slave_id": ("unit_id", "address"),
    "speed": ("baudrate",),
    "tty": ("port",),
    "unit": ("unit_id",),
    "uri": ("url",),
    "user": ("username",),
}
"""Keys of other tools for the same devices, with the keys that may have the same meaning here."""


def near(word: object, known: Iterable[object]) -> str:
    """Return which of the known words was probably meant, as the end of a sentence; empty: none."""
    found = _near(word, {str(name) for name in known})
    return f'; did you mean "{found}"?' if found else ""


def near_key(word: object, known: Collection[str]) -> str:
    """Return the same for a key, where the words of other tools count too."""
    others = (name for name in _SYNONYMS.get(_plain(word).replace("-", "_"), ()) if name in known)
    found = next(others, None) or _near(word, set(known))
    return f'; did you mean "{found}"?' if found else ""


def near_tag(word: object, structs: Mapping[str, type]) -> str:
    """Return the same for the tag of a union's structs, where the words in their HINTS count too, with the hint."""
    hints = {
        name: hint
        for struct in structs.values()
        for kind in struct.__mro__
        for name, hint in vars(kind).get("HINTS", {}).items()
    }
    hint = next((hint for name, hint in hints.items() if _plain(name) == _plain(word)), "")
    misspelled = "" if hint else near(word, structs)
    if not hint and not misspelled:
        hint = hints.get(_near(word, set(hints)) or "", "")
    return f"; {hint}" if hint else misspelled


def _near(word: object, known: set[str]) -> str | None:
    plain = _plain(word)
    if not plain:
        return None
    import difflib  # noqa: PLC0415 - a right file does not need it

    by_plain = {_plain(name): name for name in sorted(known, reverse=True)}
    close = difflib.get_close_matches(plain, by_plain, 1)
    # "jk" for "jk-bms" is too short to be close.
    close += sorted(name for name in by_plain if len(plain) > 1 and name.startswith(f"{plain}-"))
    return by_plain[close[0]] if close else None


def _plain(word: object) -> str:
    """Return a word in small letters, with one kind of mark between its parts."""
    return re.sub(r"[\s_.-]+", "-", str(word).casefold()).strip("-")
