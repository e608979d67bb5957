"""A coroutine in a thread of its own: nobody waits for it, and its end is noticed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from toolkit.loop_thread import LoopThread


async def test_a_stuck_thread_holds_up_nobody() -> None:
    free, stuck = threading.Event(), threading.Event()

    async def main(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(0)
        stuck.set()
        free.wait(30)  # it blocks its loop, as a bug would

    thread = LoopThread("stuck", main)
    thread.start()
    try:
        async with asyncio.timeout(5):
            await thread.ready
            assert await asyncio.to_thread(stuck.wait, 5)
            assert thread.answers(), "nothing was asked before"
            assert not thread.answers()
            await thread.stop(0.05)
        assert not thread.ended.done()
    finally:
        free.set()
    async with asyncio.timeout(5):
        await thread.ended


async def test_what_it_raises_is_its_end() -> None:
    async def main(_ready: Callable[[], None]) -> None:
        raise OSError("cannot listen")

    thread = LoopThread("fails", main)
    thread.start()
    with pytest.raises(OSError, match="cannot listen"):
        await asyncio.wait_for(thread.ended, 5)
    assert not thread.ready.done()
    thread.call(lambda: None)  # its loop is closed, and nobody is told


async def test_a_thread_that_answers_is_stopped_at_once() -> None:
    async def main(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.Event().wait()

    thread = LoopThread("serves", main)
    thread.start()
    async with asyncio.timeout(5):
        await thread.ready
        assert thread.answers()
        await thread.stop(5)
        await thread.ended


async def test_a_thread_that_was_never_started_is_stopped() -> None:
    async def main(_ready: Callable[[], None]) -> None:
        raise AssertionError

    thread = LoopThread("never", main)
    await thread.stop(5)
    thread.call(lambda: None)
