"""Opening the contact: written, reopened and written again, read back, for a bounded time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from actuator.relay import RelayError, RelayHeldError, opening
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from actuator.relay.simulated import Simulated
from tests.actuator.harness.hanging_relay import Hanging


class Failing(Simulated):
    """Synthetic: fails by a list, one error a command, and keeps a list of the calls."""

    def __init__(self, *errors: RelayError | None, can_read_back: bool = True, welded: bool = False) -> None:
        super().__init__()
        self.close_contact()
        self.errors = list(errors)
        self.can_read_back = can_read_back
        self.welded = welded
        self.calls: list[str] = []

    def open_contact(self) -> None:
        self.calls.append("open")
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        if not self.welded:
            super().open_contact()

    def disconnect(self) -> None:
        self.calls.append("disconnect")

    def read_back(self) -> bool | None:
        self.calls.append("read")
        return super().read_back()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SECONDS", 0.5)
    monkeypatch.setattr(opening, "PAUSE", 0.01)
    monkeypatch.setattr(opening, "COMMAND_PAUSE", 0.01)


async def test_failed_write_is_repeated_on_a_reopened_device() -> None:
    board = Failing(RelayError("unplugged"))
    it = Opening(AsyncRelay(lambda: board))
    assert await it.attempt()
    assert board.calls == ["open", "disconnect", "open", "read"]
    assert (it.sent, it.confirmed, it.done, it.fault) == (True, True, True, "")


async def test_attempt_writes_at_most_twice() -> None:
    board = Failing(RelayError("unplugged"), RelayError("still unplugged"))
    it = Opening(AsyncRelay(lambda: board))
    with pytest.raises(RelayError, match="still unplugged"):
        await it.attempt()
    assert board.calls == ["open", "disconnect", "open"]
    assert (it.sent, it.confirmed, it.done) == (False, False, False)


async def test_repeats_until_it_reads_open() -> None:
    board = Failing(*[RelayError("unplugged")] * 4)
    failures: list[str] = []
    it = Opening(AsyncRelay(lambda: board))
    assert await it.repeat(on_failure=lambda error: failures.append(str(error)))
    assert failures == ["unplugged", "unplugged"]
    assert it.confirmed


async def test_contact_that_stays_closed_is_given_up_in_time() -> None:
    board = Failing(welded=True)
    it = Opening(AsyncRelay(lambda: board))
    began = asyncio.get_running_loop().time()
    assert not await it.repeat()
    assert 0.4 < asyncio.get_running_loop().time() - began < 2.0
    assert board.calls.count("open") > 3
    assert (it.sent, it.closed, it.done, it.fault) == (True, True, False, "it still reads closed")


async def test_hanging_board_is_given_up_in_time() -> None:
    free = threading.Event()
    relay = AsyncRelay(lambda: Hanging(free))
    it = Opening(relay)
    began = asyncio.get_running_loop().time()
    try:
        assert not await it.repeat()
        assert asyncio.get_running_loop().time() - began < 2.0
        assert it.fault == "no answer within 0.5 s"
    finally:
        free.set()
        await relay.dispose()


@pytest.mark.parametrize("commands", [1, 3])
async def test_commands_to_a_board_without_read_back(commands: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SECONDS", 30.0)  # time enough for all of them on a busy machine
    board = Failing(can_read_back=False)
    it = Opening(AsyncRelay(lambda: board), commands=commands)
    assert await it.repeat()
    assert board.calls == ["open"] * commands
    assert (it.sent, it.confirmed, it.done) == (True, False, True)


async def test_failed_later_command_restarts_the_attempt() -> None:
    board = Failing(None, RelayError("unplugged"), RelayError("unplugged"), can_read_back=False)
    it = Opening(AsyncRelay(lambda: board), commands=2)
    assert await it.repeat()
    assert board.calls == ["open", "open", "disconnect", "open", "open", "open"]


async def test_held_relay_is_refused_or_waited_for() -> None:
    def held() -> Failing:
        return Failing(*[RelayHeldError("held by another controller")] * 4)

    attempts: tuple[Callable[[Opening], object], ...] = (Opening.attempt, Opening.repeat)
    for attempt in attempts:
        board = held()
        with pytest.raises(RelayHeldError):
            await attempt(Opening(AsyncRelay(lambda board=board: board)))  # type: ignore[misc]
        assert board.calls == ["open", "disconnect", "open"]
    board = held()
    assert await Opening(AsyncRelay(lambda: board)).repeat(wait_for_holder=True)
