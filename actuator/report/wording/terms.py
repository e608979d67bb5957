"""Words and forms that several kinds of sentence share. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from actuator.core import ags
from actuator.core.alert_path import MOST_INHIBITS, Path
from actuator.core.demand import Lack
from actuator.core.events import Value
from actuator.core.settings import Settings
from actuator.core.state import Cause
from toolkit.formatting import span

Values = Mapping[str, Value]

Effect = Literal["start", "stop", "inhibit", "none"]


class Words(NamedTuple):
    """What is so, in sentences for people; an empty one has nothing to add.

    Attributes:
        headline: the state.
        reason: why.
        next: what happens next.
        remedy: what to do.
    """

    headline: str = ""
    reason: str = ""
    next: str = ""
    remedy: str = ""


class Problem(NamedTuple):
    """A problem of the actuator itself, or of what it needs.

    Attributes:
        text: what is so.
        remedy: what to do.
        details: both, with errors and the names of settings; empty: there are none.
    """

    text: str
    remedy: str = ""
    details: str = ""

    @property
    def line(self) -> str:
        """The whole problem, for the list of problems."""
        return self.details or f"{self.text} {self.remedy}".rstrip()


def no_break(text: str) -> str:
    """Return a text in which no line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=(?:%|s|min|h|d)(?!\w))", "\u00a0", text)


def alert_text(summary: Value) -> str:
    """Return the text of an alert that blocks the engine, as a part of a sentence: without its last full stop.

    The one for all that are too many has none of its own.
    """
    return str(summary).rstrip(". ") if summary else f"more than {MOST_INHIBITS} alerts"


def full_stop(text: str) -> str:
    """Return a text as a sentence, with a mark at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


AGS_CODES: Final = {
    0: "not connected",
    1: "off",
    2: "ready",
    3: "manual run",
    4: "AC in",
    5: "quiet time",
    6: "start test",
    7: "start temperature",
    8: "start voltage",
    9: "fault start test",
    10: "fault start temperature",
    11: "fault start voltage",
    12: "start time of day",
    13: "start SOC",
    14: "start exercise",
    15: "fault start time of day",
    16: "fault start SOC",
    17: "fault start exercise",
    18: "start amps",
    19: "start top-off",
    20: "start 100 % SOC",
    21: "fault start amps",
    22: "fault top-off",
    23: "fault 100 % SOC",
    24: "fault max run",
    25: "generator run fault",
    26: "warm up",
    27: "cool down",
}
"""Codes of the AGS, in the words of the remote's display."""


def ags_code(code: Value) -> str:
    """Return what the remote calls a code of the AGS; None is absent."""
    if code is None:
        return "silent"
    return AGS_CODES.get(int(code), f"unknown code {code}")


def ags_status(code: int, *, ours: bool) -> str:
    """Return the status of the AGS; `ours`: it is during our run, or before its engine has stopped."""
    if ours and code == ags.OURS:
        return f"started by our contact (its display: {AGS_CODES[ags.OURS]})"
    return ags_code(code)


REQUESTED: Final[dict[Cause, str]] = {
    "alert": "a low battery",
    "fallback": "a low battery, without the alerts",
    "emergency": "a nearly empty battery",
    "blind": "the schedule for missing data",
    "exercise": "the regular exercise",
    "manual": "the operator",
    "full_charge": "a full charge that is due",
    "quiet_ahead": "the coming quiet hours, for which the battery would not last",
}
"""What requests the engine."""


DECIDED_BY: Final[dict[Path, str]] = {
    "waiting": "nobody yet: connecting to Alertmanager",
    "alerts": "the alerts",
    "fallback": "the actuator itself, by the state of charge",
    "blind": "nobody: no alerts and no state of charge",
}
"""What decides on each path of the alerts."""

EFFECTS: Final[dict[Effect, str]] = {
    "start": "requests a start",
    "stop": "requests a stop",
    "inhibit": "blocks the engine",
    "none": "is ignored",
}
"""What an alert that fires does."""


def requested(causes: Iterable[Cause]) -> str:
    """Return what requests the engine."""
    return f"Requested by {' and '.join(REQUESTED[cause] for cause in causes)}."


def evidence_device(settings: Settings) -> str:
    """Return the name of the device that shows whether the engine runs."""
    if not settings.evidence.ac_input:
        return "the generator starter (AGS)"
    return settings.evidence.device or "the Magnum inverter"


def lack(what: Lack) -> str:
    """Return what information is missing for an ordinary run."""
    return {
        "no_path": "There are neither alerts nor a state of charge to decide by.",
        "no_evidence": "There is no evidence to confirm the engine by.",
    }[what]


CHECK_ENGINE: Final = (
    "Switch the generator off at its own switch, then check fuel, oil and starter battery. Then switch it on again."
)
"""While it may start by itself, nobody should work on it; and its starter may start it by itself after Off too."""

RESET_LOCKOUT: Final = (
    "Check the engine with its own switch off. Switch it on again; when nobody is at it, press Reset lock-out: it may "
    "start at once."
)

CHECK_CHARGER: Final = (
    "Check the breakers at generator and inverter. If you cannot mend it, press Off: it only burns fuel."
)


def data_cable(*, by_ac: bool) -> str:
    """Return the name of the cable by which the evidence comes: the inverter's AC, or the AGS alone."""
    return "inverter's data cable" if by_ac else "generator starter's data cable"


def check_data(*, by_ac: bool) -> str:
    """Return what to do when the evidence does not come."""
    return f"Check the {data_cable(by_ac=by_ac)}. Then restart the service magnum-exporter on the site's computer."


STOP_BY_HAND: Final = "stop it at its remote or with its own switch"


def number(value: Value) -> float:
    """Return a number; 0 for None."""
    return 0.0 if value is None else float(value)


def span_of(value: Value) -> str:
    """Return seconds as a span."""
    return span(number(value))


def flag(value: Value) -> bool | None:
    """Return whether it is so; None if unknown."""
    return None if value is None else bool(value)
