"""The service from its start to its end, in this order: relay, configuration, journal, web.

The turn has the main thread's event loop. Everything from outside has a thread and an event loop of its own: HTTP, and
the reader of the exporter's page. So nothing that anybody sends delays the turn, and the end waits for nobody.

The relay comes first, read from its own part of the file, whatever else in the file may be wrong: a contact that an
earlier process left closed opens before anything else is read, also when the file names another one by now.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from actuator import config as configuration
from actuator.config import Config
from actuator.journal import AsyncJournal, last_relay
from actuator.loop.contact import log_failure
from actuator.loop.runtime import Runtime
from actuator.relay import RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.lock import Lock
from actuator.relay.opening import Opening
from actuator.report.metrics import Counts, GeneratorCollector
from actuator.web import guards, server
from toolkit import exposed_files, log
from toolkit.build import installed
from toolkit.config import ConfigError
from toolkit.flags import Flags
from toolkit.loop_thread import LoopThread
from toolkit.metrics import new_registry
from toolkit.notify import notify
from toolkit.reload import Reloader
from toolkit.web import serve
from toolkit.webconfig import WebConfig
from toolkit.worker_thread import DeadlineError, ExhaustedError, Worker

DEFAULT_JOURNAL = Path("/var/lib/generator-actuator/journal.db")

_NOT_ENDING = {
    # Reload; those that cannot be caught; those that stop or wake a process, or do nothing; those that Python ignores.
    *(signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT),
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ),
    # Faults of the processor: each would come again when its handler returns.
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
}

ENDING = signal.valid_signals() - _NOT_ENDING
"""Signals that end a process by default; this one opens the contact first."""

_log = log.get(__name__)


class Stopped(Exception):  # noqa: N818 - not an error: it was requested
    """The service has ended because of a signal, with the contact confirmed open."""

    def __init__(self, number: int) -> None:
        super().__init__(_name(number))
        self.number = number


_SIDECAR_SECONDS = 3.0
"""For reading the sidecar, before the contact is opened without it."""

_LOOP_SECONDS = 3.0
"""For the loop to end, before the contact is opened without it."""

_STUCK_SECONDS = 60
"""Without an answer from the thread that serves. Then the service ends as it does by a failure of its own, with the
contact open, and the service manager starts it again: a thread cannot be ended, and its port cannot be used again."""

_SWITCH_SECONDS = 0.0005
"""For which a thread may keep the interpreter while others wait for it. A turn asks for it some twenty times, with the
relay's thread. Beside eight threads that compute without end, a turn took 0.3 to 2.6 s at Python's own 5 ms, so that a
board's answer came too late, and at this mostly under 0.14 s, on a busy machine once 1.2 s. A lower priority for the
thread that serves would not help: a thread that waits for a processor keeps the interpreter too."""

_LAST_ANSWERS_SECONDS = 0.5
"""For requests that wait to be answered that the program ends. The contact is open by then."""


class EarlySignals:
    """Takes the signals of a start, from its first line until the loop has handlers of its own.

    Attributes:
        ending: the first one that would end the process; the service ends as soon as it has opened the contact.
    """

    def __init__(self) -> None:
        """Install the handlers. A reload has nothing to read anew yet."""
        self.ending: int | None = None
        self._before = {number: signal.signal(number, self._take) for number in ENDING}
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _take(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number

    def restore(self) -> None:
        """Give the signals back to a program that is not the service; one that has come is sent again."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self.ending is not None:
            signal.raise_signal(self.ending)


