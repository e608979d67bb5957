"""The devices that the settings name, the relay board among them: opened, tended and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import time
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
from simulator.relay import Board
from simulator.site import Site
from toolkit import flags, log

AIMS_BAUD = 2400
RELAY_BAUD = 9600

_log = log.get("simulator")


class Rack:
    """Everything beside the Magnum bus; what is opened is logged under its name here."""

    def __init__(self, site: Site, board: Board) -> None:
        self._site = site
        self._board = board
        self._servers: dict[str, tuple[str, Server]] = {}
        self._ports: dict[str, SerialPort] = {}
        self._registers: dict[str, Registers] = {}
        self._aims: Aims | None = None
        lies = site.faults
        self._install_relay(site.settings.relay)
        if site.settings.classic is not None:
            classic = Classic(site, lies.classic, whizbang=site.settings.classic.whizbang)
            registers = self._registers["classic"] = Registers(classic.image, lies.classic)
            server = Server(registers.answer, lambda: lies.classic.dead)
            self._servers["classic on Modbus TCP"] = (site.settings.classic.listen, server)
        if site.settings.bms is not None:
            self._install_bms(site.settings.bms)
        if site.settings.aims is not None:
            self._aims = Aims(site, lies.aims, dialect=site.settings.aims.dialect)
            line = Line(Path(site.settings.aims.link))
            self._ports["aims on a serial port"] = SerialPort(
                line, self._aims.hear, baud=AIMS_BAUD, dead=lambda: lies.aims.dead
            )

    def _install_relay(self, relay: settings.Relay) -> None:
        async def answer(_unit: int, request: bytes) -> bytes | None:
            return self._board.answer(request, time.monotonic())

        def dead() -> bool:
            return self._site.faults.relay_dead

        self._servers["relay board"] = (relay.listen, Server(answer, dead))
        if relay.link is not None:
            slave = Slave(relay.unit_id, answer)
            self._ports["relay board on a serial port"] = SerialPort(
                Line(Path(relay.link)), slave.hear, baud=RELAY_BAUD, dead=dead
            )

    def _install_bms(self, bms: settings.Bms) -> None:
        lies = self._site.faults.bms
        profile = PROFILES[bms.profile]
        registers = self._registers["bms"] = Registers(
            lambda unit: profile.image(self._bank(), unit), lies, functions=profile.functions, stride=profile.stride
        )
        if bms.listen is not None:
            self._servers["bms on Modbus TCP"] = (bms.listen, Server(registers.answer, lambda: lies.dead))
        if bms.link is not None:
            slave = Slave(profile.unit if bms.unit_id is None else bms.unit_id, registers.answer)
            self._ports["bms on a serial port"] = SerialPort(
                Line(Path(bms.link)), slave.hear, baud=bms.baud, dead=lambda: lies.dead, echo=bms.echo
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
                _log.info(name, host=server.address[0], port=server.address[1])
            for name, port in self._ports.items():
                port.tend()
                stack.callback(port.close)
                _log.info(name, link=str(port.line.link))
            yield

    async def serve(self) -> None:
        """Answer on the serial ports until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            for port in self._ports.values():
                group.create_task(port.serve())

    def tend(self) -> None:
        """Look after the serial ports."""
        for port in self._ports.values():
            port.tend()

    def state(self) -> dict[str, object]:
        """Return what has been asked of each device."""
        told: dict[str, dict[str, object]] = {}
        for name, registers in self._registers.items():
            told[name] = {"reads": registers.reads, "other_requests": registers.others}
            if f"{name} on Modbus TCP" in self._servers:
                told[name]["most_connections"] = self._servers[f"{name} on Modbus TCP"][1].most_connections
        if self._aims is not None:
            told["aims"] = {"commands": dict(self._aims.commands)}
        return {**told}
