"""The ME-AGS-N automatic generator starter (AGS): it watches the contact, runs the engine, and shows a status byte.

Source of the status byte: AGS packet A1, byte 1 (Magnum networking protocol, 2009-10-15).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simulator import settings
from simulator.engine import Engine
from simulator.faults import Faults

OFF = 1
READY = 2
AC_IN = 4
START_TEMPERATURE = 7
FAULT_MAX_RUN = 24
RUN_FAULT = 25
WARM_UP = 26
COOL_DOWN = 27

CONTACT_RUN = START_TEMPERATURE
"""The remote is set to "Gen Run Temp Start = Ext Input", so a run for the contact shows as start temperature."""

FAILED_START = {6: 9, 7: 10, 8: 11, 12: 15, 13: 16, 14: 17, 18: 21, 19: 22, 20: 23}
"""The reason of a start → the fault after its last failed attempt; every other reason gives a run fault."""

NEVER = float("inf")


class Phase(Enum):
    """The steps of a run."""

    READY = "ready"
    REFUSING = "refusing"
    CRANKING = "cranking"
    RETRYING = "retrying"
    WARM_UP = "warm up"
    RUNNING = "running"
    COOL_DOWN = "cool down"
    FAULT = "fault"


@dataclass(slots=True)
class Ags:
    """The AGS's state. All its times are real seconds: `speed` does not change them."""

    settings: settings.Engine
    faults: Faults
    engine: Engine
    phase: Phase = Phase.READY
    reason: int = READY
    latched: int = 0
    attempts: int = 0
    run_seconds: float = 0.0
    since_run_seconds: float = 0.0
    contact: bool = False
    shore: bool = False
    _timer: float = 0.0
    _released_seconds: float = 0.0
    _lost_seconds: float = 0.0

    @property
    def status(self) -> int:
        """The status byte."""
        match self.phase:
            case Phase.REFUSING:
                return OFF if self.faults.ags_refuses is None else self.faults.ags_refuses
            case Phase.FAULT:
                return self.latched
            case Phase.WARM_UP:
                return WARM_UP
            case Phase.COOL_DOWN:
                return COOL_DOWN
            case Phase.READY:
                return AC_IN if self.shore or self.engine.running else READY
            case _:
                return self.reason

    @property
    def connects(self) -> bool:
        """Whether the engine's AC may carry a load: not while it warms up or cools down."""
        return self.phase not in (Phase.WARM_UP, Phase.COOL_DOWN)

    def reset(self) -> None:
        """Set OFF and then AUTO at the remote, which is the only way to clear a latched fault."""
        if self.phase is Phase.FAULT:
            self.phase = Phase.READY

    def settle(self) -> None:
        """Make every change that is due now."""
        while self._change():
            pass

    def until_change(self) -> float:
        """Return the seconds until the AGS changes by itself, if nothing else changes."""
        match self.phase:
            case Phase.CRANKING | Phase.RETRYING | Phase.WARM_UP | Phase.COOL_DOWN:
                left = self._timer
            case Phase.RUNNING:
                left = self.settings.max_run - self.run_seconds
            case _:
                return NEVER
        if self._is_released() and self.phase is not Phase.COOL_DOWN:
            left = min(left, self._tail() - self._released_seconds)
        if self._has_lost_engine():
            left = min(left, self.settings.noticed_after - self._lost_seconds)
        return max(0.0, left)

    def pass_time(self, seconds: float) -> None:
        """Advance the timers by at most `until_change()` seconds."""
        self._timer -= seconds
        if self.phase is Phase.RUNNING:
            self.run_seconds += seconds
        self._released_seconds = self._released_seconds + seconds if self._is_released() else 0.0
        self._lost_seconds = self._lost_seconds + seconds if self._has_lost_engine() else 0.0
        self.since_run_seconds = 0.0 if self.engine.running else self.since_run_seconds + seconds

    def _tail(self) -> float:
        return self.settings.tail - self.settings.cool_down

    def _requested_reason(self) -> int | None:
        if self.faults.foreign_run is not None:
            return self.faults.foreign_run
        return CONTACT_RUN if self._sees_contact() else None

    def _sees_contact(self) -> bool:
        return self.contact and not self.faults.ags_deaf

    def _is_released(self) -> bool:
        return self.reason == CONTACT_RUN and not self._sees_contact()

    def _has_lost_engine(self) -> bool:
        loaded = self.phase in (Phase.WARM_UP, Phase.RUNNING)
        return loaded and self.settings.sensed and not self.engine.running

    def _enter(self, phase: Phase, timer: float = 0.0) -> bool:
        self.phase = phase
        self._timer = timer
        return True

    def _change(self) -> bool:
        if (self.faults.ags_refuses is not None) != (self.phase is Phase.REFUSING):
            self.engine.stop()
            return self._enter(Phase.READY if self.phase is Phase.REFUSING else Phase.REFUSING)
        match self.phase:
            case Phase.READY:
                return self._begin_run()
            case Phase.CRANKING | Phase.RETRYING | Phase.WARM_UP | Phase.RUNNING:
                return self._end_run() or self._next_phase()
            case Phase.COOL_DOWN if self._timer <= 0:
                self.engine.stop()
                return self._enter(Phase.FAULT if self.latched else Phase.READY)
            case _:
                return False

    def _begin_run(self) -> bool:
        reason = self._requested_reason()
        if reason is None or self.shore or self.engine.running:
            return False
        self.reason, self.latched, self.attempts, self.run_seconds = reason, 0, 1, 0.0
        self._released_seconds = self._lost_seconds = 0.0
        return self._enter(Phase.CRANKING, self.settings.start_delay)

    def _end_run(self) -> bool:
        is_over = (
            self._is_released() and self._released_seconds >= self._tail()
            if self.reason == CONTACT_RUN
            else self.faults.foreign_run is None
        )
        if is_over:
            if self.engine.running:
                return self._enter(Phase.COOL_DOWN, self.settings.cool_down)
            return self._enter(Phase.READY)
        if self.phase is Phase.RUNNING and self.run_seconds >= self.settings.max_run:
            self.latched = FAULT_MAX_RUN
            return self._enter(Phase.COOL_DOWN, self.settings.cool_down)
        if self._has_lost_engine() and self._lost_seconds >= self.settings.noticed_after:
            self.latched = RUN_FAULT
            self.engine.stop()
            return self._enter(Phase.FAULT)
        return False

    def _next_phase(self) -> bool:
        if self.phase is Phase.RUNNING or self._timer > 0:
            return False
        if self.phase is Phase.RETRYING:
            self.attempts += 1
            return self._enter(Phase.CRANKING, self.settings.start_delay)
        if self.phase is Phase.WARM_UP:
            return self._enter(Phase.RUNNING)
        if self.engine.crank() or not self.settings.sensed:
            return self._enter(Phase.WARM_UP, self.settings.warm_up)
        if self.attempts < self.settings.attempts:
            return self._enter(Phase.RETRYING, self.settings.retry_delay)
        self.latched = FAILED_START.get(self.reason, RUN_FAULT)
        return self._enter(Phase.FAULT)
