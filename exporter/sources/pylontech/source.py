"""Batteries with Pylontech's protocol as a source; only requests for measurements, and for a name, are ever sent.

Batteries differ in the form of the question that they answer: the master of a stack answers for all modules, and others
answer only when they are asked by their own number. The form that was answered is kept until it fails. Other programs
and masters may talk on the same line: whatever is not the answer is passed over until the time is over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from exporter.readings import Reading
from exporter.sources.base import Family, PolledSource, Publish, SourceError
from exporter.sources.plausibility import LEFT_OVER, Contradiction, judge, refusal
from exporter.sources.pylontech import modules
from exporter.sources.pylontech.dialects import ContentError, Dialect, Form, LeftOverError, remedy
from exporter.sources.pylontech.frame import ANALOG_VALUES, ERRORS, MAKER, Frame, FrameError, parse
from exporter.sources.pylontech.line import LINES, TextLine
from exporter.sources.pylontech.modules import Module
from exporter.sources.shared_line import LineUse
from toolkit import log
from toolkit.modbus import SerialAddress

TIMEOUT = 2.0
"""Seconds for a whole reply; that of 8 modules takes 1 s at 9600 baud."""

PROBE_TIMEOUT = 0.6
"""Seconds for the reply of a neighbour that may not exist; one module's takes 0.2 s at 9600 baud."""

PROBE_EVERY = 3600.0
LONGEST_NAME = 40
_HIGHEST_ADDRESS = 255

_log = log.get("pylontech")