async def main(flags: Flags, early: EarlySignals) -> int:
    """Run until a signal or a failure; return the exit status.

    Raises:
        Stopped: by a signal, with the contact confirmed open.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    stopped = _stop_signal(early)
    try:
        relay, found_closed, is_open = await _open_known_relays(flags.config_file)
        config, web_config = check(flags)
        relay = relay or AsyncRelay(config.relay.make_relay)
        Lock().acquire(f"journal {config.journal.resolve()}")
        if not is_open:
            # At boot a board may not be there yet: its bus is still being searched while this program starts.
            opening = asyncio.ensure_future(Opening(relay).repeat(on_failure=partial(log_failure, "opening")))
            either: set[asyncio.Future[Any]] = {opening, stopped}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                opening.cancel()
                _log.error("stopped before the contact could be opened", relay=relay.description)
                return 1
            await opening
    except ConfigError as error:
        log.to_stderr(f"{error}\n")
        return 2
    except (RelayHeldError, ExhaustedError) as error:
        log.to_stderr(f"{error}\n")
        return 1
    journal = AsyncJournal(config.journal, config.relay, config.mirror or _folder("RUNTIME_DIRECTORY"))
    runtime = Runtime(config, flags.config_file, relay, journal)
    return await _serve(runtime, flags, web_config, stopped, found_closed=found_closed)


# --- relay


async def _open_known_relays(config_file: Path) -> tuple[AsyncRelay | None, bool | None, bool]:
    """Open the relay that was last in force, then the one that the file names.

    Returns:
        The file's relay, None if it names none; whether any contact was found closed, None if a board could not report
        it; whether the file's relay is open now.

    Raises:
        RelayHeldError: another controller holds the file's relay.
        ExhaustedError: the file's relay can do nothing any more.
    """
    named, *former = await known_relays(config_file) or (None,)
    positions = [await _open_former(config) for config in former]
    if named is None:
        return None, _any_closed(positions), False
    relay = AsyncRelay(named.make_relay)
    positions.append(await _position(relay))
    return relay, _any_closed(positions), await _open_first(relay)


async def known_relays(config_file: Path) -> tuple[RelayConfig, ...]:
    """Return the relay that the file names, and after it the one that was last in force, if that is another one."""
    # A change of the relay is refused while its contact is closed: a process that dies then leaves the old one closed.
    # The one last in force is kept in the sidecar, also for a file that cannot be read.
    named, kept = configuration.relay_only(config_file), None
    try:
        kept = await Worker("sidecar").do(partial(last_relay, _journal(config_file)), _SIDECAR_SECONDS)
    except DeadlineError as error:
        # A disk that hangs keeps no contact closed.
        _log.error("the relay that was last in force cannot be read", error=error)
    if named is not None and kept is not None and named.contact() == kept.contact():
        kept = None
    return tuple(relay for relay in (named, kept) if relay is not None)


def _journal(config_file: Path) -> Path:
    """Return the path of the journal: from the file, also from a broken one; else the service manager's folder."""
    with contextlib.suppress(OSError):
        found = re.search(r"(?m)^journal\s*:\s*[\"']?([^\s\"'#]+)", config_file.read_text(errors="replace"))
        if found:
            return Path(found[1])
    folder = _folder("STATE_DIRECTORY")
    return folder / DEFAULT_JOURNAL.name if folder else DEFAULT_JOURNAL


def _folder(variable: str) -> Path | None:
    """Return the first folder that the service manager names in an environment variable; None: there is none."""
    folder = os.environ.get(variable, "").partition(":")[0]
    return Path(folder) if folder else None


async def _open_former(config: RelayConfig) -> bool | None:
    """Open the contact that was last in force and disconnect; return its position before that, see `_position`."""
    relay = AsyncRelay(config.make_relay)
    opening = Opening(relay)
    position = None
    try:
        position = await _position(relay)
        await opening.repeat(on_failure=partial(log_failure, "opening the former"))
    except (RelayHeldError, ExhaustedError) as error:
        _log.error("the relay that was last in force cannot be opened", relay=relay.description, error=error)
    else:
        # A board that was taken away does not prevent the start.
        if opening.done:
            _log.info(
                "the relay that was last in force is commanded to open",
                relay=relay.description,
                confirmed=opening.confirmed,
            )
        else:
            _log.error("the relay that was last in force could not be confirmed open", relay=relay.description)
    finally:
        await relay.dispose()
    return position


async def _position(relay: AsyncRelay) -> bool | None:
    """Return the contact's position before it is moved, True closed; None: the board cannot report it.

    Raises:
        RelayHeldError: another controller holds the relay.
    """
    try:
        return await relay.read_back() if relay.can_read_back else None
    except RelayHeldError:
        raise
    except RelayError:
        return None  # the opening that follows meets the same error, and logs it


def _any_closed(positions: list[bool | None]) -> bool | None:
    """Return whether any contact was found closed; None: one could not be read, or there was none."""
    return True if True in positions else None if None in positions or not positions else False


async def _open_first(relay: AsyncRelay) -> bool:
    """Open the contact once, before anything else is known; return whether that is done.

    Raises:
        RelayHeldError: another controller holds the relay.
    """
    opening = Opening(relay)
    try:
        await opening.attempt()
    except RelayHeldError:
        raise
    except RelayError as error:
        log_failure("opening", error)
        return False
    if opening.confirmed:
        _log.info("contact is open", relay=relay.description)
    elif opening.done:
        _log.info("contact is commanded to open, and cannot be read back", relay=relay.description)
    else:
        _log.error("contact reads closed after it was opened", relay=relay.description)
    return opening.done


# --- configuration


