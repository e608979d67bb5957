"""How serious the state is, and its four sentences: headline, reason, what happens next, remedy. Pure.

The phase of the engine decides first, so that nothing contradicts it; then what blocks a start, the alert path and the
problems. The words are in `wording`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from actuator.core import ags
from actuator.core.battery import SOC_FRESH
from actuator.core.demand import first
from actuator.core.events import NoteKind
from actuator.core.forecast import by_charge
from actuator.core.inhibitors import INHIBITORS, NOT_CLEARED_BY_TIME
from actuator.core.inhibitors import blocked as all_blocked
from actuator.core.limits import budget_left
from actuator.core.proof import confirm_by
from actuator.core.state import Reason, State
from actuator.report import wording
from actuator.report.problems import SEVERITIES, Severity, problems
from actuator.report.reasons import until
from actuator.report.snapshot import Snapshot
from actuator.report.wording.terms import Problem, Words


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """How serious the state is, in words.

    Attributes:
        severity: ok; running; attention: check it today; act_now: something fails that only a person can mend.
        headline: the state; never empty.
        reason: why; may be empty.
        next: what happens next; never empty.
        remedy: what a person should do; empty: nothing.
    """

    severity: Severity
    headline: str
    reason: str
    next: str
    remedy: str

    @property
    def sentence(self) -> str:
        """All of it as one text."""
        return " ".join(filter(None, (self.headline, self.reason, self.next, self.remedy)))


_Judged = tuple[Severity, Words]


def assess(snapshot: Snapshot) -> Assessment:
    """Return how serious the state is, in words."""
    site = _Site(snapshot)
    severity, words = _by_phase(site)
    if "inhibit_alert" in site.state.inhibitors:
        severity, words = "act_now", _with_inhibit(site, words)
    for concern, worse in _concerns(site):
        if SEVERITIES.index(worse) > SEVERITIES.index(severity):
            reason = f"{words.reason} {concern.text}".strip()
            severity, words = worse, words._replace(reason=reason, remedy=concern.remedy)
    headline = f"{words.headline} {site.battery}"
    parts = {"headline": headline, "reason": words.reason, "next": words.next, "remedy": words.remedy}
    return Assessment(severity=severity, **{name: wording.terms.no_break(text) for name, text in parts.items()})


def _with_inhibit(site: _Site, words: Words) -> Words:
    """Return words that name the alert that blocks the engine, and what to do about it first; it may be a gas."""
    blocked = wording.blocking.blocked("inhibit_alert", site.snapshot).words
    if words.headline == blocked.headline:
        return words
    named = blocked.headline in words.reason
    reason = words.reason if named else f"{blocked.headline} {words.reason}".strip()
    remedy = words.remedy if words.remedy == blocked.remedy else f"{blocked.remedy} {words.remedy}".strip()
    return words._replace(reason=reason, remedy=remedy)


class _Site:
    """A snapshot with what several sentences need of it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.state: State = snapshot.state
        self.config, self.now, self.durable = snapshot.config, snapshot.now, snapshot.state.durable
        self.soc = self.state.battery.fresh_soc(self.now)
        self.soc_refused = self.state.soc_refused(self.now)
        self.battery = wording.phases.battery(self.soc, refused=self.soc_refused)
        self.runs = self.state.engine.proof.verdict
        self.code = self.state.ags.code(self.now)
        self.empty = "emergency" in self.state.causes or (
            self.soc is not None and self.soc <= self.config.emergency_soc
        )
        self.low = self.soc is not None and self.soc <= self.config.start_soc
        self.needed = self.low or self.empty or bool(self.state.causes)

    @property
    def unread(self) -> bool:
        """Whether the exporter's page cannot be read."""
        return bool(self.snapshot.page_fault)

    @property
    def has_volts(self) -> bool:
        """Whether low volts can start an emergency."""
        battery = self.state.battery
        return battery.volts_threshold is not None and battery.fresh_volts(self.now) is not None

    @property
    def just_started(self) -> bool:
        return self.now - self.state.started_at < SOC_FRESH

    def _clock(self, moment: float) -> str | None:
        """Return a moment as local time, with the day if it is not today; None while the clock may be wrong."""
        snapshot = self.snapshot
        if not snapshot.wall_sane:
            return None
        then, today = time.localtime(snapshot.wall_of(moment)), time.localtime(snapshot.wall)
        clock = time.strftime("%H:%M", then)
        return clock if then[:3] == today[:3] else f"{time.strftime('%a', then)} {clock}"

    def at(self, moment: float) -> str:
        return wording.times.at(self._clock(moment), moment - self.now)

    def by(self, moment: float) -> str:
        return wording.times.by(self._clock(moment), moment - self.now)

    def ago(self, moment: float) -> str:
        return wording.times.ago(self._clock(moment), self.now - moment)

    def since(self, moment: float) -> str:
        return wording.times.since(self._clock(moment), self.now - moment)


