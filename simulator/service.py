"""The running simulator: the model with a real clock, the bus on a serial port, the other devices on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from simulator import faults, settings
from simulator.devices.configured import ConfiguredDevices
from simulator.devices.relay_board import RelayBoard
from simulator.http_api import application
from simulator.magnum_bus import Bus
from simulator.pseudo_terminal import PseudoTerminal
from simulator.site import Site, advance
from toolkit import flags, log

TICK_SECONDS = 0.05
LATE_SECONDS = 1.0
"""A bus that is further behind (the machine slept) skips the missed cycles."""

_log = log.get("simulator")


class Service:
    """One running site."""

    def __init__(self, site_settings: settings.SiteSettings) -> None:
        self._settings = site_settings
        self.site = Site(site_settings)
        self.bus = Bus(self.site)
        self.port = PseudoTerminal(Path(site_settings.bus.link))
        self.board = RelayBoard(self.site.faults, site_settings.relay.coils)
        self.devices = ConfiguredDevices(self.site, self.board)
        self._logged: dict[str, object] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Open every port, run until `stop` is set, and clean up.

        Raises:
            LinkError: the link of a serial port cannot be made.
            OSError: an address cannot be opened.
        """
        async with self._opened():
            work = [asyncio.create_task(part) for part in (self._run_model(), self._run_bus(), self.devices.serve())]
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
            self.port.plug()
            stack.callback(self.port.unplug)
            _log.info("serial port", link=str(self.port.link), leads_to=str(self.port.link.readlink()))
            await stack.enter_async_context(self.devices.opened())
            runner = web.AppRunner(application(self.site, self.state, self._log_request), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            host, port = flags.split_address(self._settings.http.listen)
            interface = web.TCPSite(runner, host or None, port, shutdown_timeout=1)
            await interface.start()
            host, port = runner.addresses[0][:2]
            _log.info("interface", host=host, port=port, url=f"http://{host}:{port}/")
            yield

    async def _run_model(self) -> None:
        last = time.monotonic()
        while True:
            now = time.monotonic()
            self.site.contact = self.board.contact(now)
            advance(self.site, now - last)
            last = now
            self.devices.update_ports()
            self._log_changes()
            await asyncio.sleep(TICK_SECONDS)

    async def _run_bus(self) -> None:
        start = time.monotonic()
        while True:
            if self.site.faults.adapter_unplugged:
                self.port.unplug()
            else:
                self.port.plug()
            packets, cycle_seconds = self.bus.cycle(start)
            for packet in packets:
                await asyncio.sleep(start + packet.at - time.monotonic())
                self.port.write(packet.data)
            self.port.read()
            start += cycle_seconds
            await asyncio.sleep(start - time.monotonic())
            if time.monotonic() - start > LATE_SECONDS:
                start = time.monotonic()

    def _log_changes(self) -> None:
        """Log what has changed at the contact, the engine, the AGS and the inverter."""
        site = self.site
        values: dict[str, object] = {
            "contact": "closed" if site.contact else "open",
            "engine": "running" if site.engine.running else "stopped",
            "ags": site.ags.status,
            "inverter": site.inverter.status.name.lower(),
        }
        for name, value in values.items():
            if self._logged.get(name, value) != value:
                _log.info(name, now=value, soc=f"{site.battery.soc:.3f}", hour=f"{site.hour:.2f}")
        self._logged = values

    @staticmethod
    def _log_request(name: str, argument: object) -> None:
        if name == "set":
            _log.info("set", **(argument if isinstance(argument, dict) else {}))
        elif argument is None:
            _log.info("fault cleared", fault=name)
        else:
            _log.info("fault", fault=name, argument=argument)

    def state(self) -> dict[str, object]:
        """Return the whole state; amperes and DC watts are positive into the battery."""
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
                "link": str(self.port.link),
                "plugged": self.port.plugged,
                "sent": self.bus.counters.sent,
                "damaged": self.bus.counters.damaged,
                "sent_bytes": self.port.sent_bytes,
                "received_bytes": self.port.received_bytes,
            },
            "devices": self.devices.state(),
            "faults": faults.active(site.faults),
        }
