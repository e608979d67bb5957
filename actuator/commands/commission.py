"""Measure, with the owner watching, how long this site's engine takes to be proven and to stop, and propose limits.

It speaks to the running actuator like any operator: the run has a deadline, every rule stands, and whatever becomes of
this command the contact opens by itself. The measures are those of the actuator's own journal, in seconds of the clock
that nobody sets.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from toolkit.formatting import span

T = TypeVar("T")

POLL = 1.0
"""Seconds between two looks."""

SHORTEST = 60.0
"""Seconds for which the engine runs at least once it is proven, so that its warm-up is over when it is told to stop."""

_MOST_ROWS = 1000
"""Of the journal, looked through for those of the trial's run."""


class Ask(Protocol):
    """Asks the running actuator; see `client.ask`."""

    def __call__(self, path: str, order: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
        """Return the answer."""


class NotNowError(Exception):
    """The engine cannot be tried now; the text says why."""


class Commission:
    """One trial.

    Args:
        ask: the running actuator.
        say: prints a line for the owner.
        run: seconds for which the engine runs once it is proven.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        ask: Ask,
        say: Callable[[str], None],
        *,
        run: float = SHORTEST,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask, self._say, self._run, self._pause = ask, say, run, pause

    def check(self) -> None:
        """See whether it can be done now.

        Raises:
            NotNowError: it cannot.
        """
        status = self._status()
        holds = [reason["text"] for reason in status["why_not"] if reason["reason"] != "mode_off"]
        if status["run"] is not None or status["causes"]:
            raise NotNowError(f"The engine is wanted already: {status['sentence']}")
        if holds:
            raise NotNowError(f"A start is held back: {'; '.join(holds)}.")
        if status["proof"] != "stopped":
            raise NotNowError(
                "Nothing proves that the engine stands still: the exporter's page has to show no AC at the inverter's "
                f"input. {' '.join(status['faults'])}".rstrip()
            )

    def measure(self) -> bool:
        """Close the contact, wait for the proof, open it, wait for the stop; return whether both were measured.

        The mode that was in force before is in force again afterwards, whatever happens.
        """
        before = self._status()
        newest = max((row["id"] for row in self._rows(1)), default=0)
        try:
            self._ask("/api/v1/mode", {"mode": "on", "for": f"{before['max_run']:g}s"})
            self._say("Contact closed. Watch the AGS remote and the engine.")
            proven = self._until(lambda status: status["proof"] == "running" or status["run"] is None)
            run = proven["run"]
            if run is None:
                self._say(f"The engine was not proven to run. {proven['sentence']}")
                return False
            self._say(f"The engine is proven to run; it goes on for {span(self._run)}.")
            end = time.monotonic() + self._run
            self._until(lambda status: time.monotonic() >= end or status["run"] != run)
            self._ask("/api/v1/mode", {"mode": "off"})
            self._say("Contact open. Waiting for the proof that the engine has stopped; Ctrl-C gives up.")
            self._until(lambda status: status["proof"] == "stopped")
        finally:
            self._ask("/api/v1/mode", {"mode": "off"})
            if before["mode"] != "off":
                self._ask("/api/v1/mode", {"mode": "auto"})
        since = [row for row in self._rows(_MOST_ROWS) if row["id"] > newest]
        return self._propose(run, {row["kind"]: row for row in since if row["fields"].get("run") == run})

    def _propose(self, run: int, rows: dict[str, dict[str, Any]]) -> bool:
        """Propose limits by the rows of a run; return whether they have what it takes."""
        opened = rows.get("contact_opened")
        if opened is not None and opened["fields"]["reason"] != "mode_off":
            self._say(f"The run ended by itself: {opened['text']} There is nothing to propose.")
            return False
        for kind in ("engine_proven", "engine_stopped"):
            if kind not in rows:
                self._say(f"The journal has no {kind} of run {run}: there is nothing to propose.")
                return False
        start, stop = (rows[kind]["fields"]["seconds"] for kind in ("engine_proven", "engine_stopped"))
        self._say(f"From closing to proof: {span(start)}. From opening to the proven stop: {span(stop)}.")
        self._say(
            "Proposed, for limits: in the configuration (twice the measure and a minute; what has passed for tail):\n"
            f"  start_confirm: {_minutes(2 * start + 60)}\n"
            f"  stop_confirm: {_minutes(2 * stop + 60)}\n"
            f"  tail: {_minutes(stop)}"
        )
        return True

    def _until(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        shown = ""
        while True:
            status = self._status()
            if reached(status):
                return status
            contact = status["contact"]
            closed = contact["read_back" if contact["can_read_back"] else "wanted"]
            line = f"  contact {'closed' if closed else 'open'}, engine {status['proof']}" + (
                f", AGS {status['ags']}" if status["ags"] else ""
            )
            if line != shown:
                self._say(line)
                shown = line
            self._pause(POLL)

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._ask("/api/v1/status")
        return status

    def _rows(self, most: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask(f"/api/v1/journal?most={most}")
        return rows


def _minutes(seconds: float) -> str:
    """Return a span of whole minutes, as the configuration writes it."""
    return f"{max(1, math.ceil(seconds / 60))}m"
