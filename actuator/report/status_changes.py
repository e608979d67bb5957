"""Whether two statuses differ in more than the clock, so that only changes are sent. Pure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from actuator.report.status import Status

MOMENT: Final = 1.0
"""Seconds by which a moment may differ: the wall clock is slewed, and two clocks are not read at once."""

TOLERANCES: Final = {
    "time": math.inf,
    "soc": 0.0009,  # the panel shows a tenth of a percent
    "start_soc": 0.0,
    "stop_soc": 0.0,
    # They count seconds, and are shown in minutes. The panel counts the budget down by itself.
    "budget_remaining": 60.0,
    "reserve_remaining": 60.0,
    "engine_seconds": 60.0,
    "service_due": 60.0,
    "today": 60.0,
    "since_service": 60.0,
    # Heartbeats come as often as Alertmanager likes; what is late shows after minutes.
    "last_beat": 60.0,
    # The stream sends these by themselves.
    **dict.fromkeys(("sun", "load", "generator", "battery", "volts", "amperes"), math.inf),
}
"""By which a number of this name may differ without being a change; others are moments."""


COUNTED_EVERY: Final = 20.0
"""Seconds after which a sentence is sent again in which only a span of time differs ("confirmed for 12 min")."""

_SPANS: Final = re.compile(r"\d+(?:\.\d+)?[ \u00a0](?:d|h|min|s)\b(?:[ \u00a0]\d+[ \u00a0](?:h|min|s)\b)*")


def changed(sent: Status, newest: Status) -> bool:
    """Return whether the newest status has something that a client, which counts time by itself, must be sent."""
    if not _differs(msgspec.to_builtins(sent), msgspec.to_builtins(newest), MOMENT):
        return False
    one, other = (_SPANS.sub("", msgspec.json.encode(status).decode()) for status in (sent, newest))
    return abs(newest.time - sent.time) >= COUNTED_EVERY or _differs(
        msgspec.json.decode(one), msgspec.json.decode(other), MOMENT
    )


def _differs(one: Any, other: Any, tolerance: float) -> bool:  # noqa: ANN401 - whatever JSON can be
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return True
        return any(_differs(one[name], other[name], TOLERANCES.get(name, MOMENT)) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) != len(other) or any(_differs(*pair, MOMENT) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) > tolerance
    return bool(one != other)
