"""A Classic as a source. Each poll has its own connection: a Classic accepts few clients, and others need it too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from exporter.fields import decode
from exporter.readings import Charge, Reading
from exporter.sources.base import Family, PolledSource, Publish, SourceError
from exporter.sources.classic import registers, whizbang
from exporter.sources.modbus import tcp
from exporter.sources.modbus.protocol import ILLEGAL_ADDRESS, READ_HOLDING, RefusedError, Request
from exporter.sources.modbus.registers import Registers
from exporter.sources.plausibility import judge, reasons
from toolkit import log
from toolkit.modbus import TcpAddress

FIELDS = (*registers.FIELDS, whizbang.PRESENT)
FROZEN_AFTER = 3.0
"""Seconds without a change after which the values count as old; the status roll changes every second."""

_log = log.get("classic")


class ClassicSource(PolledSource[None]):
    """Polls one Classic; it has no means to write to it."""

    family = Family("classic", tuple(metric for field in (*FIELDS, *whizbang.FIELDS) for metric in field.metrics))

    reasons = reasons(whizbang.CHECKS)

    def __init__(self, name: str, publish: Publish, *, address: TcpAddress, unit_id: int, interval: float) -> None:
        super().__init__(name, publish, interval=interval)
        self.retry = min(5.0, interval)
        self._address = address
        self._unit = unit_id
        self._status: tuple[float | None, float | None] | None = None
        self._changed_at = 0.0

    def connect(self) -> AbstractContextManager[None]:
        """Do nothing: each poll has a connection of its own."""
        return nullcontext()

    def poll(self, connection: None) -> Iterator[Reading]:  # noqa: ARG002 - there is none between polls
        """Connect, read all blocks, and close."""
        at, wall = time.monotonic(), time.time()
        with tcp.connected(self._address) as line:
            record = self._read(line)
        self._check_not_frozen(record, at)
        yield Reading("registers", at, wall, self.stale_after, decode(FIELDS, record), full=registers.full(record))
        if whizbang.is_present(record):
            judged = judge(whizbang.CHECKS, whizbang.facts(record))
            for contradiction in judged.contradictions:
                self.refuse(contradiction.reason, contradiction.values, part="Whizbang Jr")
            if judged.whole is None:
                kept = (field for field in whizbang.FIELDS if not (judged.refused and field in whizbang.AMPHOURS))
                charge = whizbang.charge(record)
                yield Reading("whizbang", at, wall, self.stale_after, decode(kept, record), charge=charge)
        elif not whizbang.is_configured(record):
            yield Reading("whizbang", at, wall, self.stale_after, (), charge=Charge(None))

    def _read(self, line: tcp.TcpLine) -> Registers:
        """Read all blocks that this model has; raises SourceError."""
        words: dict[tuple[int, int], int] = {}
        for index, (first, count) in enumerate(registers.BLOCKS):
            if first == registers.VERSIONS and registers.is_kid(Registers(words)):
                continue
            request = Request(self._unit, READ_HOLDING, first - 1, count)
            try:
                answer = line.read(request)
            except RefusedError as error:
                if index == 0 or error.code != ILLEGAL_ADDRESS:
                    raise
                _log.limited(
                    f"{self.name} {first}",
                    "the controller lacks registers; their metrics are absent",
                    device=self.name,
                    registers=f"{first}-{first + count - 1}",
                )
                continue
            words.update({(READ_HOLDING, first + offset): word for offset, word in enumerate(answer)})
        return Registers(words)

    def _check_not_frozen(self, record: Registers, at: float) -> None:
        """Raise SourceError if neither the status roll nor the clock has changed for a while."""
        status = registers.STATUS_ROLL.read(record), registers.CLOCK.read(record)
        if status != self._status:
            self._status, self._changed_at = status, at
        elif at - self._changed_at > FROZEN_AFTER:
            raise SourceError(
                f"{self._address} answers, but its status roll (register 4113) and clock (4214) have not changed for "
                f"{at - self._changed_at:.0f} s: its values are old; does its own display still change?",
                cause="frozen",
            )
