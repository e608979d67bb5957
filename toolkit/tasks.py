"""Tasks that have to end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_AGAIN_SECONDS = 0.5
"""After which a task that goes on is cancelled again."""


async def end(*tasks: asyncio.Task[None], seconds: float = math.inf, again: float = _AGAIN_SECONDS) -> None:
    """Cancel tasks until they have ended, for at most so many seconds, and after so many seconds again."""
    # Once is not enough: `asyncio.wait_for` of Python 3.11, which aiomqtt uses, loses a cancellation that comes in the
    # moment in which what it waits for is done.
    pending = {task for task in tasks if not task.done()}
    give_up = asyncio.get_running_loop().time() + seconds
    while pending and asyncio.get_running_loop().time() < give_up:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns. If this is cancelled, the work still ends first: it uses what the caller holds."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # nobody waits for it any more; retrieved so that asyncio does not log it
        raise
