"""A coroutine on an event loop of its own, in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any


class LoopThread:
    """Runs a coroutine in a daemon thread. No other loop waits for what it does, and neither does the program's end.

    Args:
        name: of the thread.
        main: returns the coroutine, given a function that it calls once it is ready.

    Attributes:
        ready: done when the coroutine is ready, on the loop that this object was made on.
        ended: done when the thread ends, on the same loop, with the coroutine's error.
    """

    def __init__(self, name: str, main: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]) -> None:
        self._starter = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._starter.create_future()
        self.ended: asyncio.Future[None] = self._starter.create_future()
        self._loop = asyncio.new_event_loop()
        self._main = main
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._task: asyncio.Task[None] | None = None
        self._answered = True

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def call(self, callback: Callable[[], object]) -> None:
        """Have a function called on the thread's loop; never waits. Once the loop is closed, do nothing."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def answers(self) -> bool:
        """Return whether the loop has answered since the last time that this was asked, and ask it again."""
        if not self._answered:
            return False
        self._answered = False
        self.call(self._answer)
        return True

    async def stop(self, seconds: float) -> None:
        """Cancel the coroutine, if it was started, and wait for its end for at most so many seconds."""
        if self._thread.ident is None:
            self._loop.close()
            return
        self.call(self._cancel)
        await asyncio.wait({self.ended}, timeout=seconds)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _answer(self) -> None:
        self._answered = True

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._task = self._loop.create_task(self._main(self._report_ready))
            self._loop.run_until_complete(self._task)
        except BaseException as caught:  # noqa: BLE001 - not swallowed: it is the result of the future
            error = caught
        self._report(self.ended, error)
        self._loop.close()

    def _report_ready(self) -> None:
        self._report(self.ready, None)

    def _report(self, future: asyncio.Future[None], error: BaseException | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if isinstance(error, Exception):
                future.set_exception(error)
            else:
                future.set_result(None)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._starter.call_soon_threadsafe(settle)
