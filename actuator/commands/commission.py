"""Measure how long this site's engine takes to start and to stop, while the owner watches, and propose limits.

It uses the running actuator as an operator does: the run has a deadline, and every rule holds. The engine is requested
for half an hour and the run, so that the contact opens even if this command or its connection dies. The times are from
the actuator's journal, in monotonic seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from actuator.commands import client, printing
from actuator.commands.flags import add_remote_flags
from actuator.core.settings import Limits
from toolkit.formatting import printable_lines, span

DESCRIPTION = (
    "Starts the engine while you watch, measures how long its start and its stop take to be confirmed, "
    "and proposes start_confirm, stop_confirm and tail for the configuration file."
)
EXAMPLE = "generator-actuator commission --run 120"

T = TypeVar("T")

SHORTEST = 60.0
"""Shortest run of the engine in seconds: its warm-up has to be over before it stops."""

POLL = 1.0
"""Seconds between two requests."""

SLOW_STOP = 300.0
"""Seconds from which a stop is slow: the AGS reads its input rarely."""

LONGEST_START = 1800.0
"""Seconds within which the engine has to be confirmed: a warm-up may take a quarter of an hour."""

LEAST_CONFIRM = Limits().start_confirm
"""Seconds; the least that is proposed for start_confirm. A cold engine takes longer than the one that was measured."""

_MOST_ROWS = 1000
"""Rows of the journal that are searched for those of this run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask before the contact closes")
    parser.add_argument(
        "--run",
        type=_run_seconds,
        default=SHORTEST,
        metavar="SECONDS",
        help="how long it runs after its start is confirmed (default and minimum: %(default)g)",
    )


