"""A Modbus device as a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources.base import Family, PolledSource, Publish
from exporter.sources.modbus import plan, rtu, tcp
from exporter.sources.modbus.address import SerialAddress, TcpAddress
from exporter.sources.modbus.profiles import Profile
from exporter.sources.modbus.protocol import Request
from exporter.sources.modbus.quantities import METRICS
from toolkit import log

FAMILY = Family("modbus", METRICS)

Ask = Callable[[Request], tuple[int, ...]]

_log = log.get("modbus")


class ModbusSource(PolledSource[Ask]):
    """Reads one unit, by a profile, on a connection of its own or a serial line that others may use too."""

    family = FAMILY
    retry = 5.0

    def __init__(
        self,
        name: str,
        publish: Publish,
        *,
        address: TcpAddress | SerialAddress,
        unit_id: int,
        profile: Profile,
        interval: float,
    ) -> None:
        super().__init__(name, publish, interval=interval)
        self.retry = min(self.retry, interval)
        self._address = address
        self._unit = unit_id
        self._profile = profile
        self._reader = plan.Reader(plan.blocks(profile.places, step=profile.step), step=profile.step)
        self._line: rtu.SerialLine | None = None
        own = {metric: None for field in profile.fields for metric in field.metrics if metric not in METRICS}
        self.family = FAMILY._replace(metrics=(*METRICS, *own))

    def connect(self) -> AbstractContextManager[Ask]:
        """Connect to the server, or join the serial line, which stays open however often a device fails to answer."""
        return self._on_tcp(self._address) if isinstance(self._address, TcpAddress) else self._on_line(self._address)

    @staticmethod
    @contextmanager
    def _on_tcp(address: TcpAddress) -> Iterator[Ask]:
        with tcp.connected(address) as connection:
            yield connection.read

    @contextmanager
    def _on_line(self, address: SerialAddress) -> Iterator[Ask]:
        before, self._line = self._line, rtu.line(address, self)
        if before and before is not self._line:
            before.leave(self)
        try:
            yield self._line.read
        finally:
            if self.stopped():
                self._line.leave(self)

    def stop(self) -> None:
        """End, and leave the serial line."""
        super().stop()
        if self._line:
            self._line.leave(self)

    def lost(self) -> None:
        """Forget which registers the device lacked: what comes back may be another one."""
        self._reader.reset()

    def poll(self, connection: Ask) -> Iterator[Reading]:
        """Read every register of the profile."""
        at, wall = time.monotonic(), time.time()
        profile = self._profile

        def ask(function: int, address: int, count: int) -> tuple[int, ...]:
            return connection(Request(self._unit, function, address, count, profile.reply_unit))

        record = self._reader.read(ask)
        if self._reader.missing:
            _log.limited(
                f"{self.name} missing",
                "the device lacks registers; their metrics are absent",
                device=self.name,
                addresses=" ".join(f"{span.first}-{span.last}" for span in self._reader.missing),
            )
        yield Reading(
            "registers", at, wall, self.stale_after, decode(profile.fields, record), charge=profile.charge(record)
        )
