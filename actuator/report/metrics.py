"""Every `generator_` metric, from the last snapshot. Pure. All known label values are always there, as 0 or 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actuator.core.alert_path import PATHS
from actuator.core.demand import CAUSES
from actuator.core.inhibitors import INHIBITORS
from actuator.core.limits import budget_left, reserve_left
from actuator.core.overlay import DEFAULT
from actuator.core.state import MODES, PHASES
from actuator.report.engine import service_due
from actuator.report.problems import SEVERITIES
from actuator.report.reasons import inhibitors
from actuator.report.severity import assess
from actuator.report.snapshot import Snapshot
from toolkit.homeassistant.entities import Described
from toolkit.homeassistant.options import BY_NAME, DIAGNOSTIC, PROBLEM, EntityOptions, Form

STATUSES = ("firing", "resolved")
COMMAND_REJECTIONS = ("malformed", "unauthenticated", "forbidden", "conflict", "too_large", "content_type", "too_many")
REJECTIONS = ("malformed", "unauthenticated", "too_large", "content_type", "unknown_alert", "other_site", "late")


class Counts:
    """Counts since the start of this process.

    Attributes:
        notifications: alerts accepted, by status.
        rejected: notifications and alerts rejected, by reason.
        commands: commands of people rejected, by reason.
    """

    def __init__(self) -> None:
        self.notifications = dict.fromkeys(STATUSES, 0)
        self.rejected = dict.fromkeys(REJECTIONS, 0)
        self.commands = dict.fromkeys(COMMAND_REJECTIONS, 0)


class GeneratorCollector(Collector):
    """Turns the last snapshot into metric families; does no I/O."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], counts: Counts) -> None:
        self._snapshot, self._counts = snapshot, counts

    def describe(self) -> Iterable[Metric]:
        """Return the families without samples, for the registry."""
        return [_copy(family) for family in DESCRIBED]

    def collect(self) -> Iterator[Metric]:
        """Return the families; before the first turn there are only the notifications."""
        snapshot = self._snapshot()
        if snapshot is None:
            yield from _counted(self._counts, 0)
        else:
            yield from families(snapshot, self._counts)


ENTITIES: dict[str, Described] = {}
"""Each metric as Home Assistant shows it, by its whole name."""


def _gauge(name: str, text: str, *labels: str, entity: EntityOptions = BY_NAME) -> GaugeMetricFamily:
    ENTITIES[f"generator_{name}"] = Described(f"generator_{name}", text, counter=False, labels=labels, options=entity)
    return GaugeMetricFamily(f"generator_{name}", text, labels=labels)


def _counter(name: str, text: str, *labels: str, entity: EntityOptions = BY_NAME) -> CounterMetricFamily:
    whole = f"generator_{name}_total"
    ENTITIES[whole] = Described(whole, text, counter=True, labels=labels, options=entity)
    return CounterMetricFamily(f"generator_{name}", text, labels=labels)


