"""The loop: everything that comes in is a step of the controller, and what the step wants is done to the relay.

One turn a second, and one more for each event. A turn reads the board, decides, writes down what must be written, moves
the contact, and shows what it did. Nothing else moves the contact, save the first opening at start and the last one at
the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from actuator import config as configuration
from actuator.config import Config
from actuator.config_warnings import warnings
from actuator.core import controller, recovery
from actuator.core.inputs import Inputs
from actuator.core.state import Event, Level, Moment, Saved, State, Step
from actuator.intake.input_queue import InputQueue, Outcome
from actuator.intake.page_reader import PageReader
from actuator.journal import AsyncJournal, Row
from actuator.loop.clock import Clock
from actuator.relay import RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.report.snapshot import Snapshot
from toolkit import log
from toolkit.config import ConfigError
from toolkit.notify import notify
from toolkit.worker_thread import NoTryLeftError

TICK = 1.0
"""Seconds between two turns without an event."""

OPEN_TICK = 600.0
"""Seconds between two snapshots while it is open."""

OPENING = 5.0
"""Seconds for which the last opening is tried."""

REPEAT = 10.0
"""Seconds after which a board that cannot be read back is told to open again: it may have missed the order, and a port
that is gone is noticed before it is needed."""

_SAID = {True: "closed", False: "open", None: "nothing that can be read"}

_LAST = {
    True: (Level.INFO, "is open"),
    None: (Level.WARNING, "was told to open, and this board cannot be read back"),
    False: (Level.ERROR, "could not be proven open"),
}

_log = log.get(__name__)


class Runtime:
    """One actuator at work.

    Attributes:
        config: in force.
        inbox: where everything comes in.
        snapshot: what the last turn ended with; None before the first.
        ended: the contact has been opened for the last time.
    """

    def __init__(self, config: Config, config_file: Path, hand: AsyncRelay, keeper: AsyncJournal) -> None:
        self.config = config
        self.inbox = InputQueue()
        self.snapshot: Snapshot | None = None
        self.ended = False
        self._ending = False
        self.feedback = PageReader(lambda: self.config, self.inbox.page)
        self._config_file, self._hand, self.keeper = config_file, hand, keeper
        self._state = State(started_at=time.monotonic())
        self._wanted = False
        self._read_back: bool | None = None
        self._relay_error = False
        self._relay_fault = ""
        self._renewed_at = 0.0
        self._opened_at = 0.0
        self._saved_at = 0.0
        self._clock = Clock()
        self._last_wall: float | None = None
        self._turning = asyncio.Lock()
        self._watchers: set[asyncio.Event] = set()

    async def restore(self, *, found_closed: bool | None) -> None:
        """Ask the board, and take up what the journal knows.

        Args:
            found_closed: where the contact was before this start opened it; None: the board could not say.
        """
        self._read_back = await self._ask()
        here = self._clock.moment()
        found = await self.keeper.load(here)
        self._last_wall = found.last_wall
        self._state, events = recovery.restore(
            found.saved, here, self.config, torn=bool(found.torn), found=found_closed
        )
        if found.torn:
            _log.error("journal is torn", reason=found.torn)
        started = Event(
            kind="started",
            text=f"The actuator has started; the contact reads {_SAID[self._read_back]}.",
            fields={
                "closed": self._read_back,
                "found_closed": found_closed,
                "relay": self._hand.description,
                "torn": found.torn or None,
            },
        )
        await self._tell([started, *events], save=True)
        self._warn()

    async def run(self) -> None:
        """Turn for ever; ends only by an exception or by being cancelled.

        A hand that cannot even try to open any more is one: what is started anew after us can.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.feedback.run(), name="feedback")
            while True:
                began = time.monotonic()
                async with self._turning:
                    await self.turn()
                notify("WATCHDOG=1")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, began + TICK - time.monotonic())):
                        await self.inbox.arrived.wait()

    async def turn(self) -> None:
        """Read the board, decide, write down, act, show; nothing any more once the end has begun."""
        if self._ending:
            return
        self._read_back = await self._ask()
        here = self._clock.moment(not_before=self._last_wall)
        inputs, waiting = self.inbox.empty(self._inputs(here))
        try:
            outcome = await self._decide(inputs, here)
        except BaseException:
            self.inbox.keep_waiting(waiting)
            raise
        for future in waiting:
            if not future.done():
                future.set_result(outcome)

    async def _decide(self, inputs: Inputs, here: Moment) -> Outcome:
        before = self._state
        self._relay_error = False
        step = controller.step(before, inputs, here.now)
        if step.close and not self._wanted:
            step = await self._close(before, step, inputs, here)
        else:
            self._state = step.state
            if not step.close:
                await self._open(here.now)
            elif self._hand.lease is not None:
                await self._renew(here.now)
            save = self._worth_saving(before, step, here.now)
            if save or step.events:
                await self._tell(step.events, save=save, here=here)
            else:
                await self.keeper.retry()
        self._show(here)
        in_place = not self._hand.can_read_back or self._read_back is self._wanted
        return Outcome.OBEYED if in_place and not self._relay_error else Outcome.NOT_OBEYED

    # --- the relay

    async def _ask(self) -> bool | None:
        """Read the board back; a board that cannot say is believed to be where it was last written without an error."""
        if not self._hand.can_read_back:
            return self._read_back
        try:
            read_back = await self._hand.read_back()
        except RelayError as error:
            self._relay_fault = self._relay_fault or str(error)
            _log.limited("read-back", "relay cannot be read back", level="error", error=error)
            return None
        if not self._relay_error:
            self._relay_fault = ""
        _log.recovered("read-back", "relay is read back again", closed=read_back)
        return read_back

    async def _close(self, before: State, step: Step, inputs: Inputs, here: Moment) -> Step:
        """Close the contact, once, after its run is on the disk; what cannot be written is decided anew as such."""
        rows = self._rows(step.events, here)
        durable = await self.keeper.write(rows, self._saved(step.state, here))
        if not durable and inputs.journal_ok:
            self.keeper.forget(rows)
            step = controller.step(before, replace(inputs, journal_ok=False), here.now)
            self._say(step.events)
            await self.keeper.write(self._rows(step.events, here), self._saved(step.state, here))
        else:
            self._say(step.events)
        self._saved_at = here.now
        self._state = step.state
        if not step.close:
            return step
        self._wanted = True
        # Who sees the contact move finds the reason shown already.
        self._show(here)
        try:
            await self._hand.close_contact()
            self._renewed_at = time.monotonic()
            self._read_back = await self._ask() if self._hand.can_read_back else True
        except RelayError as error:
            await self._failed("closing", error)
            self.inbox.arrived.set()
        return step

    async def _open(self, now: float) -> None:
        """Open the contact unless it reads open: write, and if that fails let go of the device and write again."""
        trusted = self._hand.can_read_back or now - self._opened_at < REPEAT
        if not self._wanted and self._read_back is False and trusted:
            return
        self._wanted = False
        try:
            self._read_back = await opened(self._hand)
        except RelayError as error:
            await self._failed("opening", error)
        else:
            self._opened_at = now
            self._relay_fault = "" if self._read_back is False else f"{self._hand.description} still reads closed"
            if self._read_back is False:
                _log.recovered("opening", "relay obeys again")
                _log.recovered("closing", "relay obeys again")

    async def _renew(self, now: float) -> None:
        """Keep a leased contact closed for another lease, but only while the board says that it is closed."""
        lease = self._hand.lease
        if lease is None or self._read_back is not True or now - self._renewed_at < lease / 3:
            return
        try:
            await self._hand.renew()
        except RelayError as error:
            _log.limited("renewing", "lease cannot be renewed, the contact will open by itself", error=error)
        else:
            self._renewed_at = now
            _log.recovered("renewing", "lease is renewed again")

    async def _failed(self, what: str, error: RelayError) -> None:
        """Note that an order failed; where that left the contact only the board can say."""
        self._relay_error, self._relay_fault, self._read_back = True, str(error), None
        _log.limited(what, f"{what} the contact failed", level="error", error=error)
        self._read_back = await self._ask()

    # --- what is written and shown

    def _worth_saving(self, before: State, step: Step, now: float) -> bool:
        """Whether the durable state goes to the disk in this turn.

        A count of errors waits for its tenth second. With the contact open the moment alone is worth a write now and
        then: over a reboot without a clock that is right, no more time has passed than up to there.
        """
        durable = step.state.durable
        if replace(durable, relay_errors=before.durable.relay_errors) != before.durable:
            return True
        counted = durable.relay_errors != before.durable.relay_errors
        since = now - self._saved_at
        return since >= OPEN_TICK or ((step.close or counted) and since >= recovery.DURABLE_TICK)

    def _inputs(self, here: Moment) -> Inputs:
        local = time.localtime(here.wall)
        return Inputs(
            settings=self.config,
            page_fault=bool(self.feedback.fault),
            read_back=self._read_back,
            relay_error=self._relay_error,
            journal_ok=not self.keeper.lasting_fault,
            wall=here.wall,
            wall_sane=here.wall_sane,
            minute_of_day=local.tm_hour * 60 + local.tm_min,
        )

    @staticmethod
    def _saved(state: State, here: Moment) -> Saved:
        return Saved(durable=state.durable, moment=here)

    def _rows(self, events: Sequence[Event], here: Moment) -> list[Row]:
        if events and here.wall_sane:
            self._last_wall = here.wall
        return [
            self.keeper.row(
                wall=here.wall,
                sane=here.wall_sane,
                kind=event.kind,
                level=str(event.level),
                text=event.text,
                fields=event.fields,
            )
            for event in events
        ]

    async def _tell(self, events: Sequence[Event], *, save: bool, here: Moment | None = None) -> None:
        """Say events and write them down, with the durable state when asked."""
        here = here or self._clock.moment(not_before=self._last_wall)
        self._say(events)
        if save:
            self._saved_at = here.now
        await self.keeper.write(self._rows(events, here), self._saved(self._state, here) if save else None)

    @staticmethod
    def _say(events: Sequence[Event]) -> None:
        say = {Level.INFO: _log.info, Level.WARNING: _log.warning, Level.ERROR: _log.error}
        for event in events:
            say[event.level](event.kind, text=event.text, **event.fields)

    def _show(self, here: Moment) -> None:
        self.snapshot = Snapshot(
            state=self._state,
            config=self.config,
            now=here.now,
            wall=here.wall,
            wall_sane=here.wall_sane,
            wanted=self._wanted,
            read_back=self._read_back if self._hand.can_read_back else None,
            relay=self._hand.description,
            can_read_back=self._hand.can_read_back,
            relay_fault=self._relay_fault,
            journal_fault=self.keeper.lasting_fault,
            feedback_fault=self.feedback.fault,
        )
        for watcher in self._watchers:
            watcher.set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set after each turn."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    # --- reload and end

    async def reload(self) -> None:
        """Swap the whole configuration, or keep the old one.

        Raises:
            ConfigError: the new one is wrong, or cannot be taken up now.
            RelayError: the new relay cannot be had; the old one stays.
        """
        new = await asyncio.to_thread(configuration.load, self._config_file)
        async with self._turning:
            await self._swap(new)

    async def _swap(self, new: Config) -> None:
        file = str(self._config_file)
        if new.journal != self.config.journal:
            raise ConfigError(
                "journal", f"{new.journal} instead of {self.config.journal}", "a restart for that", file=file
            )
        if new.relay != self.config.relay:
            if self._wanted or self._read_back is not False:
                raise ConfigError("relay", "a change", "the contact of the old one to be open first", file=file)
            await self._change_relay(new.relay)
            self.keeper.remember(new.relay)
        self.config = new
        # Who has been told that it is in force finds it shown.
        self._show(self._clock.moment(not_before=self._last_wall))
        self._warn()

    def _warn(self) -> None:
        for sentence in warnings(self.config):
            _log.warning("configuration is odd", text=sentence)

    async def _change_relay(self, new: RelayConfig) -> None:
        """Have the new relay open before the old one is let go of; both may be one board, or one serial line."""
        await opened(self._hand)
        await self._hand.disconnect()
        hand = AsyncRelay(new)
        try:
            await _proven_open(hand)
        except RelayError:
            await hand.let_go()
            self._read_back = await self._ask()
            raise
        old, self._hand = self._hand, hand
        await old.let_go()
        await hand.disconnect()  # what both held alike is held again with the next order
        self._read_back = await self._ask() if hand.can_read_back else False

    async def end(self, why: str) -> bool:
        """Open the contact as the last act; return whether it is proven open."""
        self._ending = True
        was_closed = self._wanted
        try:
            last = await open_surely(self._hand)
        except NoTryLeftError as error:
            _log.error("a new hand tries to open the contact", error=error)
            last = await open_surely(AsyncRelay(self.config.relay))
        proven = last is True
        self.inbox.dismiss()
        self.ended = True
        for watcher in self._watchers:
            watcher.set()
        level, said = _LAST[last]
        text = f"The actuator ends ({why}); the contact {said}."
        kind = "contact_opened" if was_closed and proven else "ended"
        run = self._state.durable.run
        event = Event(
            kind=kind,
            text=text,
            level=level,
            fields={
                "reason": "end",
                "proven": proven,
                "run": None if run is None else run.number,
                "cause": None if run is None else run.cause,
            },
        )
        if run is not None and proven:
            ended = replace(run, opened_at=time.monotonic())
            self._state = replace(self._state, durable=replace(self._state.durable, run=ended))
        self._wanted = False
        try:
            await self._tell([event], save=True)
            await self.keeper.close()
        except Exception as error:  # noqa: BLE001 - the contact is what counts; the row is said to be missing
            _log.error("the last row could not be written", error=error)
        return proven


async def open_surely(hand: AsyncRelay, seconds: float = OPENING, *, cause: str = "opening") -> bool | None:
    """Open the contact and read it back, over and over for at most `seconds`; return whether it is proven open.

    None: the board took the order and cannot be read back. A failure is said once for each `cause`.

    Raises:
        RelayHeldError: another controller has the relay.
        NoTryLeftError: nothing can be tried with this hand.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if await opened(hand) is False:
                        return True if hand.can_read_back else None
                except RelayHeldError:
                    raise
                except RelayError as error:
                    _log.limited(cause, "opening the contact failed", level="error", error=error)
                await asyncio.sleep(0.1)
    return False


async def _proven_open(hand: AsyncRelay) -> None:
    if await opened(hand) is not False:
        raise RelayError(f"{hand.description} reads closed after it was opened")


async def opened(hand: AsyncRelay) -> bool | None:
    """Write *open*, with the device opened anew if that fails, and return what is read back.

    Raises:
        RelayError: neither write was taken, or the board cannot be read.
    """
    try:
        await hand.open_contact()
    except RelayError:
        await hand.disconnect()
        await hand.open_contact()
    return await hand.read_back() if hand.can_read_back else False
