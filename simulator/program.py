"""The site brought to life: the model under a real clock, the bus on a serial port, the rest on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from simulator import faults, settings
from simulator.bus import Bus
from simulator.devices.rack import Rack
from simulator.line import Line
from simulator.relay import Board
from simulator.site import Site, advance
from simulator.web import application
from toolkit import flags, log

TICK_SECONDS = 0.05
LATE_SECONDS = 1.0
"""A bus that is this far behind (the machine slept) does not catch up."""

_log = log.get("simulator")


class Program:
    """One running site."""

    def __init__(self, site_settings: settings.Site) -> None:
        self._settings = site_settings
        self.site = Site(site_settings)
        self.bus = Bus(self.site)
        self.line = Line(Path(site_settings.bus.link))
        self.board = Board(self.site.faults, site_settings.relay.coils)
        self.rack = Rack(self.site, self.board)
        self._said: dict[str, object] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Open everything, live until told to stop, and leave nothing.

        Raises:
            LineError: the serial port's name is taken.
            OSError: an address cannot be listened on.
        """
        async with self._opened():
            work = [asyncio.create_task(part) for part in (self._live(), self._speak(), self.rack.serve())]
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in (*work, stopped):
                task.cancel()
            for outcome in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            self.line.plug()
            stack.callback(self.line.unplug)
            _log.info("serial port", link=str(self.line.link), leads_to=str(self.line.link.readlink()))
            await stack.enter_async_context(self.rack.opened())
            runner = web.AppRunner(application(self.site, self.state, self._changed), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            host, port = flags.split_address(self._settings.http.listen)
            interface = web.TCPSite(runner, host or None, port, shutdown_timeout=1)
            await interface.start()
            host, port = runner.addresses[0][:2]
            _log.info("interface", host=host, port=port, url=f"http://{host}:{port}/")
            yield

    async def _live(self) -> None:
        last = time.monotonic()
        while True:
            now = time.monotonic()
            self.site.contact = self.board.contact(now)
            advance(self.site, now - last)
            last = now
            self.rack.tend()
            self._tell()
            await asyncio.sleep(TICK_SECONDS)

    async def _speak(self) -> None:
        start = time.monotonic()
        while True:
            if self.site.faults.adapter_unplugged:
                self.line.unplug()
            else:
                self.line.plug()
            packets, took = self.bus.cycle(start)
            for packet in packets:
                await asyncio.sleep(start + packet.at - time.monotonic())
                self.line.write(packet.data)
            self.line.read()
            start += took
            await asyncio.sleep(start - time.monotonic())
            if time.monotonic() - start > LATE_SECONDS:
                start = time.monotonic()

    def _tell(self) -> None:
        """Say in the log what has changed in the engine room."""
        site = self.site
        now: dict[str, object] = {
            "contact": "closed" if site.contact else "open",
            "engine": "running" if site.engine.running else "stopped",
            "ags": site.ags.status,
            "inverter": site.inverter.status.name.lower(),
        }
        for what, value in now.items():
            if self._said.get(what, value) != value:
                _log.info(what, now=value, soc=f"{site.battery.soc:.3f}", hour=f"{site.hour:.2f}")
        self._said = now

    @staticmethod
    def _changed(name: str, argument: object) -> None:
        if name == "set":
            _log.info("set", **(argument if isinstance(argument, dict) else {}))
        elif argument is None:
            _log.info("fault cleared", fault=name)
        else:
            _log.info("fault", fault=name, argument=argument)

    def state(self) -> dict[str, object]:
        """Return everything that is so, by name; amperes and DC watts are positive into the battery."""
        site, now = self.site, time.monotonic()
        battery, inverter, engine, ags, monitor = site.battery, site.inverter, site.engine, site.ags, site.monitor
        return {
            "seconds": site.seconds,
            "site_seconds": site.site_seconds,
            "hour": site.hour,
            "speed": site.speed,
            "battery": {
                "soc": battery.soc,
                "volts": battery.volts,
                "amperes": battery.amperes,
                "capacity_ampere_hours": battery.settings.capacity_ampere_hours,
            },
            "bmk": {"soc": monitor.soc, "percent": monitor.percent},
            "load_watts": inverter.load_watts,
            "solar_watts": site.solar_watts,
            "inverter": {
                "status": int(inverter.status),
                "state": inverter.status.name.lower(),
                "fault": inverter.fault,
                "dc_watts": inverter.dc_watts,
                "ac_input_volts": site.ac_input_volts,
                "transferred": inverter.transferred,
            },
            "engine": {
                "running": engine.running,
                "running_seconds": engine.running_seconds if engine.running else 0.0,
                "starts": engine.starts,
                "failed_starts": engine.failed_starts,
                "fuel_litres": engine.fuel_litres,
            },
            "ags": {
                "status": ags.status,
                "phase": ags.phase.value,
                "attempts": ags.attempts,
                "run_seconds": ags.run_seconds,
            },
            "contact": site.contact,
            "relay": {
                "coils": self.board.coils(now),
                "lease_seconds": self.board.lease_seconds(now),
                "requests": self.board.requests,
                "writes": self.board.writes,
            },
            "bus": {
                "link": str(self.line.link),
                "plugged": self.line.plugged,
                "sent": self.bus.counters.sent,
                "damaged": self.bus.counters.damaged,
                "sent_bytes": self.line.sent_bytes,
                "heard_bytes": self.line.heard_bytes,
            },
            "devices": self.rack.state(),
            "faults": faults.active(site.faults),
        }