class OtherModelError(FrameError):
    """A battery of another model answers."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"as another model ({frame.model})")
        self.frame = frame


class PylontechSource(PolledSource[TextLine]):
    """Polls one battery, the stack behind it, or several batteries of one line by their numbers.

    Args:
        name: the source's name in the configuration.
        publish: takes the readings.
        address: the serial port and its settings.
        dialect: the dialect of the protocol.
        batteries: the batteries' addresses.
        interval: seconds from one poll to the next.
    """

    family = Family("pylontech", modules.METRICS)

    def __init__(
        self,
        name: str,
        publish: Publish,
        *,
        address: SerialAddress,
        dialect: Dialect,
        batteries: tuple[int, ...],
        interval: float,
    ) -> None:
        self.reasons = dialect.reasons
        super().__init__(name, publish, interval=interval)
        self.retry = min(5.0, interval)
        self._address = address
        self._several = len(batteries) > 1
        # Of several batteries, each answers for itself: one that answered for all would be counted twice.
        self._dialect = dialect.alone() if self._several else dialect
        self._batteries = batteries
        self._use = LineUse[TextLine](self, self.stopped)
        self._forms: dict[int, Form] = {}
        self._names: dict[int, str] = {}
        self._probed_at: float | None = None
        if self._several:
            self.packs = tuple(str(battery) for battery in batteries)

    @contextmanager
    def connect(self) -> Iterator[TextLine]:
        """Join the serial line, which stays open when a battery does not answer."""
        with self._use.of(LINES.joined(self._address, self)) as line:
            line.listed[self] = self._batteries
            yield line

    def stop(self) -> None:
        """Ask the thread to end, and leave the serial line."""
        super().stop()
        self._use.end()

    def poll(self, connection: TextLine) -> Iterator[Reading]:
        """Return the measurements of every battery that answers; raises SourceError when none does."""
        failed: list[tuple[int, SourceError]] = []
        for battery in self._batteries:
            at, wall = time.monotonic(), time.time()
            try:
                found = self._read(connection, battery)
            except SourceError as error:
                if len(failed) + 1 == len(self._batteries):
                    raise
                failed.append((battery, error))
                continue
            names = [str(battery)] if self._several else [str(number) for number in range(1, len(found) + 1)]
            named = dict(zip(names, self._plausible(battery, found), strict=True))
            yield Reading(
                f"battery {battery}" if self._several else "modules",
                at,
                wall,
                self.stale_after,
                modules.samples(named),
                charge=modules.charge(tuple(named.values())),
                packs=tuple(module.pack(name) for name, module in named.items()),
            )
            _log.recovered(f"{self.name} battery {battery}", "battery is back", device=self.name, address=battery)
        for battery, failure in failed:
            self._count_failed(battery, failure)
        self._probe(connection)

    def _count_failed(self, battery: int, error: SourceError) -> None:
        """Count and log that one of several batteries failed."""
        self.count(reads=1, failures=1)
        if error.refused is not None:
            self.count_refused(error.refused)
        _log.limited(
            f"{self.name} battery {battery}", "battery is lost", device=self.name, address=battery, reason=str(error)
        )

    def _plausible(self, battery: int, found: tuple[Module, ...]) -> Iterator[Module]:
        """Yield the modules without the values that contradict others."""
        for number, module in enumerate(found, 1):
            judged = judge(self._dialect.checks, module.facts)
            for contradiction in judged.contradictions:
                part = f"battery {battery}" if self._several else f"module {number}"
                self.refuse(contradiction.reason, contradiction.values, part=part)
            absent: dict[str, Any] = dict.fromkeys(judged.refused)
            yield replace(module, **absent)

    def _read(self, line: TextLine, battery: int) -> tuple[Module, ...]:
        """Return the battery's modules; a form of the question that is not answered is replaced by the next one."""
        forms = self._dialect.forms
        known = self._forms.get(battery)
        failure: SourceError | None = None
        for form in (known,) if known else forms:
            try:
                found = self._ask(line, battery, form, TIMEOUT)
            except SourceError as error:
                # What the battery did answer says more than its silence.
                failure = error if failure is None or failure.cause == "silent" else failure
                continue
            self._forms[battery] = form
            return found
        self._forms.pop(battery, None)
        raise failure or SourceError(f"address {battery} on {self._address.port} was asked nothing")

    def _ask(self, line: TextLine, battery: int, form: Form, seconds: float) -> tuple[Module, ...]:
        """Return what a battery answers to one form of the question.

        Raises:
            SourceError: no line until the time is over is its answer, or the answer contradicts itself.
        """
        dialect = self._dialect
        request = Frame(dialect.version, battery, ANALOG_VALUES, form.data(battery), dialect.kind)
        who = f"address {battery} on {self._address.port}"
        failure: SourceError | None = None
        other: Frame | None = None
        with line.asked(request.encode(), seconds) as lines:
            for text in lines:
                try:
                    frame = self._answer(parse(text), request, line)
                    found = dialect.read(frame)
                except OtherModelError as error:
                    other = error.frame
                except LeftOverError as error:
                    failure = refusal(f"the answer of {who}", Contradiction(LEFT_OVER, str(error)))
                except (FrameError, ContentError) as error:
                    failure = failure or SourceError(f"{who} answers {error}", cause="wrong answer")
                else:
                    whole = next(filter(None, (judge(dialect.checks, module.facts).whole for module in found)), None)
                    if whole is None:
                        return found
                    failure = refusal(f"the answer of {who}", whole)
        if other is not None:
            model = other.model + self._name(line, other)
            raise SourceError(f"{who} answers as another model ({model}): {remedy(other)}", cause="another model")
        raise failure or SourceError(f"{who} answers nothing at {self._address.baudrate} baud", cause="silent")

    def _answer(self, frame: Frame, request: Frame, line: TextLine) -> Frame:
        """Return a frame that is the battery's answer; raises FrameError for any other."""
        dialect = self._dialect
        if (frame.version, frame.kind) != (dialect.version, dialect.reply_kind):
            if frame.address == request.address and (frame.kind, frame.command) != (dialect.kind, ANALOG_VALUES):
                raise OtherModelError(frame)
            raise FrameError(f"a frame of {frame.model}")
        if frame.address != request.address:
            self._report_neighbour(frame, line)
            raise FrameError(f"a frame of {frame.model}, address {frame.address}")
        if frame.command in ERRORS:
            raise FrameError(f"a refusal: {ERRORS[frame.command]}")
        if frame.command != dialect.success:
            raise FrameError(f"a frame with code {frame.command:02X}, as another master's request has")
        if frame.unread and dialect.in_digits:
            raise FrameError("a frame with other characters than hexadecimal digits")
        return frame

    def _name(self, line: TextLine, other: Frame) -> str:
        """Return how a battery of another model names itself, with a comma before it; empty when it does not."""
        if other.address in self._names:
            return self._names[other.address]
        name = ""
        with line.asked(Frame(other.version, other.address, MAKER).encode(), PROBE_TIMEOUT) as lines:
            for text in lines:
                with contextlib.suppress(FrameError):
                    frame = parse(text)
                    if frame.address == other.address and frame.command in {0, MAKER}:
                        shown = "".join(chr(byte) for byte in frame.info if 32 < byte < 127)
                        name = f", {shown[:LONGEST_NAME]}" if shown else name
                        break
        self._names[other.address] = name
        return name

    def _probe(self, line: TextLine) -> None:
        """Once an hour ask the next address whether a battery is there: one that is not listed would be missed."""
        now = time.monotonic()
        answers_alone = all(self._forms.get(battery) is not Form.EVERY for battery in self._batteries)
        listed = {address for addresses in line.listed.values() for address in addresses}
        neighbour = max(listed) + 1
        if not answers_alone or neighbour > _HIGHEST_ADDRESS:
            return
        if self._probed_at is not None and now - self._probed_at < PROBE_EVERY:
            return
        self._probed_at = now
        form = self._dialect.forms[-1]
        dialect = self._dialect
        request = Frame(dialect.version, neighbour, ANALOG_VALUES, form.data(neighbour), dialect.kind)
        with line.asked(request.encode(), PROBE_TIMEOUT) as lines:
            for text in lines:
                try:
                    frame = parse(text)
                except FrameError:
                    continue
                self._report_neighbour(frame, line)

    def _report_neighbour(self, frame: Frame, line: TextLine) -> None:
        """Log a battery that answers on this line and that no source reads."""
        listed = {address for addresses in line.listed.values() for address in addresses}
        if frame.address in listed or frame.command != self._dialect.success or not frame.info[1:]:
            return
        _log.limited(
            f"{self.name} neighbour {frame.address}",
            "another battery answers on this line and is not read; add its address if it belongs to this bank",
            device=self.name,
            address=frame.address,
            model=frame.model,
        )
