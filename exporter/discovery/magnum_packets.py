"""Writes the packets of a Magnum network as they come, and finds what is on it and what is wrong."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple, TextIO

from exporter.fields import UNKNOWN, Sample, decode
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.framing import Frame
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import INVERTER, KINDS, Device, PacketKind, PacketKinds
from exporter.sources.pylontech.dialects import remedy
from exporter.sources.pylontech.frame import FrameError, parse
from toolkit.formatting import span

CHECK_EVERY = 10.0
"""Seconds after which it looks whether the findings have changed; with `--json` it writes them each time."""
COUNTS_AT_LEAST_EVERY = 3600.0
"""The packets are counted after 10 s, 20 s, 40 s and so on, at last once an hour: a night fits on one screen."""
LARGE_CHANGES_EVERY = 1.0
SMALL_CHANGES_EVERY = 300.0
"""Seconds for which a kind of packet waits before it shows numbers again; a changed state is shown at once."""
SILENT_AFTER = 30.0
"""Seconds without a packet after which a device is reported as silent: then the exporter shows none of its values."""
_LONGEST_TEXT = 4110


class _Unit(NamedTuple):
    """How numbers of a unit are shown; `one_decimal_below` this they have one, else none."""

    text: str
    one_decimal_below: float = 0.0
    factor: float = 1.0


class _Change(Enum):
    """How a value differs from the one that was last shown."""

    NONE = auto()
    SMALL = auto()
    LARGE = auto()
    STATE = auto()

    def __bool__(self) -> bool:
        """Return whether it differs."""
        return self is not _Change.NONE


_WAIT = {_Change.SMALL: SMALL_CHANGES_EVERY, _Change.LARGE: LARGE_CHANGES_EVERY, _Change.STATE: 0.0}

_UNITS = {
    "amperes": _Unit("A", 10.0),
    "amphours": _Unit("Ah"),
    "celsius": _Unit("°C"),
    "hertz": _Unit("Hz", 100.0),
    "joules": _Unit("kWh", 100.0, 1 / 3.6e6),
    "ratio": _Unit("%", factor=100.0),
    "volts": _Unit("V", 100.0),
    "watts": _Unit("W"),
}
"""By the last word of a metric's name, without `_total`."""
_LARGE, _LARGE_SHARE = 2.0, 0.05
"""A large change is at least 2, in the unit that is shown, and 5 % of the number: the load's own volts vary by less."""
_LAMPS = "magnum_inverter_led"
"""Shown with `--all` only: lamps blink every second cycle, and the state has the same news."""
_YES_OR_NO = frozenset({"active", "connected", "present", "running"})


