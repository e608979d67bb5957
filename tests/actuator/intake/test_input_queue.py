"""What waits for the next turn is bounded, "off" and inhibits are never kept out, and each sender gets its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

import pytest

from actuator.core.alert_path import MORE, MORE_NAME
from actuator.core.inputs import Command, Inputs, Notice, Page
from actuator.core.settings import Settings
from actuator.intake.input_queue import (
    MOST_COMMANDS,
    MOST_NOTICES,
    MOST_SENDERS,
    Answer,
    FullError,
    InputQueue,
    Outcome,
    answer,
)

OBEYED = Outcome(obeyed=True, durable=True, in_sidecar=True, journal_fault="")
AUTO, OFF = Command(action="auto"), Command(action="off")


def inhibit(number: int, *, firing: bool = True, starts_at: float = 1.0) -> Notice:
    return Notice(kind="inhibit", firing=firing, fingerprint=f"inhibit {number}", starts_at=starts_at)


def start(number: int) -> Notice:
    return Notice(kind="start", firing=True, fingerprint=f"start {number}", starts_at=1.0)


async def send(queue: InputQueue, *notices: Notice, beats: int = 0) -> asyncio.Task[Answer]:
    task = asyncio.ensure_future(queue.notices(notices, beats))
    await asyncio.sleep(0)
    return task


async def command(queue: InputQueue, command: Command) -> asyncio.Task[Answer]:
    task = asyncio.ensure_future(queue.command(command))
    await asyncio.sleep(0)
    return task


def turn(queue: InputQueue) -> Inputs:
    inputs, waiting = queue.take(Inputs(settings=Settings()))
    answer(waiting, OBEYED)
    return inputs


def fingerprints(notices: Iterable[Notice]) -> list[str]:
    return [notice.fingerprint for notice in notices]


async def test_one_turn_takes_everything_inhibits_first() -> None:
    queue = InputQueue()
    queue.page(Page(soc=0.1))
    queue.page(Page(soc=0.2))
    tasks = [await send(queue, start(1), inhibit(1), beats=1), await send(queue, inhibit(2)), await command(queue, OFF)]
    await asyncio.wait_for(queue.arrived.wait(), 5)
    inputs = turn(queue)
    assert inputs.page == Page(soc=0.2), "the newest page replaces an older one"
    assert fingerprints(inputs.notices) == ["inhibit 1", "inhibit 2", "start 1"]
    assert (inputs.beats, inputs.commands) == (1, (OFF,))
    assert await asyncio.gather(*tasks) == [OBEYED] * 3
    assert not queue.arrived.is_set()
    assert turn(queue) == Inputs(settings=Settings()), "nothing comes twice"


async def test_off_is_never_refused_and_keeps_its_place() -> None:
    queue = InputQueue()
    tasks = [await command(queue, AUTO) for _ in range(MOST_COMMANDS)]
    with pytest.raises(FullError, match="commands"):
        await queue.command(AUTO)
    offs = (OFF, Command(action="off", who="owner"), Command(action="off", topic="site/command"))
    tasks += [await command(queue, off) for _ in range(500) for off in offs]
    with pytest.raises(FullError):
        await queue.command(AUTO)
    assert turn(queue).commands == (*[AUTO] * MOST_COMMANDS, OFF), (
        "off, however often and from whom, is off, and in force"
    )
    assert set(await asyncio.gather(*tasks)) == {OBEYED}
    tasks = [await command(queue, OFF), await command(queue, AUTO)]
    assert turn(queue).commands == (OFF, AUTO), "what was commanded last is in force"
    await asyncio.gather(*tasks)


async def test_beyond_its_bound_the_queue_refuses_notices_but_no_inhibit() -> None:
    queue = InputQueue()
    accepted = await send(queue, *map(start, range(MOST_NOTICES)))
    with pytest.raises(FullError, match="notifications"):
        await queue.notices([start(-1), inhibit(1)], 1)
    inputs = turn(queue)
    assert fingerprints(inputs.notices) == ["inhibit 1", *(f"start {number}" for number in range(MOST_NOTICES))]
    assert inputs.beats == 0
    assert await accepted == OBEYED


async def test_inhibits_beyond_the_bound_become_one_that_blocks() -> None:
    queue = InputQueue()
    tasks = [await send(queue, *map(inhibit, range(body * 11_500, (body + 1) * 11_500))) for body in range(8)]
    inputs = turn(queue)
    assert len(inputs.notices) == MOST_NOTICES + 1
    assert (inputs.notices[-1].fingerprint, inputs.notices[-1].name) == (MORE, MORE_NAME)
    assert await asyncio.gather(*tasks) == [OBEYED] * 8
    with pytest.raises(FullError):
        await asyncio.gather(
            queue.notices([inhibit(number) for number in range(MOST_NOTICES)], 0),
            queue.notices([inhibit(-1, firing=False)], 0),
        )


async def test_one_inhibit_counts_once_with_its_newest_beginning_and_end() -> None:
    queue = InputQueue()
    for notice in (
        inhibit(1, starts_at=1.0),
        inhibit(2),
        inhibit(1, firing=False, starts_at=2.0),
        inhibit(1, firing=False, starts_at=1.0),
        inhibit(2, firing=False),
        inhibit(2, starts_at=7.0),
    ):
        await send(queue, notice)
    got = [(notice.fingerprint, notice.firing, notice.starts_at) for notice in turn(queue).notices]
    assert got == [
        ("inhibit 1", True, 1.0),
        ("inhibit 1", False, 2.0),
        ("inhibit 2", False, 1.0),
        ("inhibit 2", True, 7.0),
    ]


async def test_senders_that_have_gone_away_are_bounded_too_and_cost_nothing() -> None:
    queue = InputQueue()
    tasks = [await send(queue, beats=1) for _ in range(MOST_SENDERS)]
    with pytest.raises(FullError):
        await queue.notices([], 1)
    off = await command(queue, OFF)
    tasks[0].cancel()
    assert turn(queue).beats == MOST_SENDERS
    assert await off == OBEYED
    assert await asyncio.gather(*tasks[1:]) == [OBEYED] * (MOST_SENDERS - 1)


async def test_no_number_of_senders_that_have_gone_away_fills_the_queue() -> None:
    queue = InputQueue()
    for number in range(2 * MOST_SENDERS):
        gone = await (command(queue, OFF) if number % 2 else send(queue, beats=1))
        gone.cancel()
        await asyncio.wait({gone})
        assert len(queue._waiting) <= MOST_SENDERS
    stays = await send(queue, beats=1)
    assert turn(queue).commands == (OFF,) * MOST_COMMANDS, "what they have sent is used"
    assert await stays == OBEYED


async def test_the_end_dismisses_who_waits_and_who_comes_later() -> None:
    queue = InputQueue()
    waiting = await command(queue, AUTO)
    queue.dismiss()
    assert await waiting is None
    assert await queue.command(AUTO) is None


async def test_another_thread_wakes_the_turn_and_is_answered_on_its_own_loop() -> None:
    queue = InputQueue()
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(asyncio.run(queue.command(OFF))))
    thread.start()
    await asyncio.wait_for(queue.arrived.wait(), 5)
    assert turn(queue).commands == (OFF,)
    await asyncio.to_thread(thread.join, 5)
    assert answers == [OBEYED]
