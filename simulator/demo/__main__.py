"""`python -m simulator.demo`: run the loop and print what happens."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from simulator.demo import deployment, scenario
from simulator.demo.console import BOLD, DIM, RED, YELLOW, Console
from simulator.demo.deployment import Deployment
from simulator.demo.observer import Observer
from simulator.demo.processes import Processes, ProgramEndedError
from simulator.demo.scenario import Scenario

TITLE = "A simulated off-grid site: the battery runs low, the generator starts, charges it and stops."
NO_PROMETHEUS = """\
Prometheus and Alertmanager are missing (the output of deploy/fetch-prometheus gives the reason): no alert path.
The actuator decides by itself, as it does whenever no alerts arrive."""


def main(argv: list[str] | None = None) -> int:
    """Run the demo; return 0 when it is complete, 1 when it failed, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo", description=TITLE)
    parser.add_argument("--once", action="store_true", help="end when the demo is complete, on a terminal too")
    parser.add_argument("--without-prometheus", action="store_true", help="run without Prometheus and Alertmanager")
    arguments = parser.parse_args(argv)
    console = Console()
    return asyncio.run(
        _main(
            console,
            prometheus=deployment.has_prometheus() and not arguments.without_prometheus,
            stay=console.terminal and not arguments.once,
        )
    )


async def _main(console: Console, *, prometheus: bool, stay: bool) -> int:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupted.set)
    folder = Path(tempfile.mkdtemp(prefix="offgrid-demo-"))
    try:
        deployed = deployment.prepare(folder, scenario.options(prometheus=prometheus), deployment.choose_ports())
        return await _run(console, folder, deployed, interrupted, stay=stay)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(console: Console, folder: Path, deployed: Deployment, interrupted: asyncio.Event, *, stay: bool) -> int:
    processes = Processes(folder)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        observer = Observer(deployed, session)
        played = Scenario(deployed, processes, observer, console)
        running = asyncio.create_task(_play(console, played, deployed, stay=stay))
        waiting = asyncio.create_task(interrupted.wait())
        try:
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not running.done():
                running.cancel()
                console.text()
                console.event("Interrupted. Every process is being ended.", YELLOW)
            return await _exit_status(console, running)
        finally:
            await _end(console, processes, observer, folder)


async def _play(console: Console, played: Scenario, deployed: Deployment, *, stay: bool) -> bool:
    """Run the scenario and, if asked to stay, keep the site running after it; return whether it was complete."""
    began = time.monotonic()
    _introduce(console, deployed)
    try:
        await played.start()
        await played.run()
    except asyncio.CancelledError:
        return False
    console.event(f"It took {time.monotonic() - began:.0f}\u00a0s.", DIM)
    if stay:
        console.text()
        console.text("The site keeps running. Open the addresses above; Ctrl-C ends it.", BOLD)
        with contextlib.suppress(asyncio.CancelledError):
            await played.stay()
    return True


def _introduce(console: Console, deployed: Deployment) -> None:
    console.text(TITLE, BOLD)
    console.text(f"Battery, sun and load run {scenario.SPEED:g} times as fast as the clock.")
    console.text(f"The alert rules are the shipped ones; their windows are {1 / scenario.FACTOR:g} times shorter.")
    if "prometheus" not in deployed.programs:
        console.text()
        console.text(NO_PROMETHEUS, YELLOW)
    console.text()
    for name, path, what in (
        ("actuator", "/", "the panel: status and controls of the generator"),
        ("exporter", "/metrics", "the metrics of the site"),
        ("prometheus", "/", "graphs and alerts"),
        ("simulator", "/", "the simulated site: change it, inject faults"),
    ):
        if name in deployed.programs:
            console.text(f"  {deployed.url(name, path):38} {what}")
    console.text()


async def _exit_status(console: Console, running: asyncio.Task[bool]) -> int:
    try:
        return 0 if await running else 130
    except asyncio.CancelledError:
        return 130
    except (scenario.StepTimeoutError, ProgramEndedError) as error:
        console.event(f"The demo failed: {error}", RED)
        return 1


async def _end(console: Console, processes: Processes, observer: Observer, folder: Path) -> None:
    """End the programs, the actuator first: it opens the contact, and the simulator shows whether it did."""
    await processes.end("actuator")
    closed = (await observer.observe()).closed if "simulator" in processes else None
    await processes.end_all()
    shutil.rmtree(folder, ignore_errors=True)
    contact = {True: "Contact STILL CLOSED.", False: "Contact open.", None: "Contact never closed."}
    console.event(
        f"{contact[closed]} Every process has ended; the temporary folder is removed.",
        RED if closed else DIM,
    )


if __name__ == "__main__":
    sys.exit(main())