_NOTIFICATIONS = _counter(
    "notifications",
    "Alerts for this actuator in accepted notifications, heartbeats included.",
    "status",
    entity=DIAGNOSTIC,
)
_REJECTED = _counter(
    "notifications_rejected",
    "Notifications refused, and alerts in accepted ones that are not for this actuator.",
    "reason",
    entity=DIAGNOSTIC,
)
_START_SOC = _gauge(
    "start_soc_ratio",
    "State of charge at or under which the engine is requested, 0 to 1.",
    entity=EntityOptions(name="Start threshold", device_class=None),
)
_STOP_SOC = _gauge(
    "stop_soc_ratio",
    "State of charge at or over which the engine is no longer requested, 0 to 1.",
    entity=EntityOptions(name="Stop threshold", device_class=None),
)
_COMMANDED = _gauge(
    "relay_commanded",
    "1 while the contact is commanded closed.",
    entity=EntityOptions(name="Contact commanded closed", diagnostic=True),
)
_CLOSED = _gauge(
    "relay_closed",
    "1 while the board reads back a closed contact; absent when it cannot be read back.",
    entity=EntityOptions(name="Contact closed", diagnostic=True),
)
_COMMANDS = _counter(
    "commands_rejected",
    "Commands, resets, edits and choices of a profile that were refused to a person.",
    "reason",
    entity=DIAGNOSTIC,
)
_RUNNING = _gauge(
    "running",
    "1 while evidence shows that the engine runs, 0 while it shows that it does not; absent without evidence.",
    entity=EntityOptions(device_class="running"),
)
_NO_CHARGE = _gauge(
    "running_without_charge",
    "1 while the engine of our run has not charged the battery for limits.charge_confirm, as fresh values show.",
    entity=EntityOptions(device_class=PROBLEM),
)
_SEVERITY = _gauge(
    "severity",
    "1 for how serious the state is: ok, running, attention (check it today), or act_now.",
    "severity",
    entity=EntityOptions(form=Form.STATE, states=SEVERITIES),
)
_PHASE = _gauge(
    "phase",
    "1 for the phase of the engine, as the evidence shows it.",
    "phase",
    entity=EntityOptions(form=Form.STATE, states=PHASES),
)
_MODE = _gauge(
    "mode",
    "1 for the mode that the operator chose.",
    "mode",
    entity=EntityOptions(form=Form.STATE, states=MODES, name="Mode in force"),
)
_PATH = _gauge(
    "path",
    "1 for the alert path: alerts decide, the exporter's page (fallback), nothing (blind), or not yet known (waiting).",
    "path",
    entity=EntityOptions(form=Form.STATE, states=PATHS, name="Alert path"),
)
_DEMAND = _gauge(
    "demand", "1 while this cause requests the engine.", "cause", entity=EntityOptions(form=Form.LISTED, name="Cause")
)
_INHIBITED = _gauge(
    "inhibited",
    "1 while this reason blocks a start, or a run.",
    "reason",
    entity=EntityOptions(form=Form.LISTED, name="Blocked by"),
)
_DEADLINE = _gauge(
    "run_deadline_timestamp_seconds",
    "Unix time at which the run ends at the latest, if no other cause begins; absent without a run.",
    entity=EntityOptions(name="Deadline"),
)
_PROFILE = _gauge(
    "profile",
    "1 for the profile in force; default: the file alone, or edited.",
    "profile",
    entity=EntityOptions(form=Form.LISTED),
)
_DROPPED = _gauge(
    "settings_dropped",
    "1 after profile and edits did not fit the file any more and were dropped, until the next ones.",
    entity=EntityOptions(device_class=PROBLEM),
)
_HEARTBEAT = _gauge(
    "heartbeat_timestamp_seconds",
    "Unix time of the last heartbeat; absent before the first.",
    entity=EntityOptions(name="Last heartbeat", diagnostic=True),
)
_STARTS = _counter("starts", "Runs begun, by their first cause.", "cause", entity=EntityOptions(form=Form.SUM))
_START_FAILURES = _counter(
    "start_failures", "Failed attempts: the engine did not start, it died, or the AGS reported a fault."
)
_STOP_FAILURES = _counter("stop_failures", "Stops after which the engine went on running.")
_RUN_SECONDS = _counter(
    "run_seconds",
    "Seconds for which the contact was commanded closed.",
    entity=EntityOptions(name="Contact time", shown_in="h", diagnostic=True),
)
_ENGINE_SECONDS = _counter(
    "engine_seconds",
    "Seconds for which evidence has shown that the engine runs, whoever started it; kept over restarts.",
    entity=EntityOptions(name="Engine hours", shown_in="h"),
)
_SERVICE = _gauge(
    "service_due_seconds",
    "Seconds of running to the next service, negative after it; absent without `service:`.",
    entity=EntityOptions(name="Service due", shown_in="h"),
)
_RELAY_ERRORS = _counter(
    "relay_errors", "Failed writes to the relay, and read-backs that contradicted the command.", entity=DIAGNOSTIC
)
_BUDGET = _gauge(
    "budget_remaining_seconds",
    "Seconds of the budget of the sliding 24 hours that are left.",
    entity=EntityOptions(name="Budget left", shown_in="h"),
)
_RESERVE = _gauge(
    "emergency_reserve_seconds",
    "Seconds of the reserve left that an emergency may use after the budget.",
    entity=EntityOptions(name="Emergency reserve left", shown_in="h"),
)
_LOCKOUT = _gauge(
    "lockout",
    "1 while starts are locked out, until the lock-out is reset.",
    entity=EntityOptions(name="Lock-out", device_class=PROBLEM),
)
_ATTEMPTS = _gauge("attempts", "Consecutive failed attempts.", entity=EntityOptions(name="Failed attempts"))
_JOURNAL = _gauge("journal_writable", "1 while the journal can be written.", entity=DIAGNOSTIC)
_MIRRORED = _gauge(
    "journal_mirrored",
    "1 while the newest record is in the journal's mirror, in memory; 0 when it cannot be written; absent without one.",
    entity=DIAGNOSTIC,
)
_HISTORY = _gauge("history_writable", "1 while the history can be written.", entity=DIAGNOSTIC)
_TORN = _gauge(
    "journal_torn",
    "1 when the journal was torn at the start, until that alarm is reset.",
    entity=EntityOptions(device_class=PROBLEM, diagnostic=True),
)
_SHORTENS = _gauge(
    "ags_cap_shortens",
    "1 while the AGS's own cap, seen on the bus, makes runs shorter than max_run.",
    entity=DIAGNOSTIC,
)
_CLOCK = _gauge(
    "clock_synchronised", "1 while the wall clock is known to be right; 0: quiet hours do not apply.", entity=DIAGNOSTIC
)
_STUCK = _gauge(
    "stop_alert_stuck",
    "1 while the stop alert fires and the state of charge disproves it: it is ignored.",
    entity=EntityOptions(device_class=PROBLEM, diagnostic=True),
)
_PAGE = _gauge(
    "exporter_reachable",
    "1 while the exporter's page can be read.",
    entity=EntityOptions(device_class="connectivity", diagnostic=True),
)

