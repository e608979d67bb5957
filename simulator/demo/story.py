"""The plot: what has to happen one after the other, each with a deadline, and the sentence that tells it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from simulator.demo.layout import Layout, Plan
from simulator.demo.processes import Processes
from simulator.demo.scene import Lookout, Scene
from simulator.demo.voice import BOLD, DIM, GREEN, YELLOW, Voice

FACTOR = 0.1
"""A rule's window of 2 min lasts 12 s here."""

SPEED = 100.0
"""The battery lives this much faster; the engine and the wire do not."""

START_SOC, STOP_SOC = 0.25, 0.60

LOOK_SECONDS = 0.25
SOC_STEP_POINTS = 5

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
    "debounce": {"start": "12s", "stop": "30s", "emergency": "6s"},  # on the alert path the alert is to be first
    "limits": {
        "max_run": "10m",
        "min_run": "20s",
        "min_off": "20s",
        "tail": "12s",
        "start_confirm": "60s",
        "stop_confirm": "30s",
        "emergency_run": "2m",
    },
}


def plan(*, prometheus: bool) -> Plan:
    """Return what the demo runs: shipped rules with shorter windows, and without Prometheus a shorter wait for it."""
    actuator = dict(ACTUATOR)
    if not prometheus:
        actuator["alerts"] = {"heartbeat_timeout": "8s", "lease": "90s", "alert_grace": "60s"}
    return Plan(factor=FACTOR, speed=SPEED, simulator=SIMULATOR, actuator=actuator, prometheus=prometheus)


class NotToldError(Exception):
    """The story stuck; str() says at what."""


class Story:
    """Tells what happens in a running loop."""

    def __init__(self, layout: Layout, processes: Processes, lookout: Lookout, voice: Voice) -> None:
        self._layout = layout
        self._processes = processes
        self._lookout = lookout
        self._voice = voice
        self._scene = Scene()
        self._told_points: int | None = None
        self._gist = ""
        """What the actuator last said, without what counts down in it."""

    async def begin(self) -> None:
        """Start every part and wait until it serves.

        Raises:
            NotToldError: one does not.
            PartEndedError: one ended.
        """
        for part in self._layout.parts.values():
            self._processes.start(part)
        for part in self._layout.parts.values():
            deadline = time.monotonic() + 60
            while not await self._lookout.answers(part.ready):
                self._processes.check()
                if time.monotonic() > deadline:
                    raise NotToldError(f"{part.name} does not answer at {part.ready}")
                await asyncio.sleep(0.1)

    async def tell(self) -> None:
        """Follow the loop from the falling battery to the engine's stop.

        Raises:
            NotToldError: something did not happen in its time.
            PartEndedError: a part ended.
        """
        alerts = "prometheus" in self._layout.parts
        say = self._voice.say
        scene = await self._until("the exporter reads a state of charge", 20, lambda now: now.soc is not None)
        say(f"The battery is at {_percent(scene.soc)}, an evening's load draws {_amperes(scene)}, there is no sun.")
        if alerts:
            await self._until("the alert path is alive", 60, lambda now: now.path == "alerts")
            say("GeneratorHeartbeat arrives: exporter, Prometheus, Alertmanager and actuator hear each other.")
        else:
            await self._until("the actuator gives up waiting", 60, lambda now: now.path == "fallback")
            say("No heartbeat comes, so the actuator decides by itself, from the exporter's own page.", YELLOW)
        await self._until(
            f"the state of charge reaches {_percent(START_SOC)}",
            60,
            lambda now: now.soc is not None and now.soc <= START_SOC,
        )
        say(f"The battery is at {_percent(START_SOC)}, where the engine is wanted. One low reading proves nothing:")
        if alerts:
            say("  the rule asks for a whole window of them (2 min as shipped, 12 s here).", DIM)
            await self._until("BatterySocLow fires", 60, lambda now: "BatterySocLow" in now.firing)
            say("BatterySocLow fires. Alertmanager calls the actuator.", YELLOW)
        else:
            say("  the actuator waits for its debounce (2 min by default, 12 s here).", DIM)
        await self._until("the contact closes", 30, lambda now: now.contact is True)
        say("The contact is closed, and the relay board reads back closed.", BOLD)
        await self._until("the engine starts", 60, lambda now: now.engine is True)
        say("The generator's starter (AGS) has cranked, the engine turns. That is no proof yet.")
        scene = await self._until("the engine is proven", 60, lambda now: now.proven is True)
        say(f"Proven: the bus shows {scene.ac_volts or 0:.0f} V at the inverter's AC input. The engine runs.", GREEN)
        await self._until("the battery is charged", 30, lambda now: now.amperes is not None and now.amperes > 0)
        say(f"The battery is being charged with {_amperes(self._scene)}.")
        self._told_points = None
        await self._until(
            f"the state of charge reaches {_percent(STOP_SOC)}",
            200,
            lambda now: now.soc is not None and now.soc >= STOP_SOC,
        )
        say(f"The battery is at {_percent(STOP_SOC)}, which is enough.")
        if alerts:
            await self._until("BatterySocRecovered fires", 60, lambda now: "BatterySocRecovered" in now.firing)
            say("BatterySocRecovered fires. The end of an alert would not do: only good news stops an engine.", YELLOW)
        await self._until("the contact opens", 60, lambda now: now.contact is False)
        say("The contact is open, and reads back open.", BOLD)
        await self._until("the engine stops", 60, lambda now: now.engine is False)
        await self._until("the stop is proven", 60, lambda now: now.proven is False)
        say("Proven: no AC at the inverter's input. The engine has stopped, the loop is closed.", GREEN)

    async def stay(self) -> None:
        """Let the site live on and tell what changes, until cancelled."""
        while True:
            await self._look()

    async def _until(self, what: str, seconds: float, happened: Callable[[Scene], bool]) -> Scene:
        deadline = time.monotonic() + seconds
        while True:
            if happened(self._scene):
                return self._scene
            if time.monotonic() > deadline:
                raise NotToldError(f"not within {seconds:g} s: {what}\n    last seen: {self._scene}")
            await self._look()

    async def _look(self) -> None:
        self._tell_in_passing()
        await asyncio.sleep(LOOK_SECONDS)
        self._processes.check()
        self._scene = await self._lookout.look()

    def _tell_in_passing(self) -> None:
        """Say what is no turn of the plot: the charge each time it has moved by some points, the actuator's words."""
        self._tell_progress()
        sentence = self._scene.sentence or ""
        gist = re.sub(r"[0-9]+", "", sentence.split(";")[0].split(" for ")[0])
        if sentence and gist != self._gist:
            self._gist = gist
            self._voice.say(f"  actuator: {sentence}", DIM)

    def _tell_progress(self) -> None:
        if self._scene.soc is None:
            return
        points = round(self._scene.soc * 100)
        if self._told_points is None:
            self._told_points = points
        elif abs(points - self._told_points) >= SOC_STEP_POINTS:
            self._told_points = points
            self._voice.say(f"  battery at {points} %", DIM)


def _percent(ratio: float | None) -> str:
    return "an unknown charge" if ratio is None else f"{ratio * 100:.0f} %"


def _amperes(scene: Scene) -> str:
    return "an unknown current" if scene.amperes is None else f"{abs(scene.amperes):.0f} A"
