"""`python -m simulator.demo`: run the loop and tell its story."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from simulator.demo import layout, story
from simulator.demo.processes import PartEndedError, Processes
from simulator.demo.scene import Lookout
from simulator.demo.voice import BOLD, DIM, RED, YELLOW, Voice

TITLE = "A simulated off-grid site, from a falling battery to a started and stopped engine."
MISSING = """\
Prometheus and Alertmanager are not there (deploy/fetch-prometheus says why), so the alert path is missing.
The actuator does what it does whenever the alerts go quiet: it decides by itself."""


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 when the story came to its end, 1 when it stuck, 130 when interrupted before that."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo", description=TITLE)
    parser.add_argument("--once", action="store_true", help="end with the story, also on a terminal")
    parser.add_argument("--without-prometheus", action="store_true", help="as if Prometheus could not be had")
    arguments = parser.parse_args(argv)
    voice = Voice()
    return asyncio.run(
        _main(
            voice,
            prometheus=layout.prometheus_found() and not arguments.without_prometheus,
            stay=voice.terminal and not arguments.once,
        )
    )


async def _main(voice: Voice, *, prometheus: bool, stay: bool) -> int:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupted.set)
    folder = Path(tempfile.mkdtemp(prefix="offgrid-demo-"))
    try:
        parts = layout.lay_out(folder, story.plan(prometheus=prometheus), layout.choose_ports())
        return await _run(voice, folder, parts, interrupted, stay=stay)
    finally:
        layout.forget(folder)


async def _run(voice: Voice, folder: Path, parts: layout.Layout, interrupted: asyncio.Event, *, stay: bool) -> int:
    processes = Processes(folder)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        lookout = Lookout(parts, session)
        telling = asyncio.create_task(_tell(voice, story.Story(parts, processes, lookout, voice), parts, stay=stay))
        waiting = asyncio.create_task(interrupted.wait())
        try:
            await asyncio.wait((telling, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not telling.done():
                telling.cancel()
                voice.aside()
                voice.say("Interrupted: ending everything.", YELLOW)
            return await _outcome(voice, telling)
        finally:
            await _end(voice, processes, lookout, folder)


async def _tell(voice: Voice, told: story.Story, parts: layout.Layout, *, stay: bool) -> bool:
    """Tell the story and, if asked to stay, what comes after it; return whether it came to its end."""
    began = time.monotonic()
    _introduce(voice, parts)
    try:
        await told.begin()
        await told.tell()
    except asyncio.CancelledError:
        return False
    voice.say(f"That took {time.monotonic() - began:.0f} s.", DIM)
    if stay:
        voice.aside()
        voice.aside("The site lives on. Look around at the addresses above; Ctrl-C ends it.", BOLD)
        with contextlib.suppress(asyncio.CancelledError):
            await told.stay()
    return True


def _introduce(voice: Voice, parts: layout.Layout) -> None:
    voice.aside(TITLE, BOLD)
    voice.aside(f"The battery lives {story.SPEED:g} times as fast; the shipped alert rules have their windows scaled.")
    if "prometheus" not in parts.parts:
        voice.aside()
        voice.aside(MISSING, YELLOW)
    voice.aside()
    for name, path, what in (
        ("actuator", "/", "the panel: what is going on, and why"),
        ("exporter", "/metrics", "what the bus says"),
        ("prometheus", "/", "graphs and alerts"),
        ("simulator", "/", "the site: break something"),
    ):
        if name in parts.parts:
            voice.aside(f"  {parts.url(name, path):38} {what}")
    voice.aside()


async def _outcome(voice: Voice, telling: asyncio.Task[bool]) -> int:
    try:
        return 0 if await telling else 130
    except asyncio.CancelledError:
        return 130
    except (story.NotToldError, PartEndedError) as error:
        voice.say(f"The story stuck: {error}", RED)
        return 1


async def _end(voice: Voice, processes: Processes, lookout: Lookout, folder: Path) -> None:
    """End the parts, the actuator first: it opens the contact, and the site is asked whether it did."""
    await processes.end("actuator")
    closed = (await lookout.look()).closed if "simulator" in processes else None
    await processes.end_all()
    layout.forget(folder)
    contact = {True: "The contact is still CLOSED", False: "The contact is open", None: "The contact was never touched"}
    voice.say(
        f"{contact[closed]}; every process has ended and the temporary folder is removed.",
        RED if closed else DIM,
    )


if __name__ == "__main__":
    sys.exit(main())
