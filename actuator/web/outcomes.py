"""What a turn has done with a request, and the answers when that is not all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiohttp import hdrs, web

from actuator.intake.input_queue import MOST_COMMANDS, Answer, FullError, Outcome
from actuator.report.wording import answers

TURN_TIMEOUT = 8.0
"""Seconds that a request waits for its turn; Alertmanager waits ten."""


async def in_time(awaited: Awaitable[Answer]) -> Outcome:
    """Return the outcome of the turn; answer 503 when no turn ends in time, or too much waits for it."""
    try:
        async with asyncio.timeout(TURN_TIMEOUT):
            outcome = await awaited
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text=answers.no_turn(TURN_TIMEOUT)) from None
    except FullError as error:
        text = answers.commands_wait(MOST_COMMANDS) if error.waiting == "commands" else answers.NOTIFICATIONS_WAIT
        raise web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: "1"}) from None
    if outcome is None:
        raise web.HTTPServiceUnavailable(text=answers.ENDING)
    return outcome


def refuse_disobeyed(outcome: Outcome, done: str, relay_fault: str) -> None:
    """Answer 503 if the relay failed in the turn."""
    if not outcome.obeyed:
        raise web.HTTPServiceUnavailable(text=answers.not_obeyed(done, relay_fault))


def refuse_unwritten(outcome: Outcome, done: str, *, forbids: bool) -> None:
    """Answer 503 while something is unwritten that would be lost by a restart."""
    # What forbids a run is safe in the sidecar alone. A sidecar that is ahead of its database makes the next start
    # torn, and a torn start keeps the inhibits of both, and mode off of either.
    if not outcome.durable and not (forbids and outcome.in_sidecar):
        raise web.HTTPServiceUnavailable(text=answers.unwritten(done, outcome.journal_fault))