DESCRIBED: tuple[Metric, ...] = (
    *(
        _NOTIFICATIONS,
        _REJECTED,
        _COMMANDS,
        _START_SOC,
        _STOP_SOC,
        _COMMANDED,
        _CLOSED,
        _RUNNING,
        _NO_CHARGE,
        _SEVERITY,
        _PHASE,
        _MODE,
        _PROFILE,
        _DROPPED,
        _PATH,
        _DEMAND,
    ),
    *(_INHIBITED, _DEADLINE, _HEARTBEAT, _STARTS, _START_FAILURES, _STOP_FAILURES, _RUN_SECONDS),
    *(_ENGINE_SECONDS, _SERVICE, _RELAY_ERRORS, _BUDGET, _RESERVE, _LOCKOUT, _ATTEMPTS),
    *(_JOURNAL, _MIRRORED, _HISTORY, _TORN, _PAGE, _SHORTENS, _STUCK, _CLOCK),
)


def families(snapshot: Snapshot, counts: Counts) -> Iterator[Metric]:
    """Yield every family."""
    state, config = snapshot.state, snapshot.config
    durable, ends_at = state.durable, snapshot.ends_at
    yield from _counted(counts, state.alerts.late)
    beat = state.alerts.last_beat
    # A run that may be resumed after a restart has not ended.
    run = durable.run or durable.candidate
    yield _single(_START_SOC, config.start_soc)
    yield _single(_STOP_SOC, config.stop_soc)
    yield _single(_COMMANDED, snapshot.commanded_closed)
    yield _single(_CLOSED, snapshot.read_back)
    yield _single(_RUNNING, state.engine.proof.verdict)
    yield _single(_NO_CHARGE, state.charge.missing)
    yield _one_of(_SEVERITY, "severity", SEVERITIES, (assess(snapshot).severity,))
    yield _one_of(_PHASE, "phase", PHASES, (state.phase,))
    yield _one_of(_MODE, "mode", MODES, (durable.mode,))
    yield _one_of(_PROFILE, "profile", (DEFAULT, *snapshot.profiles), (durable.profile or DEFAULT,))
    yield _single(_DROPPED, bool(durable.dropped))
    yield _one_of(_PATH, "path", PATHS, (state.alerts.path,))
    yield _one_of(_DEMAND, "cause", CAUSES, state.causes)
    yield _one_of(_INHIBITED, "reason", INHIBITORS, inhibitors(snapshot))
    yield _single(_DEADLINE, None if ends_at is None else snapshot.wall_of(ends_at))
    yield _single(_HEARTBEAT, None if beat is None else snapshot.wall_of(beat))
    yield _labelled(_STARTS, "cause", {cause: durable.starts.get(cause, 0) for cause in CAUSES})
    yield _single(_START_FAILURES, durable.start_failures)
    yield _single(_STOP_FAILURES, durable.stop_failures)
    yield _single(_RUN_SECONDS, durable.run_seconds + (0.0 if run is None else max(0.0, snapshot.now - run.closed_at)))
    yield _single(_ENGINE_SECONDS, durable.engine_seconds)
    yield _single(_SERVICE, service_due(durable, config))
    yield _single(_RELAY_ERRORS, durable.relay_errors)
    yield _single(_BUDGET, max(0.0, budget_left(durable, config, snapshot.now)))
    yield _single(_RESERVE, reserve_left(durable, config, snapshot.now))
    yield _single(_LOCKOUT, durable.locked_out)
    yield _single(_ATTEMPTS, durable.attempts)
    yield _single(_JOURNAL, not snapshot.journal_fault)
    yield _single(_MIRRORED, None if snapshot.mirror_fault is None else not snapshot.mirror_fault)
    yield _single(_HISTORY, not snapshot.history_fault)
    yield _single(_TORN, durable.torn)
    yield _single(_PAGE, not snapshot.page_fault)
    yield _single(_CLOCK, snapshot.wall_sane)
    yield _single(_STUCK, state.alerts.beliefs.stop_stuck)
    yield _single(_SHORTENS, state.ags.longest_run < config.limits.max_run)


def _counted(counts: Counts, late: int) -> Iterator[Metric]:
    yield _labelled(_NOTIFICATIONS, "status", counts.notifications)
    yield _labelled(_COMMANDS, "reason", counts.commands)
    yield _labelled(_REJECTED, "reason", {**counts.rejected, "late": late})


def _copy(family: Metric) -> Metric:
    return Metric(family.name, family.documentation, family.type)


def whole_name(family: Metric) -> str:
    """Return the name that the samples of a family have."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def _single(family: Metric, value: float | None) -> Metric:
    copy = _copy(family)
    if value is not None:
        copy.add_sample(whole_name(family), {}, float(value))
    return copy


def _labelled(family: Metric, label: str, values: Mapping[str, float]) -> Metric:
    copy = _copy(family)
    for value, count in values.items():
        copy.add_sample(whole_name(family), {label: value}, float(count))
    return copy


def _one_of(family: Metric, label: str, known: Iterable[str], true: Iterable[str]) -> Metric:
    return _labelled(family, label, {value: value in true for value in known})
