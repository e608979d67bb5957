"""The engine's hours, and what is planned for it, from a snapshot. Pure."""

from __future__ import annotations

import time

import msgspec

from actuator.core import full_charge
from actuator.core.demand import EXERCISE_WINDOW
from actuator.core.settings import DAY, MINUTE, Settings
from actuator.core.state import Durable
from actuator.report.snapshot import Snapshot


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """How long the engine was confirmed to run, whoever ran it, and what is planned for it; times are Unix.

    Attributes:
        today: seconds since local midnight; None: not known.
        since_service: seconds since the last service was recorded, or since the counting began.
        next_exercise: when the next exercise is due; in the past: it waits for its hour or for a clock that is right;
            None: none is configured, or not known.
        next_full_charge: the same of the next full charge.
        quiet_hours: such as 21:00 to 06:00; None: none are configured.
        quiet: quiet hours are now.
    """

    today: float | None
    since_service: float
    next_exercise: float | None
    next_full_charge: float | None
    quiet_hours: str | None
    quiet: bool


def service_due(durable: Durable, settings: Settings) -> float | None:
    """Return the seconds of running to the next service, negative when it is over; None: none is configured."""
    return None if settings.service is None else settings.service.every - _since_service(durable)


def _since_service(durable: Durable) -> float:
    return durable.engine_seconds - durable.serviced_seconds


def engine(snapshot: Snapshot, today: float | None) -> Engine:
    """Return the engine's hours and plans; `today` is from the history."""
    durable, config = snapshot.state.durable, snapshot.config
    hours, due = config.quiet_hours, full_charge.due_at(durable, config)
    return Engine(
        today=today,
        since_service=float(_since_service(durable)),
        next_exercise=_next_exercise(snapshot),
        next_full_charge=None if due is None else snapshot.wall_of(due),
        quiet_hours=None if hours is None else f"{hours.from_} to {hours.to}",
        quiet=hours is not None and snapshot.wall_sane and hours.contain(snapshot.minute_of_day),
    )


def _next_exercise(snapshot: Snapshot) -> float | None:
    """Return the first time of day of the exercise at which it is due."""
    exercise, last = snapshot.config.exercise, snapshot.state.durable.exercised_wall
    if exercise is None or last is None:
        return None
    due = last + exercise.every
    local = time.localtime(due)
    at_its_hour = time.mktime((*local[:3], 0, int(exercise.at), 0, 0, 0, -1))
    return max(due, at_its_hour) if due < at_its_hour + EXERCISE_WINDOW * MINUTE else at_its_hour + DAY
