"""The document of `GET /api/v1/settings`: what the file, the profile and the edits set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from actuator.config import Config
from actuator.core.overlay import DEFAULT, OVERLAID, Profile
from actuator.core.settings import Settings, TimeOfDay
from toolkit.config import Duration, Ratio


class SettingsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What may be set while the program runs; the edits lie over the profile, and the profile over the file.

    Attributes:
        file: the values of the configuration file.
        profile: the name of the profile in force; default: none.
        profiles: what each profile sets.
        edit: what was edited.
        in_force: the values that count.
        dropped: why an earlier profile and its edits were dropped; empty: none were.
    """

    file: dict[str, Any]
    profile: str
    profiles: dict[str, dict[str, Any]]
    edit: dict[str, Any]
    in_force: dict[str, Any]
    dropped: str


def document(file: Config, in_force: Settings, *, profile: str, edits: Mapping[str, Any], dropped: str) -> bytes:
    """Return the document as JSON; ratios 0 to 1, durations in seconds."""
    shown = SettingsDocument(
        file=_values(file),
        profile=profile or DEFAULT,
        profiles={DEFAULT: {}, **{name: _set(each) for name, each in file.profiles.items()}},
        edit=dict(edits),
        in_force=_values(in_force),
        dropped=dropped,
    )
    return msgspec.json.encode(shown, enc_hook=_plain)


def _values(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in OVERLAID}


def _set(profile: Profile) -> dict[str, Any]:
    values = ((name, getattr(profile, name)) for name in OVERLAID)
    return {name: value for name, value in values if value is not msgspec.UNSET}


def _plain(value: object) -> float | str:
    if isinstance(value, Ratio | Duration):
        return float(value)
    if isinstance(value, TimeOfDay):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")
