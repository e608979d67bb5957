"""A Modbus device as a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Protocol

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources.base import Family, PolledSource, Publish
from exporter.sources.modbus import plan, rtu, tcp
from exporter.sources.modbus.profiles import Profile
from exporter.sources.modbus.protocol import Request
from exporter.sources.modbus.quantities import METRICS
from exporter.sources.plausibility import facts_of, judge, reasons, refusal, without
from exporter.sources.shared_line import LineUse
from toolkit import log
from toolkit.modbus import SerialAddress, TcpAddress

FAMILY = Family("modbus", METRICS)

_log = log.get("modbus")


class Line(Protocol):
    """Sends a request and returns its reply."""

    def read(self, request: Request) -> tuple[int, ...]:
        """Return the registers; raises SourceError."""


Dial = Callable[[], AbstractContextManager[Line]]
"""Returns the line for one poll."""


class ModbusSource(PolledSource[Dial]):
    """Polls one unit by a profile, on its own TCP connection or on a serial line that others may share."""

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
        self.reasons = reasons(profile.checks)
        super().__init__(name, publish, interval=interval)
        self.retry = min(self.retry, interval)
        self._address = address
        self._unit = unit_id
        self._profile = profile
        self._reader = plan.Reader(plan.blocks(profile.places, step=profile.step), step=profile.step)
        self._use = LineUse[rtu.SerialLine](self, self.stopped)
        own = {metric: None for field in profile.fields for metric in field.metrics if metric not in METRICS}
        self.family = FAMILY._replace(metrics=(*METRICS, *own))

    def connect(self) -> AbstractContextManager[Dial]:
        """Join the serial line, which stays open if the device does not answer; on TCP each poll connects."""
        address = self._address
        if isinstance(address, SerialAddress):
            return self._joined(address)
        return nullcontext(lambda: tcp.connected(address))

    @contextmanager
    def _joined(self, address: SerialAddress) -> Iterator[Dial]:
        with self._use.of(rtu.line(address, self)) as line:
            yield lambda: nullcontext(line)

    def stop(self) -> None:
        """Ask the thread to end, and leave the serial line."""
        super().stop()
        self._use.end()

    def lost(self) -> None:
        """Forget which registers the device lacked: another device may have been connected."""
        self._reader.reset()

    def poll(self, connection: Dial) -> Iterator[Reading]:
        """Read every register of the profile; on TCP connect for this poll only: gateways accept few clients."""
        at, wall = time.monotonic(), time.time()
        unit, profile = self._unit, self._profile
        with connection() as line:
            record = self._reader.read(
                lambda function, address, count: line.read(Request(unit, function, address, count, profile.reply_unit))
            )
        if self._reader.missing:
            _log.limited(
                f"{self.name} missing",
                "the device lacks registers; their metrics are absent",
                device=self.name,
                addresses=" ".join(f"{span.first}-{span.last}" for span in self._reader.missing),
            )
        samples = decode(profile.fields, record)
        judged = judge(profile.checks, facts_of(samples, FAMILY.name))
        if judged.whole is not None:
            raise refusal(f"the answer of unit {unit} at {self._address}", judged.whole)
        for contradiction in judged.contradictions:
            self.refuse(contradiction.reason, contradiction.values)
        charge = profile.charge(record)
        if charge is not None and "amperes" in judged.refused:
            charge = replace(charge, amperes=None)
        left = without(samples, FAMILY.name, judged.refused) if judged.refused else samples
        yield Reading("registers", at, wall, self.stale_after, left, charge=charge)
