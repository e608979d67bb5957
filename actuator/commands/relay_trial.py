"""`generator-actuator relays --test`: close the configured contact for a moment, with nothing connected to it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from actuator import config as configuration
from actuator.relay import RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from toolkit.worker_thread import ExhaustedError

WORD = "disconnected"
CLOSED_SECONDS = 0.5
"""How long the contact is commanded closed: long enough to hear two clicks, and too short for a starter's input."""

_WARNING = f"""\
This closes the contact of {{relay}} for half a second.
If it is connected to the generator, the engine may start. Disconnect the wires at the board first.
Type {WORD} to go on: """


def run(config_file: Path, *, ask: Callable[[str], str] = input, show: Callable[[str], None] = print) -> int:
    """Ask, and test; return 0 if the contact closed and opened, 1 if not, 2 without a terminal or a relay."""
    relay = configuration.relay_only(config_file)
    if relay is None:
        show(f"{config_file} names no relay that can be read: generator-actuator --config.check")
        return 2
    if not sys.stdin.isatty():
        show("The contact is closed only for a person: run it in a terminal.")
        return 2
    name = relay.make_relay(exclusive=False).description
    try:
        typed = ask(_WARNING.format(relay=name)).strip()
    except (KeyboardInterrupt, EOFError):
        typed = ""
    if typed != WORD:
        show("Nothing was done.")
        return 1
    try:
        return asyncio.run(_test(relay, show))
    except KeyboardInterrupt:  # before its signals are handled, or after
        show(f"Cancelled. {name} is NOT confirmed open. Take its power away.")
        return 1


async def _test(config: RelayConfig, show: Callable[[str], None]) -> int:
    """Open, close, read back, open; whatever happens, the contact is opened and read back before this returns."""
    relay = AsyncRelay(config.make_relay)
    opening = Opening(relay)
    # A signal shortens the closing. It cancels nothing: the opening is bounded, and no later signal may end it.
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    closed: bool | None = None
    try:
        await opening.attempt()  # takes the lock: an actuator that runs keeps it
        opening = Opening(relay)  # that it was open before does not confirm what follows
        try:
            if not interrupted.is_set():
                await relay.close_contact()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(interrupted.wait(), CLOSED_SECONDS)
                closed = await relay.read_back()
        finally:
            # Also after an error: the command may have closed it all the same.
            await opening.repeat()
    except RelayHeldError as error:
        show(f"Not tested: {error}. Stop the actuator first: systemctl stop generator-actuator")
        return 1
    except (RelayError, ExhaustedError) as error:
        show(f"{relay.description}: {error}. {_opened(opening, relay)}")
        return 1
    finally:
        await relay.dispose()
    if interrupted.is_set():
        show(f"Cancelled. {_opened(opening, relay)}")
        return 1
    return _verdict(opening, relay, closed=closed, show=show)


def _verdict(opening: Opening, relay: AsyncRelay, *, closed: bool | None, show: Callable[[str], None]) -> int:
    if not relay.can_read_back:
        if not opening.done:
            show(_opened(opening, relay))
            return 1
        show(f"{relay.description} was commanded to close and to open. It cannot be read back: did it click twice?")
        return 0
    opened = "Opened: confirmed." if opening.confirmed else _opened(opening, relay)
    show(f"Closed: {'confirmed' if closed else 'NOT confirmed'}. {opened}")
    return 0 if closed and opening.confirmed else 1


def _opened(opening: Opening, relay: AsyncRelay) -> str:
    if opening.confirmed:
        return f"{relay.description} is confirmed open."
    if opening.done:
        return f"{relay.description} was commanded to open. It cannot be read back: look at it."
    fault = opening.fault or "it was not read back"
    return f"{relay.description} is NOT confirmed open: {fault}. Take its power away."
