from __future__ import annotations

import asyncio
import gc

import pytest

from toolkit.tasks import finish


async def test_work_of_a_cancelled_caller_ends_before_it_lets_go() -> None:
    lock, free, done = asyncio.Lock(), asyncio.Event(), list[str]()

    async def work() -> str:
        await free.wait()
        done.append("work")
        return "result"

    async def hold() -> str:
        async with lock:
            return await finish(work())

    caller = asyncio.create_task(hold())
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0.01)
    assert lock.locked()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (done, lock.locked()) == (["work"], False)


async def test_failure_of_work_whose_caller_was_cancelled_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    free = asyncio.Event()

    async def fail() -> None:
        await free.wait()
        raise ValueError("what was received")

    caller = asyncio.create_task(finish(fail()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    free.set()
    await asyncio.wait({caller})
    assert caller.cancelled()
    del caller
    gc.collect()
    assert not caplog.records


async def test_result_and_failure_are_the_caller_s() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def give() -> int:
        return 7

    assert await finish(give()) == 7
    with pytest.raises(ValueError, match="no"):
        await finish(fail())
