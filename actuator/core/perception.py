"""Updates the state from the inputs: page, alerts, commands and board, each in its part. Pure.

Time alone changes the state too: a value that is no longer fresh becomes absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core import ags, alert_path, battery, board, charge, commands, engine, soc_trend, wall_clock
from actuator.core.events import Event, Level
from actuator.core.signals import BUS_FRESH
from actuator.core.state import State
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.battery import Battery
    from actuator.core.charge import Charge
    from actuator.core.engine import Engine
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Durable


def perceive(state: State, inputs: Inputs, now: float) -> tuple[State, list[Event]]:
    """Return the state after the inputs of this step, and the events to report."""
    page, settings, durable, started_at = inputs.page, inputs.settings, state.durable, state.started_at
    closed = durable.run is not None
    known_battery = battery.update(state.battery, page, settings, now)
    known_ags = ags.observe(state.ags, page, now)
    known_engine = engine.update(
        state.engine,
        page,
        settings,
        now,
        stamp=ags.stamp_of(known_ags, page),
        closed=closed,
        started_at=started_at,
    )
    ours = _ours(durable, known_engine, settings, now)
    known_ags = ags.judge(known_ags, now, closed=closed, ours=ours)
    known_charge = _charge(state, known_battery, known_engine, inputs, now)
    alerts, inhibits, events = alert_path.update(
        state.alerts, durable.inhibits, known_battery, inputs, now, started_at=started_at
    )
    if inhibits is not durable.inhibits and inhibits != durable.inhibits:
        durable = replace(durable, inhibits=inhibits)
    durable, operated = commands.obey(durable, inputs.commands, alerts, settings, now, started_at=started_at)
    known_board, event = board.update(state.board, inputs, commanded=closed)
    events += operated
    if known_charge.reports > state.charge.reports:
        events.append(_without_charge(known_charge, known_battery, now))
    known_clock, reported = wall_clock.update(state.wall_clock, inputs, now, started_at=started_at)
    events += reported
    if event is not None:
        events.append(event)
    state = replace(
        state,
        durable=_with_board(durable, inputs, event, known_engine, now),
        page_at=state.page_at if page is None else now,
        battery=known_battery,
        soc_trend=soc_trend.update(
            state.soc_trend, known_battery, now, engine_runs=_may_run(durable, known_engine, settings, now)
        ),
        engine=known_engine,
        charge=known_charge,
        ags=known_ags,
        alerts=alerts,
        board=known_board,
        wall_clock=known_clock,
    )
    return state, events


def _ours(durable: Durable, known: Engine, settings: Settings, now: float) -> bool:
    """Return whether our run is in progress, may be resumed, or has not yet stopped."""
    if durable.run is not None or durable.candidate is not None:
        return True
    if durable.released_at is None or durable.stopped_at is not None:
        return False
    return known.proof.verdict is True or now - durable.released_at < settings.limits.stop_confirm


def _charge(state: State, known_battery: Battery, known: Engine, inputs: Inputs, now: float) -> Charge:
    run, runs_on = state.durable.run, known.proof.verdict is True
    if run is None and runs_on and state.charge.missing:
        # Kept until the engine has stopped: a run that ends for it would otherwise show it for one step only.
        return state.charge
    confirmed = run is not None and run.proven_at is not None and runs_on
    return charge.update(state.charge, inputs.page, known_battery, inputs.settings, now, confirmed=confirmed)


def _without_charge(known: Charge, known_battery: Battery, now: float) -> Event:
    since = now if known.missing_since is None else known.missing_since
    return Event(
        kind="running_without_charge",
        level=Level.ERROR,
        fields={"soc": known_battery.fresh_soc(now), "amperes": known.amperes.fresh(now, BUS_FRESH)},
        values={"seconds": now - since},
    )


def _may_run(durable: Durable, known: Engine, settings: Settings, now: float) -> bool:
    """Return whether the engine runs, or may run: in our run or its tail, or in somebody else's."""
    in_tail = durable.released_at is not None and now - durable.released_at < settings.limits.tail
    return durable.run is not None or durable.candidate is not None or in_tail or known.proof.verdict is True


def _with_board(durable: Durable, inputs: Inputs, event: Event | None, known: Engine, now: float) -> Durable:
    """Return the durable state with the board's errors counted, and with min off begun when it works again."""
    kind = None if event is None else event.kind
    if inputs.relay_error or kind == "relay_fault":
        durable = replace(durable, relay_errors=durable.relay_errors + 1)
    if kind == "relay_recovered":
        durable = replace(durable, released_at=now, stopped_at=now if known.proof.certain is False else None)
    return durable
