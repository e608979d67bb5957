"""Blocking calls in a thread of their own, each with a deadline, so that no device or disk can stall the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")

_MAX_ABANDONED = 4


class DeadlineError(Exception):
    """The call did not return within its deadline; it may still return later, unnoticed."""


class ExhaustedError(DeadlineError):
    """The call was not begun: too many earlier ones still hang."""


class Worker:
    """One thread that makes the calls it is given, in order.

    A call that passes its deadline is abandoned: its thread is left behind and a new one takes over. While more than
    four abandoned threads hang, every call fails at once.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._abandoned: list[threading.Thread] = []
        self._start()

    def _start(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True)
        self._thread.start()

    async def do(self, call: Callable[[], T], seconds: float) -> T:
        """Return what the call returns, or raise what it raises.

        Raises:
            DeadlineError: it took longer than `seconds`.
            ExhaustedError: it was not begun.
        """
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        if len(self._abandoned) > _MAX_ABANDONED:
            raise ExhaustedError(f"{len(self._abandoned)} earlier attempts still hang")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(lambda: _execute(loop, future, call))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            if not future.cancelled():
                # The call has returned, or raised this. On a busy machine that and the deadline can be met in one turn
                # of the event loop.
                return future.result()
            self._abandoned.append(self._thread)
            self._queue.put(None)
            self._start()
            raise DeadlineError(f"no answer within {seconds:g} s") from None

    def stop(self) -> None:
        """End the thread after the calls that it has been given."""
        self._queue.put(None)


def _serve(calls: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()


def _execute(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], call: Callable[[], T]) -> None:
    """Make the call here, in the thread, and report its outcome to the loop, which may be closed by then."""
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - not swallowed: raised again where the call was asked for
        _report(loop, future, partial(future.set_exception, error))
    else:
        _report(loop, future, partial(future.set_result, result))


def _report(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], outcome: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(lambda: None if future.done() else outcome())
