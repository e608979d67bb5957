"""Open the contact directly through the driver, without a server: the service manager runs it after the actuator died.

It takes no lock, so it works while a server runs, which then reads its contact open and ends the run; only a GPIO
line belongs to one process alone. On a serial line each of the two may receive the other's answers: so it is repeated.
"""

from __future__ import annotations

from functools import partial

from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from actuator.relay.protocol import RelayConfig

CONFIRMED, FAILED, NOT_CONFIRMED = 0, 1, 3
"""Exit statuses: read back open; not sent, or still closed; sent, but not confirmed."""

COMMANDS = 3
"""How many are sent to a board that cannot be read back."""

SEVERITY = (CONFIRMED, NOT_CONFIRMED, FAILED).index
"""Returns how serious an exit status is, for the worst of several."""


async def release(config: RelayConfig) -> tuple[int, str]:
    """Open the contact; return the exit status and a sentence for a person."""
    relay = AsyncRelay(partial(config.make_relay, exclusive=False))
    opening = Opening(relay, commands=COMMANDS)
    try:
        await opening.repeat(wait_for_holder=True)
    finally:
        await relay.dispose()  # another relay may be on the same line
    if opening.confirmed:
        return CONFIRMED, f"{relay.description}: confirmed open."
    if opening.done:
        return NOT_CONFIRMED, f"{relay.description}: open command sent; this board cannot be read back."
    if opening.sent and not opening.closed:
        return NOT_CONFIRMED, f"{relay.description}: open command sent, but not confirmed open: {opening.fault}."
    return FAILED, f"{relay.description}: NOT opened: {opening.fault}. Use the remote or the generator's own switch."
