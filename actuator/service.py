"""The service from its start to its end, in this order: configuration, journal, web. The relay was opened before.

The turn has the main thread's event loop. Everything from outside has a thread and an event loop of its own: HTTP, and
the reader of the exporter's page. So nothing that anybody sends delays the turn, and the end waits for nobody.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from actuator import config as configuration
from actuator.commands import config_checks
from actuator.config import Config
from actuator.history.async_history import AsyncHistory
from actuator.history.store import path_of as history_path
from actuator.journal import AsyncJournal
from actuator.loop.contact import log_failure
from actuator.loop.runtime import Runtime
from actuator.relay import RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.lock import Lock, name_of_journal
from actuator.relay.opening import Opening
from actuator.report.metrics import Counts, GeneratorCollector
from actuator.start.known_relays import OpenedRelay, service_folder
from actuator.start.unix_signals import ENDING, EarlySignals, Stopped, signal_name
from actuator.web import guards, server
from actuator.web.event_stream import Watchers
from actuator.web.mqtt import HomeAssistant
from toolkit import exposed_files, log
from toolkit.build import Build, installed
from toolkit.config import ConfigError
from toolkit.flags import Flags
from toolkit.homeassistant.connection import page_url
from toolkit.loop_thread import LoopThread
from toolkit.metrics import new_registry
from toolkit.notify import notify
from toolkit.reload import Reloader
from toolkit.web import serve
from toolkit.webconfig import WebConfig
from toolkit.worker_thread import ExhaustedError

_log = log.get(__name__)


_LOOP_SECONDS = 3.0
"""For the loop to end; after that the contact is opened without it."""

_STUCK_SECONDS = 60
"""Without an answer from the HTTP thread. After that the service ends as it does by a failure of its own, with the
contact open, and the service manager starts it again: a thread cannot be ended, and its port cannot be used again."""

_SWITCH_SECONDS = 0.0005
"""For which a thread may keep the interpreter while others wait. A turn, with the relay's thread, needs it some twenty
times. With eight threads that compute without end, a turn took 0.3 to 2.6 s at Python's default of 5 ms, too long for a
board's answer; at this value mostly under 0.14 s, once 1.2 s on a busy machine. A lower priority for the thread that
serves would not help: a thread that waits for a processor keeps the interpreter too."""

_LAST_ANSWERS_SECONDS = 0.5
"""For requests that wait to be answered that the program ends. The contact is open by then."""


async def main(flags: Flags, early: EarlySignals, opened: OpenedRelay) -> int:
    """Run until a signal or a failure; return the exit status.

    Args:
        flags: of the command line.
        early: the signals of the start.
        opened: the relay that the file names, as the start left it.

    Raises:
        Stopped: by a signal, with the contact confirmed open.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    stopped = _stop_signal(early)
    try:
        config, web_config = check(flags)
        for error in config_checks.source_port(flags.config_file):
            # The exporter refuses such a file; the relay must work all the same.
            _log.warning("unusual configuration", text=str(error))
        relay = opened.relay or AsyncRelay(config.relay.make_relay)
        Lock().acquire(name_of_journal(config.journal))
        if not opened.is_open:
            # At boot a board may not be there yet: its bus is still being searched while this program starts.
            opening = asyncio.ensure_future(
                Opening(relay).repeat(on_failure=partial(log_failure, "opening the contact"))
            )
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
    journal = AsyncJournal(config.journal, config.relay, config.mirror or service_folder("RUNTIME_DIRECTORY"))
    runtime = Runtime(config, flags.config_file, relay, journal)
    return await _serve(runtime, flags, web_config, stopped, found_closed=opened.found_closed)


# --- configuration


def check(flags: Flags) -> tuple[Config, WebConfig]:
    """Read and validate everything that the flags name.

    Raises:
        ConfigError: something is wrong.
    """
    config = configuration.load(flags.config_file)
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
    first_turn = Future[None]()
    thread, reloader = _outside(runtime, flags, web_config, first_turn)
    thread.start()  # it prepares to serve while the disk writes what the start records
    await runtime.restore(found_closed=found_closed)
    reason, failed, refused = "it did not start", True, ""
    loop: asyncio.Task[None] | None = None
    try:
        if not stopped.done():  # during the start
            await runtime.turn()
            first_turn.set_result(None)
            # Not before: a reload would come into the middle of the first turn.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, thread.call, reloader.on_signal)
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
        reason = f"by {signal_name(stopped.result())}" if stopped.done() else "by an internal error"
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


def _outside(
    runtime: Runtime, flags: Flags, web_config: WebConfig, first_turn: Future[None]
) -> tuple[LoopThread, Reloader]:
    """Return the thread of everything from outside, not yet started, and what reloads the configuration."""
    counts, build = Counts(), installed("magnum-exporter")
    registry = _registry(runtime, flags.config_file, web_config, counts, build)
    home_assistant = HomeAssistant(
        runtime, registry, counts, build.version, page_url(flags.listen_addresses, encrypted=web_config.has_tls)
    )
    reloader = Reloader(lambda: home_assistant.reload(web_config.users), prefix="generator_actuator", registry=registry)

    async def run(ready: Callable[[], None]) -> None:
        watchers = Watchers()
        runtime.on_show = watchers.wake
        history = AsyncHistory(history_path(runtime.config.journal), runtime)
        app = server.build(
            runtime,
            counts,
            registry,
            version=build.version,
            web_config=web_config,
            reload=reloader.reload if flags.enable_lifecycle else None,
            watchers=watchers,
            history=history,
            allow_anonymous=flags.allow_anonymous,
        )
        await asyncio.wrap_future(first_turn)  # so that the first visitor gets a page
        async with serve(app, flags.listen_addresses, web_config), asyncio.TaskGroup() as group:
            for running in (
                runtime.page_reader.run(),
                history.run(watchers.watching),
                home_assistant.run(reloader.close),
            ):
                group.create_task(running)
            ready()

    return LoopThread("outside", run), reloader


def _registry(
    runtime: Runtime, config_file: Path, web_config: WebConfig, counts: Counts, build: Build
) -> CollectorRegistry:
    registry = new_registry("generator-actuator", "generator_actuator", build)
    registry.register(GeneratorCollector(lambda: runtime.snapshot, counts))
    web_config.register(registry, prefix="generator_actuator")
    exposed_files.report(
        lambda: (*web_config.exposed(), *configuration.exposed(runtime.config, config_file)),
        registry,
        prefix="generator_actuator",
    )
    return registry


async def _stuck(thread: LoopThread) -> None:
    """Return when a thread's loop has not answered for a long time."""
    # Counted, not measured: a process that was stopped and goes on has not been stuck.
    unanswered = 0
    while unanswered < _STUCK_SECONDS:
        await asyncio.sleep(1.0)
        unanswered = 0 if thread.answers() else unanswered + 1


def _log_end_of(thread: LoopThread, stuck: asyncio.Task[None]) -> None:
    if stuck.done():
        _log.error("HTTP thread does not answer", seconds=_STUCK_SECONDS)
    elif thread.ended.done():
        _log.error("HTTP thread has ended", error=thread.ended.exception())


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


async def _end_loop(loop: asyncio.Task[None] | None) -> None:
    """End the loop, whatever state it is in, and log its error; one that does not end is abandoned."""
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
