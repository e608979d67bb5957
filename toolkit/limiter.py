"""At most one line per cause and period, its recovery aside; pure: the time (monotonic seconds) is an argument."""

from __future__ import annotations

import dataclasses
import threading
from typing import Generic, TypeVar

Line = TypeVar("Line")


@dataclasses.dataclass
class _Cause(Generic[Line]):
    since: float  # when the event of its last line happened; the period counts from here
    period: float
    failing: bool = True  # it has failed and not recovered since
    unanswered: bool = True  # its last line is a failure whose recovery has not been logged
    left_out: int = 0  # events since its last line
    last: tuple[float, Line] | None = None  # the last one of those, and when it happened

    def leave_out(self, now: float, line: Line) -> None:
        self.left_out += 1
        self.last = (now, line)


class Limiter(Generic[Line]):
    """Decides which failures and recoveries of a cause are logged.

    The first failure is logged at once, and so is its recovery. Later ones within the period are left out and counted;
    the last of them is logged when the period is over. Beyond `capacity` causes, the one that failed the longest ago is
    forgotten.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._capacity = capacity
        self._causes: dict[str, _Cause[Line]] = {}
        # Reentrant: the garbage collector may run in here, and a finalizer may log.
        self._lock = threading.RLock()

    def failing(self, name: str) -> bool:
        """Return whether a cause has failed and not recovered since."""
        cause = self._causes.get(name)
        return cause is not None and cause.failing

    def failed(self, name: str, now: float, line: Line, period: float) -> int | None:
        """Return how many events were left out since the cause's last line, or None when this one is left out too."""
        with self._lock:
            cause = self._causes.pop(name, None)
            if cause is not None and now - cause.since < period:
                self._causes[name] = cause
                cause.failing = True
                cause.leave_out(now, line)
                return None
            self._causes[name] = _Cause(now, period)
            if len(self._causes) > self._capacity:
                del self._causes[next(iter(self._causes))]
            return cause.left_out if cause else 0

    def recovered(self, name: str, now: float, line: Line) -> int | None:
        """Return how many events were left out since the cause's last line, or None when this one is not logged."""
        with self._lock:
            cause = self._causes.get(name)
            if cause is None or not cause.failing:
                return None
            cause.failing = False
            if not cause.unanswered:
                cause.leave_out(now, line)
                return None
            left_out = cause.left_out
            cause.unanswered, cause.left_out, cause.last = False, 0, None
            return left_out

    def overdue(self, now: float) -> list[tuple[Line, int]]:
        """Return the last event left out of each cause whose period is over, with how many there were; once."""
        due: list[tuple[Line, int]] = []
        with self._lock:
            for cause in list(self._causes.values()):
                if cause.last is not None and now - cause.since >= cause.period:
                    happened, line = cause.last
                    due.append((line, cause.left_out))
                    cause.since, cause.unanswered, cause.left_out, cause.last = happened, cause.failing, 0, None
        return due