class Listener:
    """Writes the packets of a bus and what they show about it.

    Attributes:
        bus: the bus.
    """

    def __init__(
        self,
        out: TextIO,
        *,
        as_json: bool,
        every: bool,
        coloured: bool,
        width: int | None = None,
        began: datetime | None = None,
        kinds: PacketKinds = KINDS,
    ) -> None:
        """Begin.

        Args:
            out: where it writes.
            as_json: one JSON object per line.
            every: every packet, not only what has changed.
            coloured: with colours of a terminal.
            width: columns of the terminal; None: lines are not wrapped.
            began: when a live bus was opened, for clock times; None: a capture, with seconds since its begin.
            kinds: the kinds of packet to know.
        """
        self.bus = Bus(on_frame=self._frame, kinds=kinds)
        self._out = out
        self._as_json = as_json
        self._every = every
        self._coloured = coloured
        self._width = width
        self._began = began
        self._bytes_shown: dict[str, bytes] = {}
        # By metric, not by kind: the eight packets of the remote repeat the same settings.
        self._shown: dict[str, float | str] = {}
        self._line_at: dict[str, float] = {}
        self._last_at: dict[Device, float] = {}
        self._text = b""
        self._batteries: dict[str, None] = {}
        self._bytes = 0
        self._at = 0.0
        self._check_at = self._counts_at = CHECK_EVERY
        self._found: list[str] = []

    def receive(self, data: bytes, at: float) -> None:
        """Take bytes received `at` seconds after the start; none when the line was silent."""
        self._at = at
        self._bytes += len(data)
        if data:
            self._find_batteries(data)
            self.bus.feed(data, at, at)
        else:
            self.bus.silence(at, at)
        if at >= self._check_at:
            self._check_at = at + CHECK_EVERY
            if self._as_json or at >= self._counts_at:
                self._counts_at = at + min(at, COUNTS_AT_LEAST_EVERY)
                self._summary()
            elif self.findings() != self._found:
                self._write_findings()

    def end(self) -> None:
        """Write the last summary."""
        self.bus.silence(self._at, self._at)
        self._summary()

    def findings(self) -> list[str]:
        """Return sentences: which devices are present, which are missing or silent, and what is wrong."""
        devices = dict.fromkeys(kind.device for kind in self.bus.kinds.values() if kind.device is not INVERTER)
        present = {self.bus.kinds[name].device for name, count in self.bus.frames.items() if count}
        framer = self.bus.framer
        if not self._bytes:
            return ["No bytes received: is the bus powered, and are A and B connected?"]
        if not present:
            if framer.swapped:
                return ["A and B are swapped: swap the two data wires."]
            if self._batteries:
                return ["Not a Magnum network, but batteries of type pylontech.", *self._batteries]
            return ["Bytes received but no Magnum packets: is this the outer pair of the four wires?"]
        sentences = [
            f"Present: {framer.identity or 'an inverter'}"
            + "".join(f", {device.name}" for device in devices if device in present)
            + "."
        ]
        missing = [device.name for device in devices if device.usual and device not in present]
        if missing:
            sentences.append(f"Not present: {', '.join(missing)}.")
        silent = [
            f"{device.name} since {self._time(at).strip()}"
            for device, at in self._last_at.items()
            if self._at - at >= SILENT_AFTER
        ]
        if silent:
            sentences.append(f"Silent: {', '.join(silent)}.")
        sentences += [
            f"Another inverter sends on this port: {identity}."
            for identity in {**framer.foreign, **dict.fromkeys(self.bus.others)}
        ]
        return sentences

    def _find_batteries(self, data: bytes) -> None:
        """Note what identifies a battery with Pylontech's protocol, for somebody who listens on the wrong line."""
        *lines, self._text = (self._text + data).split(b"\r")
        self._text = self._text[-_LONGEST_TEXT:]
        for line in lines:
            with contextlib.suppress(FrameError):
                battery = parse(line)
                if battery.info[1:]:
                    self._batteries[f"Address {battery.address}: {battery.model}: {remedy(battery)}."] = None

    def _frame(self, frame: Frame) -> None:
        kind, payload, at = self.bus.kinds[frame.kind], frame.payload, frame.at
        self._last_at[kind.device] = at
        news = bytes(byte for index, byte in enumerate(payload) if index not in kind.blinking)
        if not self._every and self._bytes_shown.get(kind.name) == news:
            return
        values = _values(decode(kind.fields, self.bus.scaled(kind, Packet(payload))))
        if self._as_json:
            self._bytes_shown[kind.name] = news
            self._write_json({"at": round(at, 3), "frame": kind.name, "bytes": payload.hex(), "values": values})
            return
        texts = {metric: value for metric, value in values.items() if values.get(metric[:-5], UNKNOWN) == UNKNOWN}
        if not self._every:
            texts = {
                metric: value for metric, value in texts.items() if metric != _LAMPS and self._change(metric, value)
            }
            wait = min((_WAIT[self._change(metric, value)] for metric, value in texts.items()), default=0.0)
            if at < self._line_at.get(kind.name, -wait) + wait:
                return
            self._line_at[kind.name] = at
        self._bytes_shown[kind.name] = news
        self._shown |= texts
        if texts or self._every:
            items = [_item(metric, value) for metric, value in texts.items()]
            self._write_items(kind, at, [payload.hex(), *items] if self._every else items)

    def _change(self, metric: str, value: float | str) -> _Change:
        before = self._shown.get(metric)
        if not isinstance(before, float) or not isinstance(value, float):
            return _Change.NONE if before == value else _Change.STATE
        moved, step = abs(value - before), _step(metric, value)
        # A number between two steps would otherwise be news each time that it moves by the least bit.
        if moved < 0.9 * step or _item(metric, before) == _item(metric, value):
            return _Change.NONE
        unit = _unit(metric)[1]
        large = moved * (unit.factor if unit else 1) >= _LARGE and moved >= _LARGE_SHARE * abs(before)
        return _Change.LARGE if large else _Change.SMALL

    def _time(self, at: float) -> str:
        return f"{at:9.3f}" if self._began is None else f"{self._began + timedelta(seconds=at):%Y-%m-%d %H:%M:%S}"

    def _write_items(self, kind: PacketKind, at: float, items: list[str]) -> None:
        begin = f"{self._time(at)}  "
        indent = " " * (len(begin) + 11)
        name = f"\x1b[{kind.device.colour}m{kind.name:9}\x1b[0m" if self._coloured else f"{kind.name:9}"
        lines = [""]
        for item in items:
            longer = f"{lines[-1]}  {item}" if lines[-1] else item
            if self._width is not None and lines[-1] and len(indent) + len(longer) > self._width:
                lines.append(item)
            else:
                lines[-1] = longer
        self._write(f"{begin}{name}  " + f"\n{indent}".join(lines))

    def _summary(self) -> None:
        counts = {kind: count for kind, count in self.bus.frames.items() if count}
        if self._as_json:
            found = [*self.findings(), *self._damage()]
            self._write_json({"at": round(self._at, 3), "findings": found, "frames": counts})
            return
        packets = ", ".join(f"{kind} {count}" for kind, count in counts.items())
        self._write_findings(*self._damage(), *([f"Packets: {packets}."] if packets else []))

    def _damage(self) -> list[str]:
        framer = self.bus.framer
        if not framer.discarded or not sum(self.bus.frames.values()):
            return []
        return [f"{framer.discarded} of {self._bytes} bytes were in no packet; {framer.damaged} damaged packets."]

    def _write_findings(self, *more: str) -> None:
        self._found = self.findings()
        text = "\n".join([*self._found, *more])
        self._write(f"\x1b[1m{text}\x1b[0m" if self._coloured else text)

    def _write_json(self, document: object) -> None:
        self._write(json.dumps(document))

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _values(samples: tuple[Sample, ...]) -> dict[str, float | str]:
    """Return by metric a number, the name of the present state, the set flags, or the texts of an info."""
    values: dict[str, float | str] = {}
    for metric, value, labels in samples:
        if not labels:
            values.setdefault(metric, value)
        else:
            before = str(values.get(metric, ""))
            values[metric] = ",".join(filter(None, (before, *labels))) if value else before
    return values


