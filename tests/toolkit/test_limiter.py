from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.limiter import Limiter

HOUR = 3600.0


class Log:
    """The lines of one cause: the time, what it is, and how many events were left out before it."""

    def __init__(self) -> None:
        self.limiter: Limiter[str] = Limiter()
        self.lines: list[tuple[float, str, int]] = []

    def failed(self, now: float) -> None:
        self._add(now, "lost", self.limiter.failed("bus", now, "lost", HOUR))

    def recovered(self, now: float) -> None:
        self._add(now, "back", self.limiter.recovered("bus", now, "back"))

    def overdue(self, now: float) -> None:
        self.lines += [(now, line, left_out) for line, left_out in self.limiter.overdue(now)]

    def _add(self, now: float, line: str, left_out: int | None) -> None:
        if left_out is not None:
            self.lines.append((now, line, left_out))


def test_lasting_failure_is_one_line_an_hour() -> None:
    log = Log()
    for now in range(0, 3600, 10):
        log.failed(now)
    assert log.lines == [(0, "lost", 0)]
    log.failed(3600)
    log.failed(7200)
    assert log.lines[1:] == [(3600, "lost", 359), (7200, "lost", 0)]


def test_recovery_of_each_logged_failure() -> None:
    log = Log()
    log.recovered(0)
    assert log.lines == []
    log.failed(1)
    log.failed(2)
    log.recovered(3)
    log.recovered(4)
    assert log.lines == [(1, "lost", 0), (3, "back", 1)]
    log.failed(3601)
    log.recovered(3602)
    assert log.lines[2:] == [(3601, "lost", 0), (3602, "back", 0)]


def test_five_unplugs_are_three_lines() -> None:
    log = Log()
    for start in range(0, 40, 8):
        for retry in range(4):
            log.failed(start + retry)
        log.recovered(start + 4)
    assert log.lines == [(0, "lost", 0), (4, "back", 3)]
    for now in range(40, 9000, 60):
        log.overdue(now)
    assert log.lines[2:] == [(3640, "back", 20)]


def test_lasting_failure_after_recovery() -> None:
    log = Log()
    log.failed(0)
    log.recovered(10)
    log.failed(20)
    log.overdue(3599)
    assert len(log.lines) == 2
    log.overdue(3600)
    log.recovered(3700)
    assert log.lines[2:] == [(3600, "lost", 1), (3700, "back", 0)]


def test_hour_counts_from_the_reported_event() -> None:
    log = Log()
    log.failed(0)
    log.recovered(10)
    log.failed(20)
    log.recovered(30)
    log.overdue(3600)
    log.failed(3629)
    log.failed(3630)
    assert log.lines[2:] == [(3600, "back", 2), (3630, "lost", 1)]


def test_flapping_for_a_day() -> None:
    log = Log()
    for now in range(0, 86400, 10):
        log.overdue(now)
        log.failed(now)
        log.recovered(now + 5)
    log.overdue(2 * 86400)
    assert len(log.lines) <= 2 * 25
    # The line at the end of an hour is one of those that it counts.
    summaries = sum(left_out > 0 for _, _, left_out in log.lines)
    assert sum(1 + left_out for _, _, left_out in log.lines) - summaries == 2 * 8640


def test_memory_is_bounded() -> None:
    limiter: Limiter[str] = Limiter(capacity=3)
    for cause in "abacd":
        limiter.failed(cause, 0.0, "", 60.0)
    assert limiter.failed("a", 0.0, "", 60.0) is None
    assert limiter.failed("b", 0.0, "", 60.0) == 0
    assert limiter.failed("c", 0.0, "", 60.0) == 0


@given(st.lists(st.tuples(st.sampled_from(["failed", "recovered", "overdue"]), st.integers(0, 2000))))
def test_last_line_is_the_current_state(events: list[tuple[str, int]]) -> None:
    log = Log()
    now, failing = 0.0, False
    for kind, seconds in events:
        now += seconds
        getattr(log, kind)(now)
        failing = {"failed": True, "recovered": False}.get(kind, failing)
    log.overdue(now + HOUR)
    log.overdue(now + 2 * HOUR)
    assert log.limiter.failing("bus") == failing
    assert (log.lines[-1][1] == "lost" if log.lines else False) == failing
    # Of failures, two lines are an hour apart at least, or one was left out long before it was logged.
    lost = [at for at, line, _ in log.lines if line == "lost"]
    assert all(third - first >= HOUR for first, third in zip(lost, lost[2:], strict=False))
