"""The turn: each second, and at each event, inputs → decide → write down → act → show.

Only the turn moves the contact, except for the first opening at start-up and the last one at the end. It has the event
loop of the main thread, and nothing from outside runs there: HTTP and the reader of the exporter's page are in another
thread. They add to `input_queue`, read `snapshot`, and call what is marked *from any thread*.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from actuator.config import Config
from actuator.core import controller, recovery
from actuator.core.events import Event, Level
from actuator.core.inputs import Inputs, ReadBack
from actuator.core.settings import MINUTE
from actuator.core.state import Moment, Saved, State, Step
from actuator.intake.input_queue import InputQueue, Outcome, answer
from actuator.intake.page_reader import PageReader
from actuator.journal import AsyncJournal, Found, Row
from actuator.loop.clock import Clock
from actuator.loop.configuration import Configuration
from actuator.loop.contact import Contact
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from actuator.report import wording
from actuator.report.snapshot import Snapshot
from toolkit import log
from toolkit.notify import notify
from toolkit.replace import replace
from toolkit.tasks import end
from toolkit.time_zone import local_zone

TICK = 1.0
"""Seconds between two turns without an event."""

OPEN_TICK = 600.0
"""Seconds between two writes of the durable state while the contact is open."""

SHORTEST_WRITE = 0.25
"""Seconds for a write that begins just before a run ends; most take less."""

RELOAD_END_SECONDS = 2.0
"""For a reload to end, before the contact is opened without it."""

FLAPPING: Final = frozenset({"relay_fault", "relay_recovered"})
"""Events of a loose plug: logged once an hour, with a count. The journal has each of them, and the log each move."""

_log = log.get(__name__)


class Runtime:
    """One actuator at work.

    Attributes:
        journal: of events and of the durable state.
        input_queue: everything that came in since the last turn.
        page_reader: reads the exporter's page; runs in another thread.
        snapshot: the result of the last turn; None before the first. Immutable and replaced as a whole, so any thread
            may read it.
        ended: the contact has been opened for the last time.
        on_show: called after each turn, and at the end; must not wait.
        history_fault: why the history cannot be written, empty when it can; set by the history, in its thread.
    """

    def __init__(self, config: Config, config_file: Path, relay: AsyncRelay, journal: AsyncJournal) -> None:
        self._configuration = Configuration(config, config_file)
        self.journal = journal
        self.input_queue = InputQueue()
        self.page_reader = PageReader(lambda: self.config, self.input_queue.page)
        self.snapshot: Snapshot | None = None
        self.ended = False
        self._ending = False
        self._contact = Contact(relay)
        self._state = State(started_at=time.monotonic())
        self._saved_at = 0.0
        self._clock = Clock()
        self._zone = local_zone()
        self._last_wall: float | None = None
        self._writing: asyncio.Future[object] | None = None
        self._turn_lock = asyncio.Lock()
        self._reloading: asyncio.Task[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self.on_show: Callable[[], None] = lambda: None
        self.history_fault = ""

    @property
    def config(self) -> Config:
        """In force: the file, the profile and the edits."""
        return self._configuration.in_force

    @property
    def file(self) -> Config:
        """What the configuration file has."""
        return self._configuration.file

    async def restore(self, *, found_closed: bool | None) -> None:
        """Read the contact back, and restore the state from the journal.

        Args:
            found_closed: where the contact was before this start opened it; None: the board could not report it.
        """
        await self._contact.read()
        moment = self._clock.moment()
        found = await self.journal.load(moment)
        self._last_wall = found.last_wall
        await self._begin(found, moment, found_closed=found_closed, torn=found.torn)
        await self._overlay()
        self._configuration.log_warnings()

    async def _begin(self, found: Found, moment: Moment, *, found_closed: bool | None, torn: str) -> None:
        """Restore the state and write it; if that fails, the record of an earlier process may be incomplete too."""
        self._state, events = recovery.restore(found.saved, moment, self.config, torn=bool(torn), found=found_closed)
        started = Event(
            kind="started",
            fields={
                "closed": self._contact.read_back,
                "found_closed": found_closed,
                "relay": self._contact.description,
                "torn": torn or None,
            },
        )
        rows = self._rows([started, *events], moment)
        if not await self.journal.write(rows, self._saved(self._state, moment)) and not torn:
            self.journal.forget(rows)
            reason = f"neither the journal nor its mirror can be written: {self.journal.fault}"
            await self._begin(found, moment, found_closed=found_closed, torn=reason)
            return
        self._saved_at = moment.now
        if torn:
            _log.error("journal is torn", reason=torn)
        self._log_events([started, *events])

    async def run(self) -> None:
        """Turn for ever; ends only by an exception or by being cancelled.

        Raises:
            ExhaustedError: the relay can do nothing any more, not even open; a new process can.
        """
        while True:
            began = time.monotonic()
            async with self._turn_lock:
                await self.turn()
            notify("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + TICK - time.monotonic())):
                    await self.input_queue.arrived.wait()

    async def turn(self) -> None:
        """Take the inputs, decide, write down, act, show; nothing once the end has begun."""
        if self._ending:
            return
        await self._contact.read()
        moment = self._clock.moment(not_before=self._last_wall)
        inputs, waiting = self.input_queue.take(self._inputs(moment))
        try:
            outcome = await self._take(inputs, moment)
        except BaseException:
            self.input_queue.keep_waiting(waiting)
            raise
        answer(waiting, outcome)

    async def _take(self, inputs: Inputs, moment: Moment) -> Outcome:
        """Decide on the inputs, write down, act, show."""
        before = self._state
        self._contact.begin_turn()
        step = controller.step(before, inputs, moment.now)
        if step.close and not self._contact.commanded_closed:
            await self._close(before, step, inputs, moment)
        else:
            await self._keep(before, step, moment)
        if not self._configuration.is_overlaid(self._state.durable):
            await self._overlay()
        self._show(moment)
        journal, written = self.journal, self._writing is None
        return Outcome(
            obeyed=self._contact.obeys,
            durable=written and journal.durable,
            in_sidecar=written and journal.in_sidecar,
            journal_fault=journal.fault if written else "the disk has not answered yet",
        )

    def _inputs(self, moment: Moment) -> Inputs:
        local = time.localtime(moment.wall)
        return Inputs(
            settings=self.config,
            page_fault=bool(self.page_reader.fault),  # a text that another thread replaces as a whole
            read_back=ReadBack(closed=self._contact.read_back, at=self._contact.read_at),
            relay_error=self._contact.command_failed,
            journal_ok=self.journal.keeps_records,
            wall=moment.wall,
            wall_sane=moment.wall_sane,
            minute_of_day=local.tm_hour * 60 + local.tm_min,
        )

    # --- write down and act

    async def _close(self, before: State, step: Step, inputs: Inputs, moment: Moment) -> None:
        """Write the run down, then close the contact; if the run cannot be written, decide again with that known."""
        await self._finish_writing()
        rows = self._rows(step.events, moment)
        durable = await self.journal.write(rows, self._saved(step.state, moment))
        if not durable and inputs.journal_ok:
            self.journal.forget(rows)
            step = controller.step(before, replace(inputs, journal_ok=False), moment.now)
            self._log_events(step.events)
            await self.journal.write(self._rows(step.events, moment), self._saved(step.state, moment))
        else:
            self._log_events(step.events)
        self._saved_at = moment.now
        self._state = step.state
        if not step.close:
            return
        # The reason is shown before the contact moves.
        await self._contact.close(before_it_moves=partial(self._show, moment))
        if self._contact.command_failed:
            self.input_queue.arrived.set()

    async def _keep(self, before: State, step: Step, moment: Moment) -> None:
        """Open the contact, or leave it as it is: act first, for opening waits for no disk; then write down."""
        self._state = step.state
        if step.close:
            await self._contact.keep_lease(moment.now)
        else:
            await self._contact.keep_open(moment.now)
        save, until = self._must_save(before, step, moment.now), self._snapshot(moment).ends_at
        if save or step.events:
            await self._record(step.events, save=save, moment=moment, until=until)
        else:
            await self._write(self.journal.retry(), until)

    def _must_save(self, before: State, step: Step, now: float) -> bool:
        """Return whether the durable state is written in this turn."""
        durable, known = step.state.durable, before.durable
        if replace(durable, relay_errors=known.relay_errors, engine_seconds=known.engine_seconds) != known:
            return True
        # A count of errors is written every 10 s, and the engine's seconds every minute. With the contact open, the
        # moment alone is written now and then: after a reboot without a right clock, only the time up to it counts as
        # passed.
        since = now - self._saved_at
        counted = step.close or durable.relay_errors != known.relay_errors
        runs = durable.engine_seconds != known.engine_seconds
        return since >= OPEN_TICK or (counted and since >= recovery.DURABLE_TICK) or (runs and since >= MINUTE)

    @staticmethod
    def _saved(state: State, moment: Moment) -> Saved:
        return Saved(durable=state.durable, moment=moment)

    def _rows(self, events: Sequence[Event], moment: Moment) -> list[Row]:
        if events and moment.wall_sane:
            self._last_wall = moment.wall
        return [
            self.journal.row(
                wall=moment.wall,
                sane=moment.wall_sane,
                kind=event.kind,
                level=str(event.level),
                text=wording.events.event(event),
                fields=event.fields,
            )
            for event in events
        ]

    async def _record(
        self, events: Sequence[Event], *, save: bool, moment: Moment | None = None, until: float | None = None
    ) -> None:
        """Log events and write them down, with the durable state if asked for; see `_write`."""
        moment = moment or self._clock.moment(not_before=self._last_wall)
        self._log_events(events)
        if save:
            self._saved_at = moment.now
        saved = self._saved(self._state, moment) if save else None
        await self._write(self.journal.write(self._rows(events, moment), saved), until)

    async def _write(self, writing: Coroutine[Any, Any, object], until: float | None) -> None:
        """Write, and wait for it, but not beyond the end of the run: the turn that opens the contact comes first."""
        await self._finish_writing()
        self._writing = asyncio.ensure_future(writing)
        seconds = None if until is None else max(SHORTEST_WRITE, until - time.monotonic())
        await asyncio.wait({self._writing}, timeout=seconds)
        if self._writing.done():
            await self._finish_writing()

    async def _finish_writing(self) -> None:
        """Wait for the write that an earlier turn did not wait for: there is one at a time."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await asyncio.shield(writing)

    @staticmethod
    def _log_events(events: Sequence[Event]) -> None:
        emit = {Level.INFO: _log.info, Level.WARNING: _log.warning, Level.ERROR: _log.error}
        for event in events:
            fields: dict[str, Any] = {"text": wording.events.event(event), **event.fields}
            if event.kind in FLAPPING:
                _log.limited(event.kind, event.kind, level=event.level, **fields)
            else:
                emit[event.level](event.kind, **fields)

    # --- show

    def _show(self, moment: Moment) -> None:
        self.snapshot = self._snapshot(moment)
        self.on_show()

    def _snapshot(self, moment: Moment) -> Snapshot:
        contact = self._contact
        return Snapshot(
            state=self._state,
            config=self.config,
            now=moment.now,
            wall=moment.wall,
            wall_sane=moment.wall_sane,
            commanded_closed=contact.commanded_closed,
            read_back=contact.read_back if contact.can_read_back else None,
            relay=contact.description,
            can_read_back=contact.can_read_back,
            relay_fault=contact.fault,
            journal_fault=self.journal.lasting_fault,
            mirror_fault=self.journal.mirror_fault,
            history_fault=self.history_fault,
            page_fault=self.page_reader.fault,
            profiles=tuple(self.file.profiles),
            site=self.page_reader.site,
            zone=self._zone,
        )

    # --- profile and edits, reload and end

    async def _overlay(self) -> None:
        """Put the recorded profile and edits in force; write it down if they were dropped."""
        durable, dropped = self._configuration.overlay(self._state.durable)
        if dropped is not None:
            self._state = replace(self._state, durable=durable)
            moment = self._clock.moment(not_before=self._last_wall)
            await self._record([dropped], save=True, moment=moment, until=self._snapshot(moment).ends_at)

    async def reload(self, users: Collection[str]) -> None:
        """Put the file's configuration in force as a whole, or keep the old one. From any thread.

        Args:
            users: of `--web.config.file`; `access` may name no others.

        Raises:
            ConfigError: the new one is wrong, or cannot be put in force now.
            RelayError: the new relay cannot be opened; the old one stays.
            DeadlineError: the file cannot be read.
            CancelledError: the program ends.
        """
        new = await self._configuration.read(users)
        # The caller may disconnect: shield this part, so that only the end of the program cancels it.
        await asyncio.shield(
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._between_turns(new), self._loop))
        )

    async def _between_turns(self, new: Config) -> None:
        if self._ending:
            raise asyncio.CancelledError
        self._reloading = asyncio.current_task()
        async with self._turn_lock:
            await self._put_in_force(new)

    async def _put_in_force(self, new: Config) -> None:
        contact = self._contact
        contact_open = not contact.commanded_closed and contact.read_back is False
        self._configuration.check_change(new, contact_open=contact_open)
        if new.relay != self.config.relay:
            await contact.change_relay(new.relay)
            await self._finish_writing()
            self.journal.remember(new.relay)
        self._configuration.file = new
        await self._overlay()
        # Shown before the caller is answered that it is in force.
        self._show(self._clock.moment(not_before=self._last_wall))
        self._configuration.log_warnings()

    async def end(self, reason: str) -> bool:
        """Open the contact as the last act; return whether it is confirmed open."""
        self._ending = True
        # First: a change of the relay that goes on would open or dispose of the one that is opened below.
        if self._reloading is not None:
            await end(self._reloading, seconds=RELOAD_END_SECONDS)
        was_closed = self._contact.commanded_closed
        opening = await self._contact.open_finally()
        self.input_queue.dismiss()
        self.ended = True
        self.on_show()
        run = self._state.durable.run
        if run is not None and opening.confirmed:
            ended = replace(run, opened_at=time.monotonic())
            self._state = replace(self._state, durable=replace(self._state.durable, run=ended))
        try:
            await self._record([self._end_event(reason, opening, was_closed=was_closed)], save=True)
            await self.journal.close()
        except Exception as error:  # noqa: BLE001 - the contact is what counts; the missing row is logged
            _log.error("the last row could not be written", error=error)
        return opening.confirmed

    def _end_event(self, reason: str, opening: Opening, *, was_closed: bool) -> Event:
        if opening.confirmed:
            level, is_open = Level.INFO, True
        elif opening.done:
            level, is_open = Level.WARNING, None
        else:
            level, is_open = Level.ERROR, False
        run = self._state.durable.run
        return Event(
            kind="contact_opened" if was_closed and opening.confirmed else "ended",
            level=level,
            fields={
                "reason": "end",
                "proven": opening.confirmed,
                "run": None if run is None else run.number,
                "cause": None if run is None else run.cause,
            },
            values={"why": reason, "contact_open": is_open},
        )
