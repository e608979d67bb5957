"""What a controller knows when it begins: the journal's last word, carried over a death or a reboot. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from actuator.beliefs import Beliefs
from actuator.inhibitors import budget_left
from actuator.model import Closure, Durable, Event, Level, State
from actuator.reboot import carried
from actuator.words import span

if TYPE_CHECKING:
    from actuator.model import Moment, Run, Saved
    from actuator.settings import Settings

DURABLE_TICK: Final = 10.0
"""Seconds between two snapshots while the contact is closed; so much of a run a power cut may keep from the journal."""


def restore(
    saved: Saved | None, here: Moment, settings: Settings, *, torn: bool = False, found: bool | None = None
) -> tuple[State, tuple[Event, ...]]:
    """Return the first state, with the contact taken to be open, and what to tell.

    Args:
        saved: the journal's last snapshot; None: there is none to be read.
        here: this moment, on every clock.
        settings: the configuration in force.
        torn: journal and sidecar do not agree: at most one max run of budget is left.
        found: where the contact was before this start opened it, True closed; None: the board could not say.
    """
    durable = Durable(mode="off" if torn else "auto") if saved is None else saved.durable
    same_boot = saved is not None and saved.moment.boot == here.boot
    if saved is not None and not same_boot:
        durable = carried(durable, saved.moment, here)
    events: list[Event] = []
    run = durable.run or durable.candidate
    if run is not None:
        events.append(_broken_off(run, same_boot=same_boot, found=found))
        held_until = _held_until(run, saved, here, found=found)
        # An engine that runs on after its tail was started by somebody else since.
        ours = run.proven_at is not None and here.now - held_until < settings.limits.tail
        if same_boot and not torn and ours and not run.resumed and here.now < run.deadline:
            # Marked at once: a second death finds it used up, whether or not it was taken up again in between.
            durable = replace(durable, run=None, candidate=replace(run, resumed=True))
        else:
            opened_at = run.opened_at
            if opened_at is not None:
                past = Closure(start=run.closed_at, end=opened_at)
            elif same_boot:
                # The contact may have stayed closed until now.
                past = Closure(start=run.closed_at, end=here.now)
            elif found:
                # The board kept its power: the contact opens only now, after who knows how long.
                longest = here.now - (run.deadline - run.closed_at)
                past = Closure(start=min(run.closed_at - DURABLE_TICK, longest), end=here.now)
                durable = replace(durable, anchor=None)
            else:
                # No longer than it was meant to, but for what the journal has not seen of it.
                past = Closure(start=run.closed_at - DURABLE_TICK, end=min(here.now, run.deadline))
            durable = _ended(durable, past)
            released_at = here.now if opened_at is None else opened_at
            durable = replace(_counted(durable, run), released_at=released_at, stopped_at=None)
    if torn:
        most = settings.limits.max_run
        missing = budget_left(durable, settings, here.now) - most
        closures = (*durable.closures, Closure(start=here.now - missing, end=here.now)) if missing > 0 else ()
        durable = replace(
            durable,
            closures=closures or durable.closures,
            released_at=here.now,
            stopped_at=None,
            torn=True,
            anchor=None,  # what was made up here did not happen before the machine was off
        )
        text = (
            f"The journal is torn: at most {span(most)} of the daily budget are left until the day has passed, and "
            "nothing is resumed. `acknowledge` ends the alarm."
        )
        events.append(Event(kind="journal_torn", text=text, level=Level.ERROR))
    return State(started_at=here.now, durable=durable, beliefs=Beliefs(spent=durable.spent)), tuple(events)


def _ended(durable: Durable, past: Closure) -> Durable:
    past = replace(past, end=max(past.start, past.end))
    return replace(
        durable,
        run=None,
        candidate=None,
        closures=(*durable.closures, past),
        run_seconds=durable.run_seconds + past.end - past.start,
    )


def _counted(durable: Durable, run: Run) -> Durable:
    """Count an attempt that could be judged and was never proven: an engine whose cranking kills us is not for ever."""
    failed = run.denied and run.proven_at is None
    return replace(durable, attempts=durable.attempts + 1) if failed else durable


def _held_until(run: Run, saved: Saved | None, here: Moment, *, found: bool | None) -> float:
    """Return the last moment at which the contact may have been closed."""
    if run.opened_at is not None:
        return run.opened_at
    if saved is None or found is not False:
        return here.now
    return min(here.now, saved.moment.now + DURABLE_TICK)


def _broken_off(run: Run, *, same_boot: bool, found: bool | None) -> Event:
    how = "a death" if run.opened_at is None else "an end"
    when = "in this boot of the machine" if same_boot else "before this boot of the machine"
    contact = {True: "was found closed, and opened", False: "was found open", None: "was told to open"}[found]
    return Event(
        kind="contact_opened" if found else "run_broken_off",
        text=f"Run {run.number} was broken off by {how} of this program, {when}; the contact {contact}.",
        level=Level.WARNING,
        fields={"reason": "restart", "run": run.number, "cause": run.cause, "found_closed": found},
    )