def _by_phase(site: _Site) -> _Judged:
    state, durable = site.state, site.durable
    if state.board.fault:
        return "act_now", wording.phases.relay_unknown(site.snapshot.read_back, site.runs)
    if durable.run is not None:
        return _run(site)
    if durable.candidate is not None:
        return "attention", wording.phases.resuming(durable.candidate.number)
    match state.phase:
        case "stopping":
            return _stopping(site)
        case "unknown" if (
            state.board.has_reading and durable.released_at is not None and site.config.evidence.configured
        ):
            return _stop_unknown(site, durable.released_at)
        case _:
            return _open(site)


# --- our run


def _run(site: _Site) -> _Judged:
    state, run, config = site.state, site.durable.run, site.config
    assert run is not None  # noqa: S101 - asked only during a run
    ends = _end(site)
    if state.phase == "running":
        if state.charge.missing and state.charge.missing_since is not None:
            words = wording.phases.running_without_charge(site.now - state.charge.missing_since)
            return "act_now", words._replace(next=ends)
        cause = first(state.causes) if state.causes else None
        since = site.since(run.closed_at if run.proven_at is None else run.proven_at)
        return "running", wording.phases.running(cause, since, by_ac=config.evidence.ac_input)._replace(next=ends)
    if state.phase != "starting":
        words = wording.phases.running_unknown(config)._replace(next=ends)
        return ("act_now" if config.evidence.configured else "attention"), words
    attempt = site.durable.attempts + 1
    words = wording.phases.starting(
        state.causes or (run.cause,),
        site.by(confirm_by(run, state, config, site.now)),
        attempt=attempt,
        allowed=config.limits.attempts,
        warms_up=site.code == ags.WARM_UP,
        denied=site.runs is False,
    )
    return ("attention" if attempt > 1 else "running"), words._replace(next=words.next or ends)


def _end(site: _Site) -> str:
    """Return what ends the run in progress, and when at the latest."""
    state, config, run = site.state, site.config, site.durable.run
    assert run is not None  # noqa: S101 - asked only during a run
    ends_at = site.snapshot.ends_at
    charged = config.stop_soc if by_charge(run) and state.alerts.path != "blind" else None
    until_full = set(run.causes) == {"full_charge"}
    at = site.at(site.now if ends_at is None else ends_at)
    return wording.phases.run_end(at, config, stop_soc=charged, until_full=until_full, requested=bool(state.causes))


# --- our stop


def _stopping(site: _Site) -> _Judged:
    released_at = site.durable.released_at
    if released_at is None:
        released_at = site.now
    if site.state.engine.stop_reports:
        return "act_now", wording.phases.stop_failed(site.ago(released_at), site.runs)
    by = site.by(released_at + site.config.limits.stop_confirm)
    why = next((wording.blocking.blocked(reason, site.snapshot).ended for reason in _blocking(site)), "")
    return "running", wording.phases.stopping(why, by, site.runs, cools_down=site.code == ags.COOL_DOWN)


def _stop_unknown(site: _Site, released_at: float) -> _Judged:
    if site.state.engine.stop_reports:
        return "act_now", wording.phases.stop_failed(site.ago(released_at), site.runs)
    return "act_now", wording.phases.stop_unknown(site.ago(released_at), site.config)


# --- no run


