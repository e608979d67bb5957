"""The scenario of the demo: the steps that have to happen in order, each with a deadline and a sentence."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from simulator.demo.console import BOLD, DIM, GREEN, YELLOW, Console
from simulator.demo.deployment import Deployment, Options
from simulator.demo.observer import Observation, Observer
from simulator.demo.processes import Processes

FACTOR = 0.1
"""The windows of the rules are this much shorter: 2 min become 12 s."""

SPEED = 100.0
"""Battery, sun and load run this much faster; the engine and the bus do not."""

START_SOC, STOP_SOC = 0.25, 0.60

POLL_SECONDS = 0.25
PROGRESS_POINTS = 5

SIMULATOR = {
    "hour": 20.0,
    "battery": {"soc": "29%"},
    "charger": {"amperes": 105.0, "ac_transfer_delay": "3s"},
    "engine": {"start_delay": "3s", "warm_up": "4s", "cool_down": "3s", "tail": "8s"},
    "sun": {"peak_watts": 0.0},
    "load": [700.0] * 24,
}

ACTUATOR = {
    "start_soc": f"{START_SOC:.0%}",
    "stop_soc": f"{STOP_SOC:.0%}",
    "alerts": {"heartbeat_timeout": "30s", "lease": "90s", "alert_grace": "60s"},
    "debounce": {"start": "12s", "stop": "30s", "emergency": "6s"},  # on the alert path the alert has to come first
    "limits": {
        "max_run": "10m",
        "min_run": "20s",
        "min_off": "20s",
        "tail": "12s",
        "start_confirm": "60s",
        "stop_confirm": "30s",
        "emergency_run": "2m",
        "emergency_reserve": "2m",
    },
}


def options(*, prometheus: bool) -> Options:
    """Return what the demo deploys; without Prometheus the actuator waits less long for a heartbeat."""
    actuator = dict(ACTUATOR)
    if not prometheus:
        actuator["alerts"] = {"heartbeat_timeout": "8s", "lease": "90s", "alert_grace": "60s"}
    return Options(factor=FACTOR, speed=SPEED, simulator=SIMULATOR, actuator=actuator, prometheus=prometheus)


class StepTimeoutError(Exception):
    """A step did not happen in time; str() names it."""


class Scenario:
    """Runs the scenario and prints what happens."""

    def __init__(self, deployment: Deployment, processes: Processes, observer: Observer, console: Console) -> None:
        self._deployment = deployment
        self._processes = processes
        self._observer = observer
        self._console = console
        self._now = Observation()
        self._printed_points: int | None = None
        self._printed_kind = ""
        """The last printed sentence of the actuator, without its numbers."""

    async def start(self) -> None:
        """Start every program and wait until each serves.

        Raises:
            StepTimeoutError: one does not.
            ProgramEndedError: one ended.
        """
        for program in self._deployment.programs.values():
            self._processes.start(program)
        for program in self._deployment.programs.values():
            deadline = time.monotonic() + 60
            while not await self._observer.answers(program.ready):
                self._processes.check()
                if time.monotonic() > deadline:
                    raise StepTimeoutError(f"{program.name} does not answer at {program.ready}")
                await asyncio.sleep(0.1)

    async def run(self) -> None:
        """Follow the loop from the falling battery to the stop of the engine.

        Raises:
            StepTimeoutError: a step did not happen in time.
            ProgramEndedError: a program ended.
        """
        alerts = "prometheus" in self._deployment.programs
        event = self._console.event
        now = await self._until("the exporter reads a state of charge", 20, lambda now: now.soc is not None)
        event(f"Battery {_percent(now.soc)}. The load draws {_amperes(now)} from it. It is evening: no sun.")
        if alerts:
            await self._until("the actuator takes its alerts from Alertmanager", 60, lambda now: now.path == "alerts")
            event("Alert path working: GeneratorHeartbeat came through Prometheus and Alertmanager to the actuator.")
        else:
            await self._until("the actuator decides by itself", 60, lambda now: now.path == "fallback")
            event("No heartbeat from Alertmanager. The actuator decides by itself, by the exporter's metrics.", YELLOW)
        await self._until(
            f"the state of charge falls to {_percent(START_SOC)}",
            60,
            lambda now: now.soc is not None and now.soc <= START_SOC,
        )
        event(f"Battery {_percent(START_SOC)}: low enough to start the generator. One low reading is not enough.")
        if alerts:
            event(
                "  The alert needs a whole window of them (2\u00a0min in the shipped rules, 12\u00a0s here).",
                DIM,
            )
            await self._until("BatterySocLow fires", 60, lambda now: "BatterySocLow" in now.firing)
            event("BatterySocLow fires. Alertmanager notifies the actuator.", YELLOW)
        else:
            event("  The actuator waits for its debounce time (2\u00a0min by default, 12\u00a0s here).", DIM)
        await self._until("the contact closes", 30, lambda now: now.contact is True)
        event("Contact closed, and confirmed: the relay board reads back closed.", BOLD)
        await self._until("the engine starts", 60, lambda now: now.engine is True)
        event("Engine started by the generator starter (AGS). The actuator waits for AC at the inverter's input.")
        now = await self._until("the actuator confirms the run", 60, lambda now: now.confirmed is True)
        event(f"Generator power confirmed: {now.ac_volts or 0:.0f}\u00a0V at the inverter's AC input.", GREEN)
        await self._until("the battery charges", 30, lambda now: now.amperes is not None and now.amperes > 0)
        event(f"Battery charging with {_amperes(self._now)}.")
        self._printed_points = None
        await self._until(
            f"the state of charge rises to {_percent(STOP_SOC)}",
            200,
            lambda now: now.soc is not None and now.soc >= STOP_SOC,
        )
        event(f"Battery {_percent(STOP_SOC)}: charged enough to stop the generator.")
        if alerts:
            await self._until("BatterySocRecovered fires", 60, lambda now: "BatterySocRecovered" in now.firing)
            event("BatterySocRecovered fires. Only this alert ends the run; the end of BatterySocLow does not.", YELLOW)
        await self._until("the contact opens", 60, lambda now: now.contact is False)
        event("Contact open, and confirmed: the relay board reads back open.", BOLD)
        await self._until("the engine stops", 60, lambda now: now.engine is False)
        await self._until("the actuator confirms the stop", 60, lambda now: now.confirmed is False)
        event("Engine stopped, and confirmed: no AC at the inverter's input. The demo is complete.", GREEN)

    async def stay(self) -> None:
        """Keep the site running and print what changes, until cancelled."""
        while True:
            await self._poll()

    async def _until(self, step: str, seconds: float, happened: Callable[[Observation], bool]) -> Observation:
        deadline = time.monotonic() + seconds
        while True:
            if happened(self._now):
                return self._now
            if time.monotonic() > deadline:
                raise StepTimeoutError(f"not within {seconds:g}\u00a0s: {step}\n    last observation: {self._now}")
            await self._poll()

    async def _poll(self) -> None:
        self._print_progress()
        self._print_actuator()
        await asyncio.sleep(POLL_SECONDS)
        self._processes.check()
        self._now = await self._observer.observe()

    def _print_progress(self) -> None:
        """Print the state of charge each time it has moved by some points."""
        if self._now.soc is None:
            return
        points = round(self._now.soc * 100)
        if self._printed_points is None:
            self._printed_points = points
        elif abs(points - self._printed_points) >= PROGRESS_POINTS:
            self._printed_points = points
            self._console.event(f"  Battery {_percent(self._now.soc)}.", DIM)

    def _print_actuator(self) -> None:
        """Print the actuator's sentence when more than its numbers has changed."""
        sentence = self._now.sentence or ""
        kind = re.sub(r"[0-9]+", "", sentence.partition(" Battery ")[0])
        if sentence and kind != self._printed_kind:
            self._printed_kind = kind
            self._console.event(f"  Actuator: {sentence}", DIM)


def _percent(ratio: float | None) -> str:
    return "at an unknown charge" if ratio is None else f"{ratio * 100:.0f}\u00a0%"


def _amperes(now: Observation) -> str:
    return "an unknown current" if now.amperes is None else f"{abs(now.amperes):.0f}\u00a0A"
