"""Open the contact straight through the driver, with no server: what the service manager runs after the actuator died.

It takes no hold of the relay, so it works beside a running server, which then finds its contact open and ends the run;
only a GPIO line belongs to one process alone. On a serial line the two may talk into one another's answers; that is why
it is tried for five seconds.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from actuator.relay import RelayConfig, RelayError, driver
from actuator.relay.async_relay import AsyncRelay

PROVEN, FAILED, NOT_PROVEN = 0, 1, 3
SECONDS = 5.0
AGAIN, PAUSE = 2, 0.5


WORST = (PROVEN, NOT_PROVEN, FAILED).index
"""Orders exit statuses."""


async def release(relay: RelayConfig) -> tuple[int, str]:
    """Return the exit status and a sentence: 0 read back open, 3 sent but not proven, 1 not sent or still closed."""
    hand = AsyncRelay(relay, partial(driver, exclusive=False))
    try:
        return await _opened(hand)
    finally:
        await hand.let_go()  # another relay may be on the same line


async def _opened(hand: AsyncRelay) -> tuple[int, str]:
    end = time.monotonic() + SECONDS
    sent, closed, fault = False, False, ""
    while True:
        try:
            await hand.open_contact()
            sent = True
            if not hand.can_read_back:
                # An order that is lost on its way cannot be noticed, and one more does no harm.
                for _ in range(AGAIN):
                    await asyncio.sleep(PAUSE)
                    await hand.open_contact()
                return NOT_PROVEN, f"{hand.description}: told to open; this board cannot be read back."
            closed = bool(await hand.read_back())
            if not closed:
                return PROVEN, f"{hand.description}: open, read back."
            fault = "it still reads closed"
        except RelayError as error:
            fault = str(error)
        if time.monotonic() >= end:
            break
        await asyncio.sleep(0.1)
    if sent and not closed:
        return NOT_PROVEN, f"{hand.description}: told to open, but not proven open: {fault}."
    return FAILED, f"{hand.description}: NOT opened: {fault}. Stop the engine at its remote."