def _open(site: _Site) -> _Judged:
    """Return the state without a run: what blocks a start, else what would start one."""
    reasons = tuple(_blocking(site))
    if reasons:
        severity, words = max(
            ((SEVERITY[reason](site), wording.blocking.blocked(reason, site.snapshot).words) for reason in reasons),
            key=lambda judged: SEVERITIES.index(judged[0]),
        )
        words = words._replace(next=_next(site, reasons))
        if site.runs and {"foreign_run", "ac_live"}.isdisjoint(reasons):
            words = words._replace(reason=f"{words.reason} {wording.blocking.RUNS_BY_OTHERS}".strip())
        if severity in ("ok", "running"):
            words = words._replace(remedy="")
    elif site.state.causes:
        severity, words = "ok", wording.phases.about_to_start(site.state.causes)
    else:
        severity, words = "ok", Words(wording.phases.idle(site.runs, begins=site.just_started), next=_outlook(site))
    for note in site.state.notes:
        worse, delay = NOTE_SEVERITY[note.kind], wording.notes.note(note.kind, note.values).words
        if note.kind == "no_evidence" and site.unread:
            delay = delay._replace(remedy=wording.problems.RESTART_EXPORTER)
        if SEVERITIES.index(worse) >= SEVERITIES.index(severity) and not reasons:
            severity = worse
            words = Words(*(new or old for new, old in zip(delay, words, strict=True)))
    # The battery is nearly empty and nothing charges it.
    return ("attention" if site.empty and severity in ("ok", "running") else severity), words


ORDER: Final[tuple[Reason, ...]] = (
    "inhibit_alert",
    "relay_fault",
    "locked_out",
    "mode_off",
    "ags_refuses",
    "journal",
    "no_evidence",
    "budget",
    "back_off",
    "short_cycle",
    "max_run",
    "foreign_run",
    "ac_live",
    "quiet_hours",
    "min_off",
)
"""What blocks a start: of two that are equally serious, the first is the headline. An alert may be carbon monoxide; the
others follow by how lasting they are."""

_NEEDS_A_PERSON: Final[frozenset[Reason]] = frozenset(
    {"relay_fault", "locked_out", "mode_off", "inhibit_alert", "ags_refuses"}
)
"""While one of these blocks, what ends by its time does not matter."""


def _blocking(site: _Site) -> Iterator[Reason]:
    """Yield what blocks a start, the most lasting first, without what does not matter."""
    held, causes = site.state.inhibitors, site.state.causes
    if causes and not all_blocked(held, causes):
        return
    no_time = _NEEDS_A_PERSON.isdisjoint(held)
    for reason in ORDER:
        matters = no_time or reason in NOT_CLEARED_BY_TIME
        exempt = bool(causes) and INHIBITORS[reason].exempt.issuperset(causes)
        if reason in held and matters and not exempt:
            yield reason


def _next(site: _Site, reasons: tuple[Reason, ...]) -> str:
    """Return what happens next while these reasons block a start."""
    untimed = [reason for reason in reasons if reason in NOT_CLEARED_BY_TIME]
    emergency_soc = site.config.emergency_soc if _emergency_starts(site, reasons) else None
    if untimed:
        if {"foreign_run", "ac_live"}.issuperset(untimed):
            return wording.blocking.LEFT_ALONE
        return wording.blocking.nothing_before(untimed[:3], emergency_soc)
    moments = [moment for moment in (until(reason, site.snapshot) for reason in reasons) if moment is not None]
    at = site.at(max(moments)) if moments else None
    return wording.blocking.not_before(at, emergency_soc, requested=bool(site.state.causes))


def _emergency_starts(site: _Site, reasons: Iterable[Reason]) -> bool:
    """Return whether an emergency of the battery would start the engine although these reasons block others."""
    limits = site.config.limits
    left = budget_left(site.durable, site.config, site.now, reserve=limits.emergency_reserve)
    reserve = left >= limits.least_budget
    exempt = {reason for reason, rule in INHIBITORS.items() if "emergency" in rule.exempt}
    return not site.empty and (exempt | ({"budget"} if reserve else set())).issuperset(reasons)


