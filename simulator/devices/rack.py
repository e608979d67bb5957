"""The devices that the settings name: opened, tended and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from simulator import settings
from simulator.devices.aims import Aims
from simulator.devices.batteries import PROFILES, Bank
from simulator.devices.classic import Classic
from simulator.devices.registers import Registers
from simulator.devices.rtu import Slave
from simulator.devices.serial import SerialPort
from simulator.lies import told_soc
from simulator.line import Line
from simulator.modbus import Server
from simulator.site import Site
from toolkit import flags, log

AIMS_BAUD = 2400

_log = log.get("simulator")


class Rack:
    """Everything beside the Magnum bus and the relay board."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._servers: dict[str, tuple[str, Server]] = {}
        self._ports: dict[str, SerialPort] = {}
        self._registers: dict[str, Registers] = {}
        self._aims: Aims | None = None
        lies = site.faults
        if site.settings.classic is not None:
            classic = Classic(site, lies.classic, whizbang=site.settings.classic.whizbang)
            registers = self._registers["classic"] = Registers(classic.image, lies.classic)
            server = Server(registers.answer, lambda: lies.classic.dead)
            self._servers["classic"] = (site.settings.classic.listen, server)
        if site.settings.bms is not None:
            self._install_bms(site.settings.bms)
        if site.settings.aims is not None:
            self._aims = Aims(site, lies.aims, dialect=site.settings.aims.dialect)
            line = Line(Path(site.settings.aims.link))
            self._ports["aims"] = SerialPort(line, self._aims.hear, baud=AIMS_BAUD, dead=lambda: lies.aims.dead)

    def _install_bms(self, bms: settings.Bms) -> None:
        site, lies = self._site, self._site.faults.bms
        profile = PROFILES[bms.profile]
        registers = self._registers["bms"] = Registers(
            lambda unit: profile.image(self._bank(), unit), lies, functions=profile.functions, stride=profile.stride
        )
        if bms.listen is not None:
            self._servers["bms"] = (bms.listen, Server(registers.answer, lambda: lies.dead))
        if bms.link is not None:
            slave = Slave(profile.unit if bms.unit_id is None else bms.unit_id, registers.answer)
            self._ports["bms"] = SerialPort(
                Line(Path(bms.link)), slave.hear, baud=bms.baud, dead=lambda: site.faults.bms.dead, echo=bms.echo
            )

    def _bank(self) -> Bank:
        site, lies = self._site, self._site.faults.bms
        return Bank(
            volts=site.battery.volts,
            amperes=site.battery.amperes,
            soc=told_soc(lies, site.battery.soc),
            capacity_ampere_hours=site.settings.battery.capacity_ampere_hours,
            celsius=site.settings.celsius,
            nominal_volts=site.settings.bus.nominal_volts,
            known=not lies.unknown,
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have every device there for a while.

        Raises:
            LineError: a serial port's name is taken.
            OSError: an address cannot be listened on.
        """
        async with contextlib.AsyncExitStack() as stack:
            for name, (listen, server) in self._servers.items():
                await server.open(*flags.split_address(listen))
                stack.push_async_callback(server.close)
                _log.info(f"{name} on Modbus TCP", host=server.address[0], port=server.address[1])
            for name, port in self._ports.items():
                port.tend()
                stack.callback(port.close)
                serving = asyncio.create_task(port.serve())
                stack.callback(serving.cancel)
                _log.info(f"{name} on a serial port", link=str(port.line.link))
            yield

    def tend(self) -> None:
        """Look after the serial ports."""
        for port in self._ports.values():
            port.tend()

    def state(self) -> dict[str, object]:
        """Return what has been asked of each device."""
        told: dict[str, dict[str, object]] = {}
        for name, registers in self._registers.items():
            told[name] = {"reads": registers.reads, "other_requests": registers.others}
        for name, (_, server) in self._servers.items():
            told[name]["most_connections"] = server.most_connections
        if self._aims is not None:
            told["aims"] = {"commands": dict(self._aims.commands)}
        return {**told}
