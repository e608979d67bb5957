"""Turn snapshots into one sample a minute and one record for each run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.settings import MINUTE
from actuator.core.signals import BUS_FRESH
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.state import Run
    from actuator.journal import Row
    from actuator.report.snapshot import Snapshot

LONGEST_STEP: Final = 60.0
"""Seconds without a known current after which the ampere-hours of a run are not known."""

_ENDS: Final = ("contact_opened", "run_broken_off")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The site at one moment; None is unknown.

    Attributes:
        wall: Unix time.
        soc: the fresh state of charge, 0 to 1.
        volts: of the battery.
        amperes: of the battery, positive into it.
        running: the engine is confirmed to run.
        closed: the contact is commanded closed.
        engine_seconds: for which the engine has ever been confirmed to run.
    """

    wall: float
    soc: float | None
    volts: float | None
    amperes: float | None
    running: bool | None
    closed: bool
    engine_seconds: float = 0.0


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run, in progress or past; None is unknown.

    Attributes:
        number: counts runs.
        cause: the first one that requested it.
        began: when the contact closed, Unix time.
        ended: when it opened, Unix time; None: it has not.
        seconds: how long it was closed, up to now or its end.
        confirmed: evidence has confirmed the engine.
        soc_before: state of charge at its begin, 0 to 1.
        soc_after: at its end, or now.
        ampere_hours: into the battery while it was closed; None also when the current was unknown for a while.
        end: why it ended, one word.
        text: the same as a sentence.
    """

    number: int
    cause: str
    began: float
    ended: float | None = None
    seconds: float = 0.0
    confirmed: bool = False
    soc_before: float | None = None
    soc_after: float | None = None
    ampere_hours: float | None = 0.0
    end: str | None = None
    text: str = ""


class Recorder:
    """Collects what has not been written yet.

    Args:
        unfinished: the run that was in progress when the file was last written; None: there was none.

    Attributes:
        samples: taken since the last call of `take`, in order.
        runs: begun, changed or ended since then, by number.
    """

    def __init__(self, unfinished: PastRun | None = None) -> None:
        self.samples: list[Sample] = []
        self.runs: dict[int, PastRun] = {}
        self._run = unfinished
        self._ended: PastRun | None = None
        self._next = -1.0
        self._current_at: float | None = None

    def observe(self, snapshot: Snapshot, rows: Iterable[Row]) -> bool:
        """Take a snapshot and the journal's new rows; return whether a run began or ended."""
        changed = False
        for row in rows:
            changed |= self._end(row, snapshot)
        run = snapshot.state.durable.run
        if run is not None:
            changed |= self._continue(run, snapshot)
        elif self._run is not None and snapshot.state.durable.candidate is None:
            changed |= self._lose()
        if changed or snapshot.now >= self._next:
            self._next = snapshot.now + MINUTE
            self.samples.append(_sample(snapshot))
            if self._run is not None:
                self.runs[self._run.number] = self._run
        return changed

    @property
    def present(self) -> PastRun | None:
        """The run in progress."""
        return self._run

    def take(self) -> tuple[tuple[Sample, ...], tuple[PastRun, ...]]:
        """Return what has not been written yet, and forget it."""
        taken = tuple(self.samples), tuple(self.runs.values())
        self.samples, self.runs = [], {}
        return taken

    def _continue(self, run: Run, snapshot: Snapshot) -> bool:
        """Bring the record of the run in progress up to now; return whether it is new."""
        soc, now = snapshot.state.battery.fresh_soc(snapshot.now), snapshot.now
        if self._ended is not None and self._ended.number == run.number:  # a restart broke it off, and it goes on
            self._run, self._ended = replace(self._ended, ended=None, end=None, text=""), None
        began = self._run is None or self._run.number != run.number
        if self._run is None or began:
            self._lose()
            self._current_at = None
            self._run = PastRun(
                number=run.number, cause=run.cause, began=snapshot.wall_of(run.closed_at), soc_before=soc
            )
        self._run = replace(
            self._run,
            seconds=now - run.closed_at,
            confirmed=run.proven_at is not None,
            soc_before=soc if self._run.soc_before is None else self._run.soc_before,
            soc_after=soc,
            ampere_hours=self._charged(self._run.ampere_hours, snapshot.site.amperes, now, since=run.closed_at),
        )
        return began

    def _lose(self) -> bool:
        """End the record of a run whose end nobody has recorded, as with a journal that was lost."""
        if self._run is None:
            return False
        self.runs[self._run.number] = replace(self._run, end="unknown")
        self._run = None
        return True

    def _charged(self, hours: float | None, amperes: float | None, now: float, *, since: float) -> float | None:
        """Return the ampere-hours with those since the last known current; None once it was unknown for too long."""
        last = since if self._current_at is None else self._current_at
        if hours is None or now - last > LONGEST_STEP:
            return None
        if amperes is None:
            return hours
        self._current_at = now
        return hours + amperes * (now - last) / 3600.0

    def _end(self, row: Row, snapshot: Snapshot) -> bool:
        """End the record of the run that this row ends; return whether it did."""
        if row.kind not in _ENDS or self._run is None or row.fields.get("run") != self._run.number:
            return False
        seconds = row.fields.get("seconds")
        ended = replace(
            self._run,
            ended=row.wall,
            seconds=float(seconds) if isinstance(seconds, int | float) else self._run.seconds,
            soc_after=snapshot.state.battery.fresh_soc(snapshot.now),
            end=str(row.fields.get("reason")),
            text=row.text,
        )
        self.runs[ended.number] = ended
        self._run, self._ended = None, ended
        return True


def _sample(snapshot: Snapshot) -> Sample:
    battery = snapshot.state.battery
    return Sample(
        wall=snapshot.wall,
        soc=battery.fresh_soc(snapshot.now),
        volts=battery.volts.fresh(snapshot.now, BUS_FRESH),
        amperes=snapshot.site.amperes,
        running=snapshot.state.engine.proof.verdict,
        closed=snapshot.commanded_closed,
        engine_seconds=round(snapshot.state.durable.engine_seconds, 1),
    )