def _run_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST <= seconds < math.inf:
        raise argparse.ArgumentTypeError(
            f'got "{text}", expected a number of seconds of at least {SHORTEST:g}: the warm-up has to be over'
        )
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Measure; return 1 if that failed or was cancelled."""
    trial = Commission(partial(client.ask, arguments.url), _report, run=arguments.run)
    try:
        with printing.answered(arguments.url):
            trial.check()
        sys.stdout.write(
            "This closes the contact: the engine starts. Stay where you can see it and stop it at its remote.\n"
            "Make sure that nobody is working on it and that its exhaust is free.\n"
        )
        if not arguments.yes and input("Type yes to start: ").strip().lower() != "yes":
            sys.stdout.write("Nothing was done.\n")
            return 1
        with printing.answered(arguments.url), _interrupted_by_signals():
            return 0 if trial.measure() else 1
    except (client.ClientError, NotNowError) as error:
        printing.write_error("", error)
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("Cancelled. The contact is open, or opens at its deadline.\n")
    return 1


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Within the context, a hang-up or the end of the system ends the command as Ctrl-C does, once."""

    def interrupt(_number: int, _frame: object) -> None:
        # Another one must not end what this one ends: the request that opens the contact.
        for number in ending:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    ending = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)
    before = {number: signal.signal(number, interrupt) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(text: str) -> None:
    printing.write(f"{printable_lines(text)}\n")


class Ask(Protocol):
    """Sends a request to the running actuator; see `client.ask`."""

    def __call__(self, path: str, command: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
        """Return the answer."""


class NotNowError(Exception):
    """The engine cannot be measured now; the text gives the reason."""


class Commission:
    """One measurement.

    Args:
        ask: sends a request to the running actuator.
        report: prints a line for the owner.
        run: seconds that the engine runs after it is confirmed.
        pause: waits, seconds.
    """

    def __init__(
        self,
        ask: Ask,
        report: Callable[[str], None],
        *,
        run: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask, self._report, self._run, self._pause = ask, report, run, pause
        self._offs = 0

    def check(self) -> None:
        """Check that a measurement is possible now.

        Raises:
            NotNowError: it is not possible.
        """
        status = self._status()
        holds = [reason["text"] for reason in status["why_not"] if reason["reason"] != "mode_off"]
        if status["run"] is not None or status["causes"]:
            raise NotNowError(f"A run is already requested: {status['sentence']}")
        if holds:
            raise NotNowError(f"A start is blocked: {'; '.join(holds)}.")
        if status["proof"] != "stopped":
            raise NotNowError(
                "The engine is not confirmed stopped: the exporter's page must show no AC at the inverter's input. "
                f"{' '.join(status['faults'])}".rstrip()
            )

    def measure(self) -> bool:
        """Run the engine once and measure its start and stop; return whether both were measured.

        The mode is switched off and set back afterwards in every case, unless the actuator does not answer then, or
        somebody else has switched it off meanwhile.
        """
        before = self._status()
        newest = max((row["id"] for row in self._rows(1)), default=0)
        try:
            seconds = min(LONGEST_START + self._run, before["max_run"])
            self._ask("/api/v1/mode", {"mode": "on", "for": f"{seconds:g}s"})
            self._report("Contact closed. Watch the AGS remote and the engine.")
            proven = self._until(lambda status: status["proof"] == "running" or status["run"] is None)
            run = proven["run"]
            if run is None:
                self._report(f"The engine is not confirmed running. {proven['sentence']}")
                return False
            self._report(f"Engine running, confirmed. It runs for another {span(self._run)}.")
            end = time.monotonic() + self._run
            self._until(lambda status: time.monotonic() >= end or status["run"] != run)
            self._switch_off()
            self._report(
                "Contact open. Waiting until the stop is confirmed; press Ctrl-C to give up. An AGS looks at its input "
                "only at the end of each Gen Run Temp Time (30 min on many sites), so this can take as long."
            )
            self._until(lambda status: status["proof"] == "stopped")
        finally:
            self._switch_off()
            if before["mode"] != "off":
                try:
                    self._set_back(newest)
                except client.ClientError:
                    self._report(f"The mode is off; it was {before['mode']}: generator-actuator mode auto")
                    raise
        since = self._rows_since(newest)
        return self._propose(run, {row["kind"]: row for row in since if row["fields"].get("run") == run})

    def _switch_off(self) -> None:
        self._ask("/api/v1/mode", {"mode": "off"})
        self._offs += 1

    def _set_back(self, newest: int) -> None:
        """Switch to automatic, unless somebody else has switched off too since this row of the journal."""
        actions = [row["fields"].get("action") for row in self._rows_since(newest) if row["kind"] == "operator"]
        if actions.count("off") > self._offs:
            self._report("Somebody else has switched the mode off meanwhile: it stays off.")
        else:
            self._ask("/api/v1/mode", {"mode": "auto"})

    def _propose(self, run: int, rows: dict[str, dict[str, Any]]) -> bool:
        """Propose limits from the journal rows of a run; return whether the rows are complete."""
        opened = rows.get("contact_opened")
        if opened is not None and opened["fields"]["reason"] != "mode_off":
            self._report(f"The run ended by itself: {opened['text']} No limits can be proposed.")
            return False
        for kind in ("engine_proven", "engine_stopped"):
            if kind not in rows:
                self._report(f"The journal has no row {kind} of run {run}: no limits can be proposed.")
                return False
        start, stop = (rows[kind]["fields"]["seconds"] for kind in ("engine_proven", "engine_stopped"))
        self._report(f"Confirmed start: {span(start)} after closing. Confirmed stop: {span(stop)} after opening.")
        self._report(
            "Proposed for limits: in actuator.yml (twice the measured time plus one minute; tail is the time itself; "
            f"start_confirm at least {span(LEAST_CONFIRM)}, because a cold engine takes longer):\n"
            f"  start_confirm: {_minutes(max(LEAST_CONFIRM, 2 * start + 60))}\n"
            f"  stop_confirm: {_minutes(2 * stop + 60)}\n"
            f"  tail: {_minutes(stop)}"
        )
        if stop >= SLOW_STOP:
            self._report(
                'The AGS looks at its input rarely. With a shorter stop_confirm each run would end with "failed to '
                'stop". For a quicker stop, lower Gen Run Temp Time at the remote and measure again.'
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
                self._report(line)
                shown = line
            self._pause(POLL)

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._ask("/api/v1/status")
        return status

    def _rows_since(self, newest: int) -> list[dict[str, Any]]:
        return [row for row in self._rows(_MOST_ROWS) if row["id"] > newest]

    def _rows(self, most: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask(f"/api/v1/journal?most={most}")
        return rows


def _minutes(seconds: float) -> str:
    """Return a duration in whole minutes, as the configuration writes it."""
    return f"{max(1, math.ceil(seconds / 60))}m"
