"""From the first opening to the last one: in which order the program begins, and how it ends.

The relay comes first of all, read from its own part of the file whatever else in it may be wrong; a contact that a dead
predecessor left closed opens before anything else is looked at, also when the file names another one by now. Then the
configuration, the journal, the web.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from actuator import config as configuration
from actuator.config import Config
from actuator.journal import AsyncJournal, last_relay
from actuator.loop.runtime import Runtime, open_surely, opened
from actuator.relay import GpioRelay, ModbusRelay, RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.lock import hold
from actuator.report.metrics import Counts, GeneratorCollector
from actuator.web import guards, server
from toolkit import log
from toolkit.build import installed
from toolkit.config import ConfigError
from toolkit.flags import Flags
from toolkit.metrics import new_registry
from toolkit.notify import notify
from toolkit.reload import Reloader
from toolkit.web import serve
from toolkit.webconfig import WebConfig
from toolkit.worker_thread import NoTryLeftError, StuckError, Worker

DEFAULT_JOURNAL = Path("/var/lib/generator-actuator/journal.db")

_OTHERS = {
    # Reload; what nothing can catch; what stops or wakes a process, or does nothing; what Python has set aside.
    *(signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT),
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ),
    # A fault of the processor: it would only come again when its handler returns.
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
}

ENDING = signal.valid_signals() - _OTHERS
"""Signals whose default ends the process, and that end it with the contact open here."""

_log = log.get(__name__)


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The program has ended because of a signal, with the contact proven open."""

    def __init__(self, number: int) -> None:
        super().__init__(_name(number))
        self.number = number


_DISK = 3.0
"""Seconds for what is kept beside the journal to be read before a contact is opened without it."""

_LEAVING = 3.0
"""Seconds for the loop to end before the contact is opened without it."""


