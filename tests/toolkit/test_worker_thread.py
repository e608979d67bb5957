"""Calls in a thread, and their deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from toolkit.worker_thread import DeadlineError, Worker


def answer() -> str:
    return "an answer"


def fail() -> str:
    raise TimeoutError("of the call itself")


@pytest.mark.parametrize("call", [answer, fail])
async def test_call_that_returns_as_its_deadline_passes_is_answered(call: Callable[[], str]) -> None:
    worker = Worker("test")
    called = threading.Event()

    def call_and_tell() -> str:
        called.set()
        return call()

    asked = asyncio.create_task(worker.do(call_and_tell, 0.05))
    await asyncio.sleep(0)
    assert called.wait(5)
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy for so long: the answer and the deadline come in one turn of it
    if call is fail:
        with pytest.raises(TimeoutError, match="of the call itself"):
            await asked
    else:
        assert await asked == "an answer"
    worker.stop()


async def test_call_that_hangs_is_abandoned_at_its_deadline() -> None:
    worker = Worker("test")
    with pytest.raises(DeadlineError, match=r"no answer within 0\.05 s"):
        await worker.do(lambda: time.sleep(0.3), 0.05)
    assert await worker.do(lambda: "the next one", 5.0) == "the next one"
    worker.stop()
