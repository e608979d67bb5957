"""Warn of settings that are valid but unusual. Pure.

Settings are compared with one another, not with fixed limits: tests and trials use seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from actuator.config import REAL_RUN, Config
from actuator.core.settings import MINUTE, Blind, EmergencyVolts
from actuator.relay import SimulatedRelay
from toolkit.formatting import percent, span

_BEAT = MINUTE
"""Seconds between two heartbeats as the sample Alertmanager configuration sends them (group_interval)."""
_RULE = 2 * MINUTE
"""Seconds that a value must have been past its threshold in the sample rules (`alerts/rules.yml`)."""
_RESTING_VOLTS = (9.0, 13.0)
"""Volts per 12 V nominal of an empty and of a full resting battery."""
_NOMINAL = (12, 24, 36, 48)


def warnings(config: Config) -> tuple[str, ...]:
    """Return a sentence for each unusual setting: its path, what was got, and what follows from it."""
    found = (
        *_thresholds(config),
        *_alerts(config),
        *_debounce(config),
        *_limits(config),
        *_evidence(config),
        *_calendar(config),
        *_blind(config),
    )
    if isinstance(config.relay, SimulatedRelay):
        found += ("relay.type: got simulated: it moves no contact and starts no engine",)
    return found


def open_access(config: Config, users: Collection[str]) -> Iterator[str]:
    """Yield who may do what, if there is no `access` that limits it.

    Args:
        config: the configuration.
        users: of `--web.config.file`.
    """
    if config.access is None:
        who = f"each user of --web.config.file ({', '.join(users)})" if users else "whoever reaches the listen address"
        yield f"access: got none: {who} may read, notify and command"


def _thresholds(config: Config) -> Iterator[str]:
    start, emergency = config.start_soc, config.emergency_soc
    if start - emergency < 0.03 - 1e-9:
        yield (
            f"emergency_soc: got {percent(emergency)} with start_soc {percent(start)}: less than 3 points between "
            "them, so an ordinary start can become an emergency, which quiet hours do not block"
        )
    if start > 0.8:
        yield f"start_soc: got {percent(start)}: the engine starts whenever the battery is not nearly full"
    if config.emergency_volts != "none":
        yield from _volts(config.emergency_volts)


def _volts(volts: EmergencyVolts) -> Iterator[str]:
    low, high = _RESTING_VOLTS
    if volts.per_12v is not None and not low <= volts.per_12v <= high:
        why = "which damages a battery" if volts.per_12v < low else "which a healthy resting battery may have"
        yield f"emergency_volts.per_12v: got {volts.per_12v:g} V, {why}; 11.5 is usual"
    if volts.value is not None and not any(low * n <= volts.value * 12 <= high * n for n in _NOMINAL):
        names = ", ".join(map(str, _NOMINAL))
        yield (
            f"emergency_volts.value: got {volts.value:g} V: no battery of {names} V nominal is nearly empty at that; "
            "11.5 V for each 12 V is usual"
        )


def _alerts(config: Config) -> Iterator[str]:
    alerts = config.alerts
    timeout = alerts.heartbeat_timeout
    if timeout < 2 * _BEAT and config.limits.max_run >= REAL_RUN:
        yield (
            f"alerts.heartbeat_timeout: got {span(timeout)}: the sample configuration of Alertmanager sends "
            f"a heartbeat every {span(_BEAT)}, so one late heartbeat ends the path alerts"
        )
    if alerts.lease < timeout:
        yield (
            f"alerts.lease: got {span(alerts.lease)} with heartbeat_timeout {span(timeout)}: a start alert "
            "expires before the loss of its path is noticed"
        )
    if not alerts.inhibits:
        yield "alerts.inhibit: got no name: no alert can block a run"


def _debounce(config: Config) -> Iterator[str]:
    start, stop = config.debounce.start, config.debounce.stop
    if config.limits.max_run < REAL_RUN:
        return
    if start != _RULE:
        yield (
            f"debounce.start: got {span(start)}: it counts only for a start without a start alert; the sample rules "
            f"send that alert after {span(_RULE)}"
        )
    if stop > _RULE:
        yield (
            f"debounce.stop: got {span(stop)}: the sample rules send the stop alert after {span(_RULE)}, which ends a "
            "run earlier"
        )


def _limits(config: Config) -> Iterator[str]:
    limits = config.limits
    longest = f"with max_run {span(limits.max_run)}"
    if limits.min_run >= limits.max_run:
        yield (
            f"limits.min_run: got {span(limits.min_run)} {longest}: each run lasts until max_run, even with a "
            "full battery"
        )
    if limits.start_confirm > limits.max_run:
        yield (
            f"limits.start_confirm: got {span(limits.start_confirm)} {longest}: a run ends before a failed "
            "start can be noticed, so failed starts are never counted"
        )
    if limits.charge_confirm >= limits.max_run >= REAL_RUN:
        yield (
            f"limits.charge_confirm: got {span(limits.charge_confirm)} {longest}: a run ends before it can be noticed "
            "that it does not charge"
        )
    if limits.daily_budget < limits.max_run:
        yield (
            f"limits.daily_budget: got {span(limits.daily_budget)} {longest}: no run can last max_run, and one "
            "run can use the whole budget"
        )
    if limits.stop_confirm < limits.tail:
        yield (
            f"limits.stop_confirm: got {span(limits.stop_confirm)} with tail {span(limits.tail)}: a failure to "
            "stop is reported while the engine still runs its normal tail"
        )
    if limits.attempts > 5:
        yield (
            f"limits.attempts: got {limits.attempts}: so many failed starts before the lock-out; the AGS cranks "
            "several times in each of them"
        )


def _evidence(config: Config) -> Iterator[str]:
    evidence = config.evidence
    if not evidence.configured:
        yield "evidence: got ac_input and ags both false: nothing can confirm that the engine runs or has stopped"
    elif evidence.ac_input and not 40 <= evidence.min_volts <= 200:
        why = "which a dead line may have" if evidence.min_volts < 40 else "which a line of 120 V never has"
        yield f"evidence.min_volts: got {evidence.min_volts:g} V, {why}; 80 is usual"


def _calendar(config: Config) -> Iterator[str]:
    quiet, exercise, longest = config.quiet_hours, config.exercise, config.limits.max_run
    hours = "" if quiet is None else f"quiet_hours from {quiet.from_} to {quiet.to}"
    if quiet is not None and (quiet.to - quiet.from_) % (24 * 60) > 20 * 60:
        yield (
            f"quiet_hours: got {quiet.from_} to {quiet.to}: {span((quiet.to - quiet.from_) % 1440 * MINUTE)} of "
            "each day allow only emergency starts; are from and to swapped?"
        )
    if config.full_charge is not None and config.limits.daily_budget <= longest:
        yield (
            f"full_charge: got with limits.daily_budget {span(config.limits.daily_budget)} and max_run "
            f"{span(longest)}: it starts only while more than max_run of the budget is left, so never"
        )
    if exercise is None:
        return
    if exercise.for_ >= longest:
        yield (
            f"exercise.for: got {span(exercise.for_)} with limits.max_run {span(longest)}: no run lasts that "
            "long, so the exercise is always due again"
        )
    if exercise.every <= exercise.for_:
        yield (
            f"exercise.every: got {span(exercise.every)} with for {span(exercise.for_)}: the next exercise is due "
            "before the last one is over"
        )
    minutes = range(exercise.at, exercise.at + int(exercise.for_ // MINUTE) + 1)
    if quiet is not None and any(quiet.contain(minute % (24 * 60)) for minute in minutes):
        yield f"exercise.at: got {exercise.at} for {span(exercise.for_)} with {hours}: quiet hours block or end it"


def _blind(config: Config) -> Iterator[str]:
    blind, longest = config.blind, config.limits.max_run
    if config.on_blind != "start":
        if blind != Blind():
            yield f"blind: got with on_blind {config.on_blind}: it is used only with on_blind: start"
        return
    if blind.run > longest:
        yield f"blind.run: got {span(blind.run)} with limits.max_run {span(longest)}: the run ends at max_run"
    if blind.every <= blind.run:
        yield (
            f"blind.every: got {span(blind.every)} with run {span(blind.run)}: the next run is due before the "
            "last one is over"
        )
