"""The state of the engine, with its run, its stop or without either. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from actuator.core.settings import Settings
from actuator.core.state import Cause
from actuator.report.wording.terms import (
    CHECK_CHARGER,
    CHECK_ENGINE,
    STOP_BY_HAND,
    Words,
    data_cable,
    evidence_device,
    requested,
)
from actuator.report.wording.times import rounded
from toolkit.formatting import capitalized, percent, span

RUNNING: Final[dict[Cause, str]] = {
    "alert": "Running to charge the battery.",
    "fallback": "Running to charge the battery.",
    "emergency": "Running because the battery was nearly empty.",
    "blind": "Running on the schedule for missing data.",
    "exercise": "Running for its regular exercise.",
    "manual": "Running, switched on by the operator.",
    "full_charge": "Running until the battery is full.",
    "quiet_ahead": "Running before quiet hours begin.",
}
"""What our run is for."""


def battery(soc: float | None, *, refused: bool) -> str:
    """Return the state of charge as a sentence."""
    if soc is not None:
        return f"Battery {percent(soc)}."
    return "Battery reading not trusted." if refused else "Battery unknown."


# The run


def running(cause: Cause | None, since: str, *, by_ac: bool) -> Words:
    """Return that the engine runs in our run; without a cause, it only completes its shortest run."""
    confirmed = "Generator power confirmed" if by_ac else "The generator starter (AGS) has reported it running"
    return Words("Running, about to stop." if cause is None else RUNNING[cause], f"{confirmed} {since}.")


def running_without_charge(seconds: float) -> Words:
    """Return that the engine has run for so long without charging the battery."""
    return Words(
        f"Running without charging for {span(60 * round(seconds / 60))}.",
        "No current flows into the battery, and its level does not rise.",
        remedy=CHECK_CHARGER,
    )


def starting(causes: Iterable[Cause], by: str, *, attempt: int, allowed: int, warms_up: bool, denied: bool) -> Words:
    """Return that the engine should start.

    Args:
        causes: what requests it.
        by: until when its power must come.
        attempt: the number of this attempt.
        allowed: so many failed attempts in a row lock out.
        warms_up: it warms up, without giving power.
        denied: the evidence shows that it does not run yet; without evidence no attempt fails.
    """
    which = f" (attempt {attempt} of {allowed})" if attempt > 1 else ""
    then = "starts are locked out" if attempt >= allowed else "this attempt counts as failed"
    return Words(
        f"Starting{which}: the engine warms up." if warms_up else f"Starting{which}.",
        requested(causes),
        f"Generator power is expected {by}; without it, {then}." if denied else "",
        CHECK_ENGINE if attempt > 1 else "",
    )


def running_unknown(settings: Settings) -> Words:
    """Return that the contact is closed, and that nothing shows whether the engine runs."""
    if not settings.evidence.configured:
        return Words("Started, without confirmation.", "Nothing is set up that can confirm the generator.")
    return Words(
        "Started, but nothing shows whether the generator runs.",
        f"No data from {evidence_device(settings)}.",
        remedy=f"Look at the generator. Then check the {data_cable(by_ac=settings.evidence.ac_input)}, and restart the "
        "service magnum-exporter.",
    )


def run_end(at: str, settings: Settings, *, stop_soc: float | None, until_full: bool, requested: bool) -> str:
    """Return what ends the run in progress, and when at the latest.

    Args:
        at: that time.
        settings: in force.
        stop_soc: the state of charge that ends it before; None: none does.
        until_full: a full battery ends it before.
        requested: whether something still requests it.
    """
    if not requested:
        return f"Nothing needs it any more: stops {at}, after the shortest run of {span(settings.limits.min_run)}."
    if until_full:
        return f"Stops when the battery is full, {at} at the latest."
    if stop_soc is not None:
        return f"Stops when the battery is at {percent(stop_soc)}, {at} at the latest."
    return f"Stops {at}."


# The stop


def stopping(why: str, by: str, runs: bool | None, *, cools_down: bool) -> Words:  # noqa: FBT001 - the verdict itself
    """Return that the contact is open and the engine's stop is not yet confirmed."""
    return Words(
        "Cooling down before it stops." if cools_down else "Stopping.",
        why,
        next={
            True: f"The generator should stop {by}.",
            False: "Its stop will be confirmed in a few seconds.",
            None: "Waiting for data that shows whether it has stopped.",
        }[runs],
    )


