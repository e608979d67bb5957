"""A synthetic world for the controller alone: one fake clock, a page that can be shaped, a relay that obeys or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from actuator.core import controller, recovery
from actuator.core.events import Event
from actuator.core.inputs import Command, Inputs, Notice, Page, ReadBack
from actuator.core.settings import Settings
from actuator.core.state import Moment, Saved, State
from actuator.report import wording
from tests.actuator.harness.property_checks import Account
from tests.actuator.harness.simulated_journal import Disk, SimulatedJournal
from toolkit.config import decode
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from actuator.core.state import Durable, Step
    from tests.actuator.harness.property_checks import ReferenceModel


MOMENT: Final = 0.125
"""Seconds of a step for one message. Every span is a binary fraction, so that sums of them are exact on each clock."""


def settings(**parts: object) -> Settings:
    """Return settings as a file with these parts would give."""
    return decode(parts, Settings)


@dataclass
class World:
    """Drives `controller.step` second by second, as the program would.

    The engine follows the contact when `obeys`: AC comes `warm_up` seconds after closing and goes `tail` seconds after
    opening. Attributes of the page may be overridden at any time.
    """

    settings: Settings = field(default_factory=settings)
    now: float = 1000.0
    interval: float = 5.0
    tick: float = 1.0
    soc: float | None = 0.5
    soc_refused: bool = False
    ac: bool | None = None
    """None: the engine decides."""
    ags: int | None = 2
    ags_frames: float | None = None
    volts: float | None = None
    volts_threshold: float | None = None
    ags_max_run: float | None = None
    full: bool | None = None
    page_reachable: bool = True
    page_hangs: bool = False
    """One that cannot be reached has not answered yet, rather than refused."""
    bus_alive: bool = True
    frozen: bool = False
    """The page repeats its timestamps."""
    ac_volts: float | None = 120.0
    """While there is AC."""
    charging: bool | None = True
    """While there is AC."""
    amperes: float | None = 60.0
    """Into the battery while there is AC; 20 A out of it otherwise."""
    absorbing: bool = False
    obeys: bool = True
    warm_up: float = 20.0
    tail: float = 120.0
    beating: bool = False
    read_back: Callable[[bool], bool | None] = lambda closed: closed
    relay_fails: bool = False
    journal_ok: bool = True
    """The database and its sidecar can be written."""
    broken_disk: Disk = "read-only"
    """What they stand on, while they cannot."""
    mirror: bool = False
    """The program mirrors its journal in memory."""
    wall: float = 1_700_000_000.0
    wall_sane: bool = False
    minute_of_day: int = 720
    events: list[Event] = field(default_factory=list)
    moves: list[tuple[float, bool]] = field(default_factory=list)
    contact: bool = False
    boot: str = "one"
    true: float = 0.0
    """Seconds that have passed in the world, over deaths and boots."""
    reference: ReferenceModel | None = None
    """Watches every step."""
    killed_at_a_move: Literal["decided", "half done", "done"] | None = None
    """Kills the program in the next step that moves the contact: before it does anything, between its writing and the
    move (it writes before it closes, and opens before it writes), or right after both."""

    def __post_init__(self) -> None:
        self.state = State(started_at=self.now)
        self.journal = SimulatedJournal(mirror=self.mirror)
        self._changed_at = -1e9
        self._stamp = 0.0
        self._error = False
        self.first = True
        self.durables: list[Durable] = []
        self.saved = Saved(durable=self.state.durable, moment=self.moment())

    @property
    def saved(self) -> Saved:
        """What the program has written last, or has tried to."""
        return self._saved

    @saved.setter
    def saved(self, saved: Saved) -> None:
        self._saved = saved
        self._update_the_disk()
        self.journal.write(saved, Account() if self.reference is None else self.reference.account.record(self.true))

    def _update_the_disk(self) -> None:
        self.journal.disk = "writable" if self.journal_ok else self.broken_disk

    @property
    def engine(self) -> bool:
        """Whether the engine gives AC now."""
        if not self.obeys:
            return False
        since = self.now - self._changed_at
        return since >= self.warm_up if self.contact else since < self.tail and bool(self.moves)

    def page(self) -> Page:
        """Return what the exporter's page would say at this moment."""
        self._stamp += not self.frozen
        ac = self.engine if self.ac is None else self.ac
        return Page(
            soc=self.soc,
            soc_stamp=self._stamp if self.soc is not None else None,
            soc_refused=self.soc_refused,
            device_stamp=self._stamp if self.bus_alive else None,
            ac_input_volts=(self.ac_volts if ac else self.ac_volts and 0.0) if self.bus_alive else None,
            charging=(self.charging and ac) if self.bus_alive else None,
            dc_amperes=(self.amperes if ac else self.amperes and -20.0) if self.bus_alive else None,
            absorbing=self.absorbing,
            ags_code=self.ags if self.bus_alive else None,
            ags_stamp=self.ags_frames,
            battery_volts=self.volts,
            battery_volts_stamp=self._stamp,
            emergency_volts=self.volts_threshold,
            ags_max_run=self.ags_max_run,
            full=self.full,
            full_stamp=self._stamp,
        )

    def step(self, *notices: Notice, beats: int = 0, commands: tuple[Command, ...] = (), seconds: float = 1.0) -> None:
        """Let time pass and step once."""
        self.now += seconds
        self.wall += seconds
        self.true += seconds
        self._update_the_disk()
        on_interval = int(self.now / self.interval) != int((self.now - seconds) / self.interval) or self.first
        self.first = False
        if self.beating and int(self.now / 60) != int((self.now - seconds) / 60):
            beats += 1
        inputs = Inputs(
            settings=self.settings,
            page=self.page() if on_interval and self.page_reachable else None,
            page_fault=not self.page_reachable and not self.page_hangs,
            notices=notices,
            beats=beats,
            commands=commands,
            read_back=ReadBack(closed=self.read_back(self.contact), at=self.now),
            relay_error=self._error,
            journal_ok=self.journal.ok,
            wall=self.wall,
            wall_sane=self.wall_sane,
            minute_of_day=self.minute_of_day,
        )
        self._error = False
        before = self.state
        result = controller.step(before, inputs, self.now)
        killed = None
        if result.close is not (before.durable.run is not None):
            killed, self.killed_at_a_move = self.killed_at_a_move, None
        if killed == "decided":
            self.die()
            return
        self.state = result.state
        self.events += result.events
        self.durables.append(result.state.durable)
        if self.reference is not None:
            self.reference.check(inputs, result, now=self.now, true=self.true)
        for act in (self._write, self._obey) if result.close else (self._obey, self._write):
            act(result)
            if killed == "half done":
                self.die()
                return
        if killed == "done":
            self.die()

    def _write(self, step: Step) -> None:
        changed = step.state.durable != self.saved.durable
        if changed or self.journal.behind or (step.close and self.now - self.saved.moment.now >= 10):
            self.saved = Saved(durable=step.state.durable, moment=self.moment())

    def _obey(self, step: Step) -> None:
        if step.close != self.contact:
            if self.relay_fails:
                self._error = True
            else:
                run = step.state.durable.run
                if run is not None and self.reference is not None:
                    self.reference.recorded(written=self.journal.has_run(run.number), causes=run.causes)
                self.move(closed=step.close)

    def move(self, *, closed: bool) -> None:
        """Move the contact; an engine that still runs goes on without a warm-up."""
        warm = self.warm_up if closed and self.engine else 0.0
        self.contact = closed
        self._changed_at = self.now - warm
        self.moves.append((self.now, closed))

    def moment(self) -> Moment:
        """Return this moment on every clock."""
        return Moment(boot=self.boot, now=self.now, wall=self.wall, wall_sane=self.wall_sane)

    def run(self, seconds: float, *, until: Callable[[World], bool] | None = None) -> bool:
        """Step once a tick for so long, or until something is so; return whether it became so."""
        end = self.now + seconds
        while self.now < end:
            self.step(seconds=self.tick)
            if until is not None and until(self):
                return True
        return False

    def die(
        self,
        *,
        dead_for: float = 10.0,
        reboot: bool = False,
        torn: bool = False,
        unreadable: bool = False,
        latches: bool = False,
    ) -> None:
        """Kill the program and start it again; the contact stays as it is until the start opens it.

        Without power the board drops out, unless it `latches` on power of its own.
        """
        if reboot and not latches:
            self.lose_power()
        self.now += dead_for
        self.wall += dead_for
        self.true += dead_for
        if reboot:
            self.boot += "'"
            self._changed_at -= self.now - 50.0
            self.now = 50.0
            self.journal.lose_memory()
        self.first = True
        contact = self.contact
        if contact:
            self.move(closed=False)
        self._update_the_disk()
        if self.reference is not None:
            self.reference.count(f"deaths with a {self.journal.kind}")
        here = self.moment()
        found = self.journal.read(here, unreadable=unreadable, damaged=torn)
        self.state, events = recovery.restore(found.saved, here, self.settings, torn=found.torn, found=contact)
        self.events += events
        if self.reference is not None:
            self.reference.restarted(
                self.state,
                found.account,
                self.settings,
                reboot=reboot,
                torn=found.torn,
                true=self.true,
                found=contact,
                clock_known=found.saved is not None and found.saved.moment.wall_sane and here.wall_sane,
            )
        self.saved = Saved(durable=self.state.durable, moment=here)

    def end(self, *, dead_for: float = 10.0) -> None:
        """End the program in order, and start it again: the contact opens, and the record says when."""
        run = self.state.durable.run
        if self.contact:
            self.move(closed=False)
        if self.reference is not None:
            self.reference.ended(self.true)
        if run is not None:
            ended = replace(self.state.durable, run=replace(run, opened_at=self.now))
            self.saved = Saved(durable=ended, moment=self.moment())
        self.die(dead_for=dead_for)

    def fail_a_write(self) -> None:
        """Report a failed write to the next step."""
        self._error = True

    def lose_power(self) -> None:
        """Let the contact drop, and report it to the reference model."""
        if self.contact:
            self.move(closed=False)
        if self.reference is not None:
            self.reference.dropped(self.true)

    def notice(
        self, kind: str, *, firing: bool = True, starts_at: float = 1.0, fingerprint: str | None = None
    ) -> Notice:
        """Return one alert as the webhook would hand it over."""
        assert kind in ("start", "stop", "inhibit")
        return Notice(
            kind=kind,  # type: ignore[arg-type]
            firing=firing,
            fingerprint=fingerprint or kind,
            starts_at=starts_at,
            summary=kind,
            name=kind,
        )

    def fire(self, kind: str, *, firing: bool = True, starts_at: float = 1.0, fingerprint: str | None = None) -> None:
        """Deliver one alert now."""
        self.step(self.notice(kind, firing=firing, starts_at=starts_at, fingerprint=fingerprint), seconds=MOMENT)

    def command(self, action: str, seconds: float | None = None, *, fingerprint: str = "") -> tuple[Command, ...]:
        """Return an operator's command as the interface would hand it over."""
        return (Command(action=action, seconds=seconds, fingerprint=fingerprint),)  # type: ignore[arg-type]

    def operator(self, action: str, seconds: float | None = None, *, fingerprint: str = "") -> None:
        """Give a command now."""
        self.step(commands=self.command(action, seconds, fingerprint=fingerprint), seconds=MOMENT)

    def on_alerts(self) -> World:
        """Let heartbeats arrive until the alert path is trusted."""
        self.beating = True
        assert self.run(200, until=lambda world: world.state.alerts.path == "alerts")
        return self

    def kinds(self) -> list[str]:
        """Return the kinds of every event so far."""
        return [event.kind for event in self.events]

    def texts(self, kind: str) -> list[str]:
        """Return the sentences of every event of a kind so far."""
        return [wording.events.event(event) for event in self.events if event.kind == kind]

    def notes(self) -> list[str]:
        """Return the sentences of what else there is to report now."""
        return [wording.notes.note(note.kind, note.values).line for note in self.state.notes]

    # What is asked after each move is asked by a call: it has changed since it was last looked at.

    def closed(self) -> bool:
        """Return whether the contact is closed."""
        return self.contact

    def path(self) -> str:
        """Return whose word counts."""
        return self.state.alerts.path

    def phase(self) -> str:
        """Return the engine's phase as far as it is known."""
        return self.state.phase

    def proof(self) -> bool | None:
        """Return what the evidence has proven."""
        return self.state.engine.proof.verdict

    def causes(self) -> tuple[str, ...]:
        """Return what wants the engine."""
        return self.state.causes

    def inhibitors(self) -> tuple[str, ...]:
        """Return what forbids it."""
        return self.state.inhibitors

    def relay_fault(self) -> bool:
        """Return whether the contact is not known to be where it was commanded."""
        return self.state.board.fault