async def main(flags: Flags) -> int:
    """Run until a signal or a failure; return the exit status.

    Raises:
        Stopped: by a signal, with the contact proven open.
    """
    try:
        relays = await known_relays(flags.config_file)
        found = [await _open_former(relay) for relay in relays[1:]]
        hand = AsyncRelay(relays[0]) if relays else None
        if hand is not None:
            found.append(await _found(hand))
        is_open = hand is not None and await _open_first(hand)
        config, web_config = check(flags)
        if hand is None:
            hand = AsyncRelay(config.relay)
        hold(f"journal {config.journal.resolve()}")
        # A board may still be on its way: at boot the bus that it is on is looked through while we start.
        if not is_open:
            await open_surely(hand)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (RelayHeldError, NoTryLeftError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    runtime = Runtime(config, flags.config_file, hand, AsyncJournal(config.journal, config.relay))
    await runtime.restore(found_closed=_any_closed(found))
    return await _serve(runtime, flags, web_config)


def check(flags: Flags) -> tuple[Config, WebConfig]:
    """Read and judge everything that the flags name.

    Raises:
        ConfigError: something in it is wrong.
    """
    config = configuration.load(flags.config_file)
    web_config = WebConfig.load(flags.web_config_file)
    refused = guards.exposure(flags.listen_addresses, web_config, allow_anonymous=flags.allow_anonymous)
    if refused:
        raise ConfigError("", refused, "")
    return config, web_config


async def known_relays(config_file: Path) -> tuple[RelayConfig, ...]:
    """Return the relay that the file names, and after it the one that was last in force, if that is another one.

    Another one in the file is not taken up while the contact is closed; who dies then leaves the old one closed. What
    was last in force is kept beside the journal, also for a file that cannot be read. A disk that hangs there keeps no
    contact closed.
    """
    named, kept = configuration.relay_only(config_file), None
    try:
        kept = await Worker("sidecar").do(partial(last_relay, _journal(config_file)), _DISK)
    except StuckError as error:
        _log.error("the relay that was last in force cannot be read", error=error)
    if named is not None and kept is not None and _contact(named) == _contact(kept):
        kept = None
    return tuple(relay for relay in (named, kept) if relay is not None)


def _contact(relay: RelayConfig) -> RelayConfig:
    """Return what tells one contact from another: a pin of another polarity is the same one, and the file is right."""
    match relay:
        case ModbusRelay():
            return replace(relay, lease=None)
        case GpioRelay():
            return replace(relay, chip=os.path.realpath(relay.chip), active_low=False)
        case _:
            return relay


def _journal(config_file: Path) -> Path:
    """Return where the journal is, as far as a broken file still says; else where the service manager puts it."""
    with contextlib.suppress(OSError):
        found = re.search(r"(?m)^journal\s*:\s*[\"']?([^\s\"'#]+)", config_file.read_text(errors="replace"))
        if found:
            return Path(found[1])
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(folder) / DEFAULT_JOURNAL.name if folder else DEFAULT_JOURNAL


async def _open_former(relay: RelayConfig) -> bool | None:
    """Open the contact that was last in force and let go of it; return where it was found, as `_found` does.

    A board that has been taken away keeps nobody from starting: it is tried for as long as the last opening is, and
    said.
    """
    hand = AsyncRelay(relay)
    found = None
    try:
        found = await _found(hand)
        last = await open_surely(hand, cause="opening the former")
    except (RelayHeldError, NoTryLeftError) as error:
        _log.error("the relay that was last in force cannot be opened", relay=hand.description, error=error)
    else:
        if last is False:
            _log.error("the relay that was last in force could not be proven open", relay=hand.description)
        else:
            _log.info("the relay that was last in force is told to open", relay=hand.description, read_back=last)
    finally:
        await hand.let_go()
    return found


def _any_closed(found: Sequence[bool | None]) -> bool | None:
    """Return whether any of these contacts was found closed; None: one could not say, or there was none to be asked."""
    return True if True in found else None if None in found or not found else False


async def _found(hand: AsyncRelay) -> bool | None:
    """Return where the contact is before anything is done to it, True closed; None: the board cannot say.

    Raises:
        RelayHeldError: another controller has the relay.
    """
    try:
        return await hand.read_back() if hand.can_read_back else None
    except RelayHeldError:
        raise
    except RelayError:
        return None  # the opening that follows meets the same, and says it


async def _open_first(hand: AsyncRelay) -> bool:
    """Open the contact before anything else is known; return whether that is done.

    Raises:
        RelayHeldError: another controller has the relay.
    """
    try:
        closed = await opened(hand)
    except RelayHeldError:
        raise
    except RelayError as error:
        _log.limited("opening", "opening the contact failed", level="error", error=error)
        return False
    if closed is False:
        event = "contact is open" if hand.can_read_back else "contact is told to open, and cannot be read back"
        _log.info(event, relay=hand.description)
    else:
        _log.error("contact reads closed after it was opened", relay=hand.description)
    return closed is False


async def _serve(runtime: Runtime, flags: Flags, web_config: WebConfig) -> int:
    counts = Counts()
    build = installed("magnum-exporter")
    registry = new_registry("generator-actuator", "generator_actuator", build)
    registry.register(GeneratorCollector(lambda: runtime.snapshot, counts))
    reloader = Reloader(runtime.reload, prefix="generator_actuator", registry=registry)
    app = server.build(
        runtime,
        counts,
        registry,
        version=build.version,
        web_config=web_config,
        reload=reloader.reload if flags.enable_lifecycle else None,
        allow_anonymous=flags.allow_anonymous,
    )
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not asked.done():
            asked.set_result(number)

    for number in ENDING:
        loop.add_signal_handler(number, stop, number)
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)  # a terminal's: stopped, we could not open at the deadline
    loop.add_signal_handler(signal.SIGHUP, reloader.on_signal)
    why, failed, refused = "it was not served", True, ""
    async with contextlib.AsyncExitStack() as stack:
        turning: asyncio.Task[None] | None = None
        try:
            await runtime.turn()  # who is let in finds something to be shown
            await stack.enter_async_context(serve(app, flags.listen_addresses, web_config))
            turning = asyncio.create_task(runtime.run(), name="loop")
            notify("READY=1")
            either: set[asyncio.Future[Any]] = {turning, asked}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            failed = not asked.done()
            why = f"by {_name(asked.result())}" if asked.done() else "by a failure of its own"
        except (OSError, NoTryLeftError) as error:
            why = refused = str(error)
        finally:
            notify("STOPPING=1")
            await _ended(turning)
            proven = await runtime.end(why)
    if refused:
        sys.stderr.write(f"{refused}\n")
    if not failed and proven:
        raise Stopped(asked.result())
    return 1


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _ended(turning: asyncio.Task[None] | None) -> None:
    """End the loop, whatever state it is in, and say what it died of; one that does not end is left behind."""
    if turning is None:
        return
    turning.cancel()
    await asyncio.wait({turning}, timeout=_LEAVING)
    if not turning.done():
        _log.error("the loop does not end")
        return
    error = None if turning.cancelled() else turning.exception()
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else (error,):
        if part is not None:
            _log.error("the loop has died", error=part)