def _unit(metric: str) -> tuple[str, _Unit | None]:
    """Return what a metric is called on a line, and its unit if it has one."""
    words = metric.removesuffix("_total").split("_")[2:]
    unit = _UNITS.get(words[-1])
    return " ".join(words[:-1] if unit else words), unit


def _step(metric: str, value: float) -> float:
    """Return the least difference that is shown, in the metric's unit."""
    unit = _unit(metric)[1]
    if unit is None:
        return 0.0
    return (0.1 if abs(value * unit.factor) < unit.one_decimal_below else 1.0) / unit.factor


def _item(metric: str, value: float | str) -> str:
    """Return a value with its name and unit: "dc 49.2 V", "state inverting", "ac input present yes"."""
    name, unit = _unit(metric)
    if isinstance(value, str):
        text = value or "none"
    elif unit is not None:
        shown = value * unit.factor
        # Adding 0 makes a negative zero a plain one.
        text = f"{round(shown, 1 if abs(shown) < unit.one_decimal_below else 0) + 0:g}\u00a0{unit.text}"
    elif name.endswith("seconds"):
        name, text = name.removesuffix("seconds").strip(), span(value if value < 120 else value // 60 * 60)
    else:
        text = ("no", "yes")[bool(value)] if name.split()[-1] in _YES_OR_NO else f"{value:g}"
    return f"{name} {text}".strip()