def _outlook(site: _Site) -> str:
    """Return what would start the engine, while nothing requests and nothing blocks it."""
    state, config = site.state, site.config
    match state.alerts.path:
        case "waiting":
            left = state.started_at + config.alerts.heartbeat_timeout - site.now
            return wording.phases.connecting(left)
        case "blind":
            turn = (config.blind.run, config.blind.every) if config.on_blind == "start" else None
            return wording.phases.without_data(turn)
        case path if site.soc is None:
            informed = not site.unread or config.on_blind != "stop"
            return wording.phases.without_reading(
                trusted=site.soc_refused,
                alert=path == "alerts" and not site.soc_refused and informed,
                volts=site.has_volts,
                exercise=config.exercise is not None and informed,
            )
        case "alerts" | "fallback":
            return wording.phases.starts_at(config.start_soc, config.debounce.start, low=site.low)


def _needed(site: _Site) -> Severity:
    return "act_now" if site.needed else "attention"


def _empty(site: _Site) -> Severity:
    return "act_now" if site.empty else "attention"


def _mode_off(site: _Site) -> Severity:
    if site.empty:
        return "act_now"
    return "attention" if site.needed or site.soc is None else "ok"


def _ags_refuses(site: _Site) -> Severity:
    return "act_now" if site.needed or site.code in ags.FAULTS else "attention"


SEVERITY: Final[dict[Reason, Callable[[_Site], Severity]]] = {
    "mode_off": _mode_off,
    "locked_out": lambda _: "act_now",
    "inhibit_alert": lambda _: "act_now",  # not even an emergency starts the engine
    "no_evidence": _needed,
    "short_cycle": _empty,
    "journal": lambda _: "act_now",
    "relay_fault": lambda _: "act_now",
    "max_run": lambda _: "attention",
    "budget": _empty,
    "min_off": lambda _: "ok",
    "back_off": _empty,
    "quiet_hours": lambda _: "ok",
    "ags_refuses": _ags_refuses,
    "foreign_run": lambda _: "running",
    "ac_live": lambda _: "running",
}
"""How serious it is that each reason blocks a start."""

NOTE_SEVERITY: Final[dict[NoteKind, Severity]] = {
    "alert_answered": "ok",
    "alert_late": "ok",
    "both_alerts": "attention",
    "first_page": "ok",
    "min_run": "ok",
    "no_evidence": "act_now",
    "no_path": "act_now",
    "soc_contradicts": "attention",
    "soc_refused": "act_now",
    "start_alert_absent": "attention",
    "start_alert_awaited": "ok",
    "volts_under_load": "ok",
}
"""How serious each note is on a site without a run."""


# --- what makes any phase more serious


def _concerns(site: _Site) -> Iterator[tuple[Problem, Severity]]:
    """Yield what makes any phase more serious."""
    state = site.state
    if state.phase == "stopping":
        for reason in _blocking(site):
            # What it is blocked by is already the reason for the stop.
            words = wording.blocking.blocked(reason, site.snapshot).words
            if reason in _NEEDS_A_PERSON:
                yield Problem("", words.remedy), SEVERITY[reason](site)
    elif site.durable.locked_out:
        words = wording.blocking.blocked("locked_out", site.snapshot).words
        yield Problem(words.headline, words.remedy), "act_now"
    evidence_gone = site.config.evidence.configured and site.runs is None
    if site.unread and not site.just_started and (site.soc is None or evidence_gone):
        # First: it is why there is no reading, no evidence and no alert.
        yield wording.problems.page_unreadable(site.snapshot.page_fault), "attention"
    if state.alerts.path == "blind":
        yield wording.problems.blind(unread=site.unread), "attention" if site.config.on_blind == "start" else "act_now"
    elif state.alerts.path == "fallback":
        beat = state.alerts.last_beat
        yield wording.problems.no_alerts(None if beat is None else site.since(beat)), "attention"
    elif site.soc is None and not site.just_started:
        yield wording.problems.SOC_REFUSED if site.soc_refused else wording.problems.NO_SOC, "attention"
    yield from problems(site.snapshot)