def check(flags: Flags) -> tuple[Config, WebConfig]:
    """Read and validate everything that the flags name; with --config.check also what is at the paths.

    Raises:
        ConfigError: something is wrong.
    """
    config = configuration.load(flags.config_file)
    if flags.config_check and config.mirror is not None:
        # Only then: without its mirror the actuator starts all the same.
        configuration.check_mirror(config.mirror, file=flags.config_file)
    web_config = WebConfig.load(flags.web_config_file)
    if config.access is not None:
        config.access.check(web_config.users, flags.config_file)
    refused = guards.exposure(flags.listen_addresses, web_config, allow_anonymous=flags.allow_anonymous)
    if refused:
        raise ConfigError("", refused, "")
    return config, web_config


# --- loop and web


async def _serve(
    runtime: Runtime, flags: Flags, web_config: WebConfig, stopped: asyncio.Future[int], *, found_closed: bool | None
) -> int:
    counts = Counts()
    build = installed("magnum-exporter")
    registry = new_registry("generator-actuator", "generator_actuator", build)
    registry.register(GeneratorCollector(lambda: runtime.snapshot, counts))
    web_config.register(registry, prefix="generator_actuator")
    exposed_files.report(
        lambda: (*web_config.exposed(), *configuration.exposed(runtime.config)), registry, prefix="generator_actuator"
    )
    reloader = Reloader(lambda: runtime.reload(web_config.users), prefix="generator_actuator", registry=registry)
    first_turn = Future[None]()

    async def outside(ready: Callable[[], None]) -> None:
        app = server.build(
            runtime,
            counts,
            registry,
            version=build.version,
            web_config=web_config,
            reload=reloader.reload if flags.enable_lifecycle else None,
            allow_anonymous=flags.allow_anonymous,
        )
        await asyncio.wrap_future(first_turn)  # so that the first visitor gets a page
        async with serve(app, flags.listen_addresses, web_config):
            ready()
            await runtime.page_reader.run()

    thread = LoopThread("outside", outside)
    thread.start()  # it prepares to serve while the disk writes what the start records
    await runtime.restore(found_closed=found_closed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, thread.call, reloader.on_signal)
    reason, failed, refused = "it did not start", True, ""
    loop: asyncio.Task[None] | None = None
    try:
        if not stopped.done():  # during the start
            await runtime.turn()
            first_turn.set_result(None)
            loop = asyncio.create_task(runtime.run(), name="loop")
            stuck = asyncio.create_task(_stuck(thread), name="stuck")
            ends: set[asyncio.Future[Any]] = {loop, stopped, thread.ended, stuck}
            await asyncio.wait({thread.ready, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if thread.ready.done():
                notify("READY=1")
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            elif thread.ended.done():
                thread.ended.result()
            _log_end_of(thread, stuck)
        failed = not stopped.done()
        reason = f"by {_name(stopped.result())}" if stopped.done() else "by its own failure"
    except (OSError, ExhaustedError) as error:
        reason = refused = str(error)
    finally:
        notify("STOPPING=1")
        await _end_loop(loop)
        confirmed = await runtime.end(reason)
        await thread.stop(_LAST_ANSWERS_SECONDS)
    if refused:
        log.to_stderr(f"{refused}\n")
    if not failed and confirmed:
        raise Stopped(stopped.result())
    return 1


async def _stuck(thread: LoopThread) -> None:
    """Return when a thread's loop has not answered for a long time."""
    # Counted, not measured: a process that was stopped and goes on has not been stuck.
    unanswered = 0
    while unanswered < _STUCK_SECONDS:
        await asyncio.sleep(1.0)
        unanswered = 0 if thread.answers() else unanswered + 1


def _log_end_of(thread: LoopThread, stuck: asyncio.Task[None]) -> None:
    if stuck.done():
        _log.error("the thread that serves does not answer", seconds=_STUCK_SECONDS)
    elif thread.ended.done():
        _log.error("the thread that serves has ended", error=thread.ended.exception())


def _stop_signal(early: EarlySignals) -> asyncio.Future[int]:
    """Catch every signal that would end the process; return the number of the first one, once it comes."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in ENDING:
        loop.add_signal_handler(number, stop, number)
    if early.ending is not None:
        stop(early.ending)
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)  # from a terminal: a stopped process cannot open at the deadline
    return stopped


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _end_loop(loop: asyncio.Task[None] | None) -> None:
    """End the loop, whatever state it is in, and log its error; one that does not end is left behind."""
    if loop is None:
        return
    loop.cancel()
    await asyncio.wait({loop}, timeout=_LOOP_SECONDS)
    if not loop.done():
        _log.error("the loop does not end")
        return
    error = None if loop.cancelled() else loop.exception()
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else (error,):
        if part is not None:
            _log.error("the loop has failed", error=part)
