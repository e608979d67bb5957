"""The devices that the configuration names, and the relay board: opened, updated and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from simulator import settings
from simulator.device_faults import reported_soc
from simulator.devices.aims import Aims
from simulator.devices.bms_profiles import PROFILES, BmsReadings
from simulator.devices.classic import Classic
from simulator.devices.relay_board import RelayBoard
from simulator.devices.serial_device import SerialDevice
from simulator.modbus.registers import Registers
from simulator.modbus.rtu_server import RtuServer
from simulator.modbus.tcp_server import TcpServer
from simulator.pseudo_terminal import PseudoTerminal
from simulator.site import Site
from toolkit import flags, log

AIMS_BAUD = 2400
RELAY_BAUD = 9600

_log = log.get("simulator")


class ConfiguredDevices:
    """Every device that is not on the Magnum bus; each is logged under its name when it opens."""

    def __init__(self, site: Site, board: RelayBoard) -> None:
        self._site = site
        self._board = board
        self._servers: dict[str, tuple[str, TcpServer]] = {}
        self._serial_devices: dict[str, SerialDevice] = {}
        self._registers: dict[str, Registers] = {}
        self._aims: Aims | None = None
        faults = site.faults
        self._install_relay(site.settings.relay)
        if site.settings.classic is not None:
            classic = Classic(site, faults.classic, whizbang=site.settings.classic.whizbang)
            registers = self._registers["classic"] = Registers(classic.image, faults.classic)
            server = TcpServer(registers.answer, lambda: faults.classic.dead)
            self._servers["classic on Modbus TCP"] = (site.settings.classic.listen, server)
        if site.settings.bms is not None:
            self._install_bms(site.settings.bms)
        if site.settings.aims is not None:
            self._aims = Aims(site, faults.aims, dialect=site.settings.aims.dialect)
            port = PseudoTerminal(Path(site.settings.aims.link))
            self._serial_devices["aims on a serial port"] = SerialDevice(
                port, self._aims.receive, baud=AIMS_BAUD, dead=lambda: faults.aims.dead
            )

    def _install_relay(self, relay: settings.Relay) -> None:
        async def answer(_unit: int, request: bytes) -> bytes | None:
            return self._board.answer(request, time.monotonic())

        def dead() -> bool:
            return self._site.faults.relay_dead

        self._servers["relay board"] = (relay.listen, TcpServer(answer, dead))
        if relay.link is not None:
            server = RtuServer(relay.unit_id, answer)
            self._serial_devices["relay board on a serial port"] = SerialDevice(
                PseudoTerminal(Path(relay.link)), server.receive, baud=RELAY_BAUD, dead=dead
            )

    def _install_bms(self, bms: settings.Bms) -> None:
        faults = self._site.faults.bms
        profile = PROFILES[bms.profile]
        registers = self._registers["bms"] = Registers(
            lambda unit: profile.image(self._bms_readings(), unit),
            faults,
            functions=profile.functions,
            stride=profile.stride,
        )
        if bms.listen is not None:
            self._servers["bms on Modbus TCP"] = (bms.listen, TcpServer(registers.answer, lambda: faults.dead))
        if bms.link is not None:
            server = RtuServer(profile.unit if bms.unit_id is None else bms.unit_id, registers.answer)
            self._serial_devices["bms on a serial port"] = SerialDevice(
                PseudoTerminal(Path(bms.link)), server.receive, baud=bms.baud, dead=lambda: faults.dead, echo=bms.echo
            )

    def _bms_readings(self) -> BmsReadings:
        site, faults = self._site, self._site.faults.bms
        return BmsReadings(
            volts=site.battery.volts,
            amperes=site.battery.amperes,
            soc=reported_soc(faults, site.battery.soc),
            capacity_ampere_hours=site.settings.battery.capacity_ampere_hours,
            celsius=site.settings.celsius,
            nominal_volts=site.settings.bus.nominal_volts,
            known=not faults.unknown,
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep every device open for the length of the context.

        Raises:
            LinkError: the link of a serial port cannot be made.
            OSError: an address cannot be opened.
        """
        async with contextlib.AsyncExitStack() as stack:
            for name, (listen, server) in self._servers.items():
                await server.open(*flags.split_address(listen))
                stack.push_async_callback(server.close)
                _log.info(name, host=server.address[0], port=server.address[1])
            for name, device in self._serial_devices.items():
                device.update()
                stack.callback(device.close)
                _log.info(name, link=str(device.port.link))
            yield

    async def serve(self) -> None:
        """Answer on the serial ports until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            for device in self._serial_devices.values():
                group.create_task(device.serve())

    def update_ports(self) -> None:
        """Unplug and plug in the serial ports, by the faults."""
        for device in self._serial_devices.values():
            device.update()

    def state(self) -> dict[str, object]:
        """Return what each device has been asked."""
        asked: dict[str, dict[str, object]] = {}
        for name, registers in self._registers.items():
            asked[name] = {"reads": registers.reads, "other_requests": registers.other_requests}
            if f"{name} on Modbus TCP" in self._servers:
                asked[name]["most_connections"] = self._servers[f"{name} on Modbus TCP"][1].most_connections
        if self._aims is not None:
            asked["aims"] = {"commands": dict(self._aims.commands)}
        return {**asked}