def stop_failed(ago: str, runs: bool | None) -> Words:  # noqa: FBT001 - the verdict itself
    """Return that the engine should have stopped."""
    failed = "Failed to stop: the generator still runs." if runs else "Failed to stop: nothing shows that it has."
    return Words(
        failed,
        f"Its stop was requested {ago}.",
        "It runs on until somebody stops it.",
        f"{capitalized(STOP_BY_HAND)}.",
    )


def stop_unknown(ago: str, settings: Settings) -> Words:
    """Return that the engine should have stopped, and that nothing shows whether it has."""
    return Words(
        "Stop not confirmed: nothing shows whether the generator runs.",
        f"Its stop was requested {ago}, but no data arrives from {evidence_device(settings)}.",
        "This stays unknown until data arrives again.",
        f"Look at the generator. If it runs, {STOP_BY_HAND}.",
    )


def relay_unknown(read_back: bool | None, runs: bool | None) -> Words:  # noqa: FBT001 - the reading, the verdict
    """Return that the position of the relay's contact is unknown."""
    state = {
        True: "Relay fault: the generator runs and may not stop.",
        False: "Relay fault: the generator is stopped, and may start.",
        None: "Relay fault: the generator may run.",
    }[runs]
    if runs is False and read_back is False:
        state = "Relay fault: the generator is stopped and cannot start."
    reads = {
        True: "The relay was switched off, but it still reads on.",
        False: "The relay reads off, but did not a moment ago.",
        None: "The relay was switched off, but it cannot be read.",
    }[read_back]
    off = "" if read_back is False else "Switch the generator off at its own switch. "
    hand = {True: f"{capitalized(STOP_BY_HAND)}. ", False: off, None: f"If the generator runs, {STOP_BY_HAND}. "}[runs]
    return Words(
        state,
        reads,
        {
            True: "Switching off is retried every second.",
            False: "Nothing starts until the relay is confirmed off."
            if read_back is False
            else "Switching off is retried every second. Until it is confirmed, the generator may start.",
            None: "Switching off is retried every second. Nothing else starts before it is confirmed.",
        }[runs],
        f"{hand}Check the relay board and its cable.",
    )


def resuming(run: int) -> Words:
    """Return that an interrupted run may be resumed."""
    return Words(
        "Restarted during a run.",
        f"The controller was interrupted during run {run}.",
        "If the engine still runs, the run goes on; otherwise it has ended.",
        "Look again in a minute, and compare with the generator itself.",
    )


# No run


def idle(runs: bool | None, *, begins: bool) -> str:  # noqa: FBT001 - the verdict itself
    """Return what the engine does while our contact is open; `begins`: this program has just started."""
    if runs is None:
        return (
            "Reading the site after a restart." if begins else "Not started; nothing shows whether the generator runs."
        )
    return "Running, but not started by this system." if runs else "Off."


def about_to_start(causes: Iterable[Cause]) -> Words:
    """Return what requests the engine, when nothing blocks it."""
    return Words("About to start.", requested(causes), "Starts within seconds.")


def starts_at(start_soc: float, debounce: float, *, low: bool) -> str:
    """Return what starts the engine; `low`: the battery is there, but not yet for long enough."""
    if low:
        return f"Starts when the battery has been at {percent(start_soc)} or less for {span(debounce)}."
    return f"Starts when the battery is at {percent(start_soc)}."


def without_reading(*, trusted: bool, alert: bool, volts: bool, exercise: bool) -> str:
    """Return what starts the engine although no state of charge is known.

    Args:
        trusted: what is missing is not a reading, but one that is trusted.
        alert: the alert for a low battery counts.
        volts: an emergency by volts counts.
        exercise: there is a regular one.
    """
    causes = {"the alert for a low battery": alert, "very low volts": volts, "its exercise": exercise}
    by = ", ".join(cause for cause, counts in causes.items() if counts)
    until = f"Until a battery reading {'is trusted' if trusted else 'arrives'} again, it starts"
    return f"{until} by {by} or On." if by else f"{until} by On alone."


def connecting(seconds: float) -> str:
    """Return what comes next on path `waiting`."""
    return f"Connecting to Alertmanager (up to {rounded(seconds)})."


def without_data(turn: tuple[float, float] | None) -> str:
    """Return what happens without anything to decide by: a run of so many seconds every so many, or nothing."""
    back = "until a battery reading or the alerts are back"
    if turn is None:
        return f"Nothing starts by itself {back}; On still works."
    return f"Runs for {span(turn[0])} every {span(turn[1])} {back}."
