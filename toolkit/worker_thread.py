"""Blocking work in a thread of its own, each piece with a deadline, so that no device or disk can stall the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")

_MOST_STUCK = 4


class StuckError(Exception):
    """The work was not done within its deadline; it may still be done later, unseen."""


class NoTryLeftError(StuckError):
    """So many pieces hang that no other is begun."""


class Worker:
    """One thread that does what it is given in order.

    A piece of work that passes its deadline is given up: its thread is left behind and a new one takes over. Threads
    that stay behind are counted; beyond four of them everything fails at once until one comes back.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stuck: list[threading.Thread] = []
        self._start()

    def _start(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T], seconds: float) -> T:
        """Return what the work returns, or raise what it raises.

        Raises:
            StuckError: it took longer than `seconds`.
            NoTryLeftError: it was not begun.
        """
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if len(self._stuck) > _MOST_STUCK:
            raise NoTryLeftError(f"{len(self._stuck)} earlier attempts still hang")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(lambda: _settle(loop, future, work))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            if not future.cancelled():
                raise
            self._stuck.append(self._thread)
            self._queue.put(None)
            self._start()
            raise StuckError(f"no answer within {seconds:g} s") from None

    def stop(self) -> None:
        """End the thread after what it has been given."""
        self._queue.put(None)


def _serve(pieces: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (piece := pieces.get()) is not None:
        piece()


def _settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
    """Do the work here, in the thread, and hand its outcome to the loop, which may be gone by then."""
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 - not swallowed: raised again where the work was asked for
        _tell(loop, future, partial(future.set_exception, error))
    else:
        _tell(loop, future, partial(future.set_result, result))


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], outcome: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop closed meanwhile: nobody waits any more
        loop.call_soon_threadsafe(lambda: None if future.done() else outcome())
