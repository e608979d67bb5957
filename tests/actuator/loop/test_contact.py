"""The contact as the loop sees it: position, read-back, repeated opening, lease, and another relay."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from actuator.loop.contact import REPEAT, Contact
from actuator.relay import RelayConfig, RelayError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.simulated import Simulated


class Board(Simulated):
    """Synthetic: a board that may fail, may be stuck, may have a lease, and keeps a list of its commands."""

    def __init__(
        self, *, can_read_back: bool = True, lease: float | None = None, log: list[str] | None = None, name: str = ""
    ) -> None:
        super().__init__()
        self.can_read_back, self.lease = can_read_back, lease
        self.commands: list[str] = []
        self.fails = False
        self.stuck = False
        self._log, self._name = [] if log is None else log, name

    def _command(self, name: str, action: Callable[[], None]) -> None:
        self.commands.append(name)
        self._log.append(f"{self._name} {name}".strip())
        if self.fails:
            raise RelayError("unplugged")
        if not self.stuck:
            action()

    def open_contact(self) -> None:
        self._command("open", super().open_contact)

    def close_contact(self) -> None:
        self._command("close", super().close_contact)

    def renew(self) -> None:
        self._command("renew", lambda: None)

    def read_back(self) -> bool | None:
        if self.fails:
            raise RelayError("no answer")
        return super().read_back()

    def dispose(self) -> None:
        self._command("dispose", lambda: None)


def nothing() -> None:
    """Do nothing before the contact moves."""


def contact_of(board: Board) -> Contact:
    return Contact(AsyncRelay(lambda: board))


async def test_position_and_time_of_reading() -> None:
    board = Board()
    contact = contact_of(board)
    seen: list[tuple[bool, list[str]]] = []
    began = time.monotonic()
    await contact.close(before_it_moves=lambda: seen.append((contact.commanded_closed, list(board.commands))))
    assert seen == [(True, [])], "told before the board is commanded"
    assert (contact.read_back, contact.obeys, board.commands) == (True, True, ["close"])
    assert began <= contact.read_at <= time.monotonic()
    closed_at = contact.read_at
    await contact.keep_open(time.monotonic())
    assert (contact.commanded_closed, contact.read_back, contact.obeys) == (False, False, True)
    assert contact.read_at > closed_at
    await contact.keep_open(time.monotonic())
    assert board.commands == ["close", "open"], "what reads open is not commanded again"


async def test_failed_command_is_a_fault_until_the_board_answers() -> None:
    board = Board()
    contact = contact_of(board)
    board.fails = True
    await contact.keep_open(time.monotonic())
    assert (contact.command_failed, contact.read_back, contact.obeys) == (True, None, False)
    assert contact.fault == "unplugged"
    assert board.commands == ["open", "open"], "written again on a reopened device"
    board.fails = False
    await contact.read()
    assert contact.fault == "unplugged", "the failure of this turn stays until the next"
    contact.begin_turn()
    await contact.read()
    assert (contact.read_back, contact.fault, contact.obeys) == (False, "", True)


async def test_contact_opened_by_somebody_else() -> None:
    board = Board()
    contact = contact_of(board)
    await contact.close(nothing)
    Simulated.open_contact(board)
    await contact.read()
    assert (contact.commanded_closed, contact.read_back, contact.obeys) == (True, False, False)
    await contact.keep_open(time.monotonic())
    assert (contact.commanded_closed, contact.read_back, contact.obeys) == (False, False, True)


async def test_old_reading_does_not_outlive_a_failed_one() -> None:
    board = Board()
    contact = contact_of(board)
    await contact.close(nothing)
    board.fails = True
    await contact.read()
    assert (contact.read_back, contact.fault, contact.obeys) == (None, "no answer", False)
    board.fails = False
    await contact.read()
    assert (contact.read_back, contact.fault, contact.obeys) == (True, "", True)


async def test_contact_that_reads_closed_is_opened_each_turn() -> None:
    board = Board()
    contact = contact_of(board)
    await contact.close(nothing)
    board.stuck = True
    for _ in range(3):
        await contact.keep_open(time.monotonic())
    assert board.commands.count("open") == 3
    assert (contact.read_back, contact.obeys) == (True, False)
    assert contact.fault.endswith("still reads closed")


async def test_open_is_repeated_without_read_back() -> None:
    board = Board(can_read_back=False)
    contact = contact_of(board)
    now = 1000.0
    for later in (0.0, 1.0, REPEAT - 0.1, REPEAT, REPEAT + 1.0):
        await contact.keep_open(now + later)
    assert board.commands == ["open", "open"]
    assert (contact.read_back, contact.obeys) == (False, True), "believed to be where it was commanded"
    await contact.close(nothing)
    await contact.read()
    assert (contact.read_back, contact.obeys) == (True, True)
    board.fails = True
    await contact.keep_open(now + 2 * REPEAT)
    assert contact.read_back is None


async def test_lease_is_renewed_while_it_reads_closed() -> None:
    board = Board(lease=9.0)
    contact = contact_of(board)
    await contact.close(nothing)
    closed_at = time.monotonic()
    for later in (1.0, 2.5, 3.1, 4.0, 6.2):
        await contact.keep_lease(closed_at + later)
    assert board.commands == ["close", "renew", "renew"]
    contact.read_back = None
    await contact.keep_lease(closed_at + 20.0)
    assert board.commands == ["close", "renew", "renew"]


class NewRelay(RelayConfig, frozen=True, kw_only=True, tag="new"):
    """Synthetic: makes one board."""

    board: Board

    def make_relay(self, *, exclusive: bool = True) -> Board:
        assert exclusive
        return self.board


async def test_new_relay_opens_before_the_old_one_is_released() -> None:
    log: list[str] = []
    old, new = Board(log=log, name="old"), Board(log=log, name="new")
    contact = contact_of(old)
    await contact.change_relay(NewRelay(board=new))
    assert log == ["old open", "new open", "old dispose"]
    await contact.close(nothing)
    assert (new.commands[-1], old.commands[-1]) == ("close", "dispose")


@pytest.mark.parametrize("fault", ["fails", "stuck"])
async def test_failed_new_relay_leaves_the_old_one(fault: str) -> None:
    old, new = Board(), Board()
    contact = contact_of(old)
    new.close_contact()
    setattr(new, fault, True)
    with pytest.raises(RelayError):
        await contact.change_relay(NewRelay(board=new))
    assert new.commands[-1] == "dispose"
    await contact.close(nothing)
    assert old.commands[-1] == "close"
    assert contact.read_back is True


async def test_last_opening() -> None:
    board = Board()
    contact = contact_of(board)
    await contact.close(nothing)
    opening = await contact.open_finally()
    assert (opening.confirmed, contact.commanded_closed) == (True, False)
