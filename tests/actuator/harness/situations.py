"""Situations as the controller would keep them, built by hand, and the table of their sentences, docs/sentences.md.

    python -m tests.actuator.harness.situations

writes the table into the page, between its markers; a test compares the two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from actuator.config import Config
from actuator.core import ags
from actuator.core.alert_path import Inhibit
from actuator.core.battery import Battery
from actuator.core.board import Board
from actuator.core.charge import Charge
from actuator.core.engine import Engine
from actuator.core.events import Note
from actuator.core.short_runs import ShortRuns
from actuator.core.signals import ConfirmedValue, Watch
from actuator.core.state import Cause, Closure, Durable, Mode, Phase, Reason, Run, State
from actuator.report.severity import assess
from actuator.report.snapshot import Snapshot
from toolkit.config import decode
from toolkit.replace import replace

PAGE: Final = Path(__file__).parents[3] / "docs" / "sentences.md"
NOW: Final = 100_000.0
NOON: Final = 1_699_963_200.0
"""12:00 UTC."""


def config(**parts: object) -> Config:
    """Return a configuration with these parts."""
    whole = {"exporter": {"url": "http://127.0.0.1/metrics"}, "relay": {"type": "simulated"}, "journal": "j.db"}
    return decode({**whole, **parts}, Config)


SETTINGS: Final = config(quiet_hours={"from": "21:00", "to": "06:00"}, exercise={}, full_charge={})


def a_run(causes: tuple[Cause, ...], **over: object) -> Run:
    run = Run(
        number=7,
        cause=causes[0] if causes else "alert",
        causes=causes,
        closed_at=NOW - 600,
        closed_wall=NOON,
        deadline=NOW + 3600,
    )
    return replace(run, **over)  # type: ignore[arg-type]


def situation(
    phase: Phase = "off",
    mode: Mode = "auto",
    path: str = "alerts",
    reasons: tuple[Reason, ...] = (),
    causes: tuple[Cause, ...] = (),
    *,
    soc: float | None = 0.5,
    runs: bool | str | None = "by the phase",
    code: int | None = 2,
    notes: tuple[Note, ...] = (),
    durable: Durable | None = None,
    started: float = 90_000.0,
    stop_reports: int = 0,
    charge: Charge | None = None,
    alarm_ago: float = 60.0,
    silent: bool = False,
    refused: bool = False,
    **over: object,
) -> Snapshot:
    """Return a snapshot with these; what the core would keep beside them is filled in.

    Args:
        phase: of the engine.
        mode: of the operator.
        path: what decides.
        reasons: what blocks a start.
        causes: what requests the engine.
        soc: the state of charge; None: absent.
        runs: what the evidence confirms; by default what the phase implies.
        code: of the AGS.
        notes: what else delays a start.
        durable: what the journal keeps.
        started: how many seconds ago the program started.
        stop_reports: how often the failure to stop has been reported.
        charge: what the battery gets.
        alarm_ago: how many seconds ago an alert that blocks was last received.
        silent: the exporter's page has had no evidence for minutes.
        refused: the exporter's page has a state of charge that the exporter refuses.
        over: other fields of the snapshot.
    """
    state = State(started_at=NOW - started)
    kept = durable or Durable()
    in_run = phase in ("starting", "running")
    if in_run and kept.run is None:
        begun = {"proven_at": NOW - 500} if phase == "running" else {"closed_at": NOW - 120}
        kept = replace(kept, run=a_run(causes, **begun))
    if phase in ("stopping", "unknown") and kept.run is None and kept.released_at is None:
        kept = replace(kept, released_at=NOW - 60)
    if phase == "off" and kept.released_at is None and {"min_off", "max_run"} & set(reasons):
        kept = replace(kept, released_at=NOW - 300, stopped_at=NOW - 60)
    kept = replace(
        kept,
        mode=mode,
        locked_out="locked_out" in reasons,
        attempts=3 if "locked_out" in reasons else kept.attempts,
        back_off_until=NOW + 900 if "back_off" in reasons else None,
        max_run_reached="max_run" in reasons,
        inhibits=kept.inhibits
        or ({"a": Inhibit(summary="Carbon monoxide alarm", starts_at=1.0)} if "inhibit_alert" in reasons else {}),
        closures=kept.closures
        or ((Closure(start=NOW - 40_000, end=NOW - 4_100),) if "budget" in reasons else ()),
    )  # fmt: skip
    verdict = {"running": True, "stopping": True, "starting": False, "off": False, "unknown": None}[phase]
    shown = verdict if isinstance(runs, str) else runs
    received_at = NOW - 400 if silent else NOW
    read_at = NOW - 400 if "page_fault" in over else NOW
    state = replace(
        state,
        durable=kept,
        page_at=read_at,
        battery=Battery(
            soc=Watch(value=soc, stamp=1.0, changed_at=NOW, seen_at=NOW),
            soc_refused=soc is None and (refused or any(note.kind == "soc_refused" for note in notes)),
            soc_fresh_at=NOW,
            volts=Watch(value=50.0, stamp=1.0, changed_at=read_at, seen_at=read_at),
            volts_threshold=46.0,
            is_full=ConfirmedValue(verdict=False, at=NOW),
        ),
        engine=Engine(
            proof=ConfirmedValue(verdict=shown, since=NOW - 500, last=shown, count=3, at=NOW),
            evidence_at=received_at,
            stop_reports=stop_reports,
        ),
        charge=charge or Charge(),
        ags=replace(
            state.ags, status=Watch(value=None if code is None else float(code), stamp=1.0, changed_at=received_at)
        ),
        alerts=replace(
            state.alerts,
            path=path,  # type: ignore[arg-type]
            last_beat=NOW - 400 if path in ("fallback", "blind") else NOW - 20,
            received=dict.fromkeys(kept.inhibits, NOW - alarm_ago),
        ),
        board=Board(has_reading=True, fault="relay_fault" in reasons),
        phase=phase,
        causes=causes,
        inhibitors=reasons,
        notes=notes,
    )
    shown_as: dict[str, object] = {
        "state": state,
        "config": SETTINGS,
        "now": NOW,
        "wall": NOON,
        "wall_sane": True,
        "commanded_closed": in_run,
        "read_back": in_run,
        "relay": "coil 0",
        "can_read_back": True,
        **over,
    }
    return Snapshot(**shown_as)  # type: ignore[arg-type]


LOW: Final = Note(kind="start_alert_awaited", values={"alert": "BatterySocLow", "grace": 600.0})
REFUSED: Final = Note(kind="soc_refused", values={"alert": "BatterySocLow"})
BOTH: Final = Note(kind="both_alerts", values={"start": "BatterySocLow", "stop": "BatterySocRecovered"})
MIN_RUN: Final = Note(kind="min_run", values={"min_run": 900.0})
CO: Final = Inhibit(summary="Carbon monoxide in the generator shed", starts_at=1.0, name="GeneratorInhibit")

Row = tuple[str, Snapshot, str]


def rows() -> Iterator[Row]:
    """Yield what is so, the snapshot, and what the owner would do on reading its sentences."""
    yield "off, all is well", situation(), "Nothing."
    yield (
        "just started",
        situation(path="waiting", soc=None, runs=None, code=None, started=10, durable=Durable()),
        "Wait a moment.",
    )
    yield "waiting for Alertmanager", situation(path="waiting", soc=0.28, started=274), "Wait a few minutes."
    yield (
        "low, and the start alert has not come yet",
        situation(soc=0.22, notes=(LOW,)),
        "Wait ten minutes: it starts by itself.",
    )
    yield "about to start", situation(soc=0.22, causes=("alert",)), "Nothing."
    yield "starting", situation("starting", soc=0.22, causes=("alert",)), "Nothing; look again at the time named."
    yield (
        "starting, the engine warms up",
        situation("starting", soc=0.22, causes=("alert",), code=ags.WARM_UP),
        "Nothing; look again at the time named.",
    )
    yield (
        "second attempt",
        situation("starting", soc=0.21, causes=("alert",), durable=Durable(attempts=1)),
        "Go and check fuel, oil and starter battery.",
    )
    yield (
        "last attempt",
        situation("starting", soc=0.2, causes=("alert",), durable=Durable(attempts=2)),
        "Go and check the engine now, before it is locked out.",
    )
    yield (
        "starting, without data from the inverter",
        situation("starting", soc=0.22, causes=("alert",), runs=None, silent=True),
        "Check the cable of the inverter.",
    )
    yield "running for a low battery", situation("running", soc=0.31, causes=("alert",)), "Nothing."
    yield (
        "running for a nearly empty battery",
        situation("running", soc=0.13, causes=("alert", "emergency")),
        "Nothing; save power.",
    )
    yield "running, switched on by the operator", situation("running", soc=0.26, causes=("manual",)), "Nothing."
    yield "running for the exercise", situation("running", soc=0.8, causes=("exercise",)), "Nothing."
    yield "running for a full charge", situation("running", soc=0.92, causes=("full_charge",)), "Nothing."
    yield "running before quiet hours", situation("running", soc=0.45, causes=("quiet_ahead",)), "Nothing."
    yield "running, needed no more", situation("running", soc=0.61, notes=(MIN_RUN,)), "Nothing."
    yield (
        "running without charging",
        situation("running", soc=0.2, causes=("alert",), charge=Charge(missing_since=NOW - 2520, soc=0.2, reports=1)),
        "Go to the inverter: charger, breakers, load.",
    )
    yield (
        "running, and the alerts have stopped",
        situation("running", path="fallback", soc=0.31, causes=("alert",)),
        "Check Prometheus and Alertmanager today.",
    )
    yield (
        "started, then the inverter's data stopped",
        situation("unknown", soc=0.22, causes=("alert",), silent=True, durable=Durable(run=a_run(("alert",)))),
        "Go and see whether the generator runs.",
    )
    yield "stopping", situation("stopping", soc=0.61, reasons=("min_off", "ac_live")), "Nothing."
    yield (
        "our own cool-down",
        situation("stopping", soc=0.61, reasons=("min_off", "ac_live"), code=ags.COOL_DOWN),
        "Nothing.",
    )
    yield (
        "stopping, switched off by the operator",
        situation("stopping", "off", soc=0.4, reasons=("mode_off", "min_off", "ac_live")),
        "Nothing: it was me.",
    )
    yield (
        "it does not stop",
        situation("stopping", soc=0.61, stop_reports=1, durable=Durable(released_at=NOW - 360, stop_failed=True)),
        "Go and stop it by hand.",
    )
    yield (
        "nothing shows whether it has stopped",
        situation("unknown", soc=0.61, silent=True, durable=Durable(released_at=NOW - 360)),
        "Go and see whether it still runs.",
    )
    yield "resting after a run", situation(soc=0.61, reasons=("min_off",)), "Nothing."
    yield (
        "resting, although the battery is nearly empty",
        (situation(soc=0.09, reasons=("min_off",), causes=("alert", "emergency"))),
        "Save power until it starts.",
    )
    yield (
        "pause after a failed attempt",
        situation(soc=0.2, reasons=("back_off",), causes=("alert",), durable=Durable(attempts=1)),
        "Check fuel, oil and starter battery before the next attempt.",
    )
    yield (
        "locked out at 6 %",
        situation(soc=0.06, reasons=("locked_out",), causes=("alert", "emergency")),
        "Go to the engine now, switch it off while I check it, step away, then press the button.",
    )
    yield (
        "locked out and switched off",
        situation(mode="off", soc=0.3, reasons=("mode_off", "locked_out")),
        "Check the engine with its switch off, press Reset lock-out, then Automatic.",
    )
    yield "switched off, battery well", situation(mode="off", soc=0.8, reasons=("mode_off",)), "Nothing: it was me."
    yield "switched off, battery low", situation(mode="off", soc=0.22, reasons=("mode_off",)), "Press Automatic."
    yield (
        "switched off, nearly empty",
        situation(mode="off", soc=0.08, reasons=("mode_off",)),
        "Press Automatic at once.",
    )
    yield (
        "blocked by a carbon monoxide alarm",
        situation(soc=0.5, reasons=("inhibit_alert",), durable=Durable(inhibits={"a": CO})),
        "Air the shed, find the cause.",
    )
    yield (
        "the same, and the battery is low",
        situation(soc=0.2, reasons=("inhibit_alert",), causes=("alert",), durable=Durable(inhibits={"a": CO})),
        "Air the shed now; keep the generator off until then.",
    )
    yield (
        "the same, and the alarm has not been received for an hour",
        situation(soc=0.5, reasons=("inhibit_alert",), durable=Durable(inhibits={"a": CO}), alarm_ago=3600),
        "Look whether the shed is safe, go away from the engine, and reset.",
    )
    yield (
        "the same, and no alerts arrive",
        situation(path="fallback", soc=0.5, reasons=("inhibit_alert",), durable=Durable(inhibits={"a": CO})),
        "Air the shed, wait, reset; then see why no alerts arrive.",
    )
    yield (
        "the alarm has ended",
        situation(soc=0.5, reasons=("inhibit_alert",), durable=Durable(inhibits={"a": replace(CO, beats_left=2)})),
        "Wait some minutes.",
    )
    yield (
        "low battery in quiet hours",
        situation(soc=0.2, reasons=("quiet_hours",), causes=("alert",), wall=NOON + 10 * 3600.0),
        "Nothing, or press On.",
    )
    yield "budget used", situation(soc=0.2, reasons=("budget",), causes=("alert",)), "Switch off the heater."
    yield (
        "budget and reserve used, nearly empty",
        situation(
            soc=0.09,
            reasons=("budget",),
            causes=("alert", "emergency"),
            durable=Durable(closures=(Closure(start=NOW - 50_000, end=NOW - 6_900),)),
        ),
        "Switch off everything that can be off.",
    )
    yield (
        "short runs",
        situation(
            soc=0.2,
            reasons=("short_cycle",),
            causes=("alert",),
            durable=Durable(short_runs=ShortRuns(in_a_row=3, last_at=NOW - 600, ends=(NOW - 600,))),
        ),
        "Read History, then check the engine.",
    )
    yield (
        "the last run reached its limit",
        situation(soc=0.24, reasons=("max_run", "min_off"), causes=("alert",)),
        "Look for a large load, or a weak charger.",
    )
    yield (
        "the generator starter is switched off",
        situation(soc=0.4, reasons=("ags_refuses",), code=1),
        "Set it to AUTO.",
    )
    yield (
        "the generator starter has a fault",
        situation(soc=0.2, reasons=("ags_refuses",), causes=("alert",), code=9),
        "Check the engine, then OFF and AUTO at the remote.",
    )
    yield (
        "started by the generator starter itself",
        situation(soc=0.3, reasons=("foreign_run", "ac_live"), runs=True, code=8),
        "Nothing.",
    )
    yield "started by hand, or shore power", situation(soc=0.3, reasons=("ac_live",), runs=True), "Nothing: it was me."
    yield (
        "the relay does not open, the engine runs",
        situation("unknown", soc=0.5, reasons=("relay_fault",), runs=True, read_back=True),
        "Go and stop the engine by hand.",
    )
    yield (
        "the relay board is gone, the engine is off",
        situation("unknown", soc=0.5, reasons=("relay_fault",), runs=False, read_back=None),
        "Check the plug of the relay board.",
    )
    yield (
        "the memory card is read-only",
        situation(soc=0.3, reasons=("journal",), journal_fault="read-only file system"),
        "Replace the memory card.",
    )
    yield (
        "low, and no data from the inverter",
        situation(soc=0.2, reasons=("no_evidence",), causes=("alert",), runs=None, silent=True),
        "Check the cable of the inverter.",
    )
    yield "no alerts arrive", situation(path="fallback", soc=0.5), "Check Prometheus and Alertmanager today."
    yield (
        "the exporter has ended",
        situation(soc=None, runs=None, silent=True, page_fault="refused"),
        "Restart the exporter.",
    )
    yield (
        "the exporter has ended, and no alerts arrive",
        situation(path="fallback", soc=None, runs=None, silent=True, page_fault="refused"),
        "Restart the exporter.",
    )
    yield (
        "neither alerts nor a battery reading",
        situation(path="blind", soc=None, runs=None, silent=True),
        "Check the computer and the battery monitor; watch the battery.",
    )
    yield (
        "neither alerts nor the exporter",
        situation(path="blind", soc=None, runs=None, silent=True, page_fault="refused"),
        "Restart the exporter; watch the battery.",
    )
    yield (
        "the battery reading is not trusted",
        situation(soc=None, refused=True),
        "Check the battery monitors and their cables.",
    )
    yield (
        "the start alert fires, the battery reading is not trusted",
        situation(soc=None, notes=(REFUSED,)),
        "Check the battery monitor; press On if it is dark.",
    )
    yield "both alerts fire", situation(soc=0.4, notes=(BOTH,)), "Ask whoever wrote the rules."
    yield (
        "the journal was torn at the start",
        situation(soc=0.5, durable=Durable(torn=True, torn_at=NOW - 600, run_seconds=90_000.0)),
        "Check Automatic, Off or On, then press the button.",
    )
    yield (
        "the journal was lost",
        situation(soc=0.5, durable=Durable(torn=True, torn_at=NOW - 600)),
        "Choose mode and profile again, then press the button.",
    )
    yield "the clock is not right", situation(soc=0.5, wall_sane=False), "Check the network."
    yield (
        "restarted during a run",
        situation("unknown", soc=0.3, durable=Durable(candidate=a_run(("alert",), proven_at=NOW - 500))),
        "Wait a minute.",
    )


def table() -> Iterator[str]:
    """Yield the table of the page, in Markdown."""
    yield "| # | situation | severity | headline | reason | next | remedy | the owner then |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, (name, snapshot, then) in enumerate(rows(), 1):
        shown = assess(snapshot)
        parts = (shown.headline, shown.reason, shown.next, shown.remedy)
        cells = (str(number), name, f"`{shown.severity}`", *parts, then)
        yield f"| {' | '.join(cell or '-' for cell in cells)} |"


def render(page: str) -> str:
    """Return the page with its table made anew; call it with the time zone UTC."""
    before, begin, rest = page.partition("<!-- generated -->\n")
    _, end, after = rest.partition("<!-- end -->")
    return before + begin + "\n".join(table()) + "\n" + end + after


def main() -> None:
    """Write the table into the page."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    PAGE.write_text(render(PAGE.read_text()))


if __name__ == "__main__":
    main()
