"""What a person may change without the file: a profile, and edits over it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from actuator.core.events import Event, Level, Value
from actuator.core.settings import Exercise, FullCharge, QuietHours
from toolkit.config import Ratio, decode
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.core.settings import Settings
    from actuator.core.state import Durable

DEFAULT: Final = "default"
"""The name in force when there is no profile."""

AnySettings = TypeVar("AnySettings", bound="Settings")


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be edited while the program runs; what is not set is left as it is.

    Attributes:
        start_soc: as in the file.
        stop_soc: as in the file.
        quiet_hours: as in the file; null switches them off.
    """

    start_soc: Ratio | UnsetType = UNSET
    stop_soc: Ratio | UnsetType = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET


class Profile(Edit, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named overlay over the settings of the file. What it does not set stays as it is.

    Attributes:
        exercise: as in the file; null switches it off.
        full_charge: as in the file; null switches it off.
    """

    exercise: Exercise | UnsetType | None = UNSET
    full_charge: FullCharge | UnsetType | None = UNSET


EDITABLE: Final = Edit.__struct_fields__
OVERLAID: Final = Profile.__struct_fields__


def over(settings: AnySettings, profile: Edit) -> AnySettings:
    """Return settings with what a profile or an edit sets, validated as the file is.

    Raises:
        ConfigError: they do not fit together.
    """
    given = {name: value for name in profile.__struct_fields__ if (value := getattr(profile, name)) is not UNSET}
    return msgspec.structs.replace(settings, **given)


def dropped(durable: Durable, reason: str) -> tuple[Durable, Event]:
    """Return the durable state without profile and edits, because together with the file they do not fit any more."""
    fields: dict[str, Value] = {"profile": durable.profile or DEFAULT, "reason": reason}
    kept = replace(durable, profile="", edits={}, dropped=reason)
    return kept, Event(kind="settings_dropped", level=Level.ERROR, fields=fields)


def edit(values: Mapping[str, Any]) -> Edit:
    """Return the edit of these values, written as in the file.

    Raises:
        ConfigError: a name is not editable, or a value is wrong.
    """
    return decode(dict(values), Edit)
