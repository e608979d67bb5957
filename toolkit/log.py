"""Events on standard error: one a line, in logfmt or JSON, on the standard library's logging.

Every line begins with `ts` (UTC, RFC 3339, milliseconds), `level` and `msg` (the event), then the event's fields.
Other libraries' loggers come out in the same form, with their name in `logger`; what they repeat is said once an hour.
An exception is one field, `error="Type: message"`; its traceback is one more, and only at level debug.

Nobody who speaks waits for whoever reads: a thread writes. When nobody reads, lines are dropped, and the next one that
gets through carries `dropped`, how many.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import os
import re
import select
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

CAPACITY = 4096
"""Lines that wait to be written; of more, the later ones are dropped."""

FLUSH_SECONDS = 0.5
"""For how long whoever ends waits for the lines that are still to be written."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_LEVELS["warning"] = logging.WARNING
_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}
_NAMES[logging.CRITICAL] = "error"
_RESERVED = frozenset({"ts", "level", "msg"})
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_DIGITS = re.compile(r"0x[0-9a-fA-F]+|\d+")


def setup(level: str, form: str) -> None:
    """Send every logger's events to standard error.

    Args:
        level: debug, info, warn (or warning) or error.
        form: logfmt or json.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler()
    handler.setFormatter(_Formatter(_json if form == "json" else logfmt))
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_died


def flush(seconds: float = FLUSH_SECONDS) -> bool:
    """Wait until every line is written, for at most so many seconds; return whether they are."""
    return _writer.flush(seconds)


def get(name: str) -> Log:
    """Return the log of one part of the program; what it limits is counted per name."""
    with _lock:
        return _logs.setdefault(name, Log(name))


class Limiter:
    """Says when a cause may be spoken of: at once, then once a period, with the number of times it was held back.

    Args:
        capacity: how many causes are remembered; of more, those that have been quiet the longest are forgotten.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def admit(self, cause: str, now: float, period: float) -> int | None:
        """Return how many were held back since the last one, or None when this one is held back too.

        Args:
            cause: what is spoken of.
            now: monotonic seconds.
            period: seconds between two that are admitted.
        """
        with self._lock:
            last, held = self._said.pop(cause, (-math.inf, 0))
            if now - last < period:
                self._said[cause] = (last, held + 1)
                return None
            self._said[cause] = (now, 0)
            if len(self._said) > self._capacity:
                del self._said[next(iter(self._said))]
            return held

    def forget(self, cause: str) -> int | None:
        """Return how many were held back since the last one and start afresh; None when the cause was not spoken of."""
        with self._lock:
            said = self._said.pop(cause, None)
        return None if said is None else said[1]


class Log:
    """Says events. The event is a fixed phrase; what varies goes into fields."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logging.getLogger(name)
        self._clock = clock
        self._limiter = Limiter()

    def debug(self, event: str, /, **fields: object) -> None:
        """Say what only somebody who looks for a fault wants to know."""
        self._say(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Say what happened in the normal course of things."""
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Say what is wrong although the work goes on."""
        self._say(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Say what failed."""
        self._say(logging.ERROR, event, fields)

    def limited(
        self, cause: str, event: str, /, *, level: str = "warning", period: float = 3600.0, **fields: object
    ) -> None:
        """Say an event once per cause and period; the next one carries `suppressed`, how many were held back.

        Args:
            cause: what the events have in common, a fixed phrase with a device's name at most.
            event: what happened.
            level: debug, info, warning or error.
            period: seconds.
            fields: what varies.
        """
        held = self._limiter.admit(cause, self._clock(), period)
        if held is not None:
            self._say(_LEVELS[level], event, fields | ({"suppressed": held} if held else {}))

    def recovered(self, cause: str, event: str, /, **fields: object) -> None:
        """Say, once, that a cause that was said is over; the same cause may then be said again at once."""
        held = self._limiter.forget(cause)
        if held is not None:
            self._say(logging.INFO, event, fields | ({"suppressed": held} if held else {}))

    def _say(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={"fields": fields})


def logfmt(fields: Mapping[str, object]) -> str:
    """Return one line of key=value pairs; a value with spaces, quotes, equals signs or unprintables is quoted."""
    return " ".join(f"{key}={_quoted(_text(value))}" for key, value in fields.items())


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps({key: _plain(value) for key, value in fields.items()}, ensure_ascii=False)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _quoted(text: str) -> str:
    if text and text.isprintable() and not any(character in ' "=' for character in text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return "".join(f"\\u{unit:04x}" for unit in _utf16(character))


def _utf16(character: str) -> tuple[int, ...]:
    point = ord(character)
    if point < 0x10000:
        return (point,)
    point -= 0x10000
    return (0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF))


def _named(error: BaseException) -> str:
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _foreign(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = {"logger": record.name}
    if record.exc_info and record.exc_info[1]:
        fields["error"] = record.exc_info[1]
    held = getattr(record, "suppressed", 0)
    return fields | ({"suppressed": held} if held else {})


class _Formatter(logging.Formatter):
    """Makes a record one line."""

    def __init__(self, write: Callable[[Mapping[str, object]], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, object] = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        fields: Mapping[str, object] | None = getattr(record, "fields", None)
        if fields is None:
            fields = _foreign(record)
        for key, value in fields.items():
            name = f"{key}_" if key in _RESERVED else key
            if isinstance(value, BaseException):
                line[name] = _named(value)
                if logging.getLogger().isEnabledFor(logging.DEBUG):
                    line["traceback"] = "".join(traceback.format_exception(value)).rstrip()
            else:
                line[name] = value
        dropped = getattr(record, "dropped", 0)
        return self._write(line | ({"dropped": dropped} if dropped else {}))


class _Writer:
    """Writes lines in a thread of its own, in order; drops and counts what comes while too many wait."""

    def __init__(self) -> None:
        self._lines: deque[tuple[TextIO, str, int]] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def put(self, stream: TextIO, line: Callable[[int], str]) -> None:
        """Take a line in, made with how many were dropped before it; or drop it."""
        with self._changed:
            if len(self._lines) >= CAPACITY:
                self._dropped += 1
                return
            self._lines.append((stream, line(self._dropped), self._dropped))
            self._dropped = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until nothing is left, for at most so many seconds; return whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                stream, line, carried = self._lines.popleft()
                self._writing = True
            try:
                _write(stream, line)
            except (OSError, ValueError):  # nobody is there any more, and this was the place to say so
                with self._changed:
                    self._dropped += 1 + carried


def _write(stream: TextIO, line: str) -> None:
    """Write past the stream's own buffer where it has a file: its lock must not be held by a thread that hangs."""
    try:
        file = stream.fileno()
    except OSError:
        stream.write(line)
        stream.flush()
        return
    rest = line.encode(stream.encoding or "utf-8", "backslashreplace")
    while rest:
        try:
            rest = rest[os.write(file, rest) :]
        except BlockingIOError:
            select.select([], [file], [])


class _Handler(logging.Handler):
    """Has lines written to whatever standard error is at that moment; limits what other libraries repeat."""

    def __init__(self) -> None:
        super().__init__()
        self._limiter = Limiter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold back what a library has said within the hour in the same words, numbers aside, unless at level debug."""
        if hasattr(record, "fields") or logging.getLogger().isEnabledFor(logging.DEBUG):
            return True
        error = record.exc_info[1] if record.exc_info else None
        cause = f"{record.name} {record.levelno} {_DIGITS.sub('0', record.getMessage())} {type(error).__name__}"
        held = self._limiter.admit(cause, time.monotonic(), 3600.0)
        if held is None:
            return False
        if held:
            record.suppressed = held
        return True

    def emit(self, record: logging.LogRecord) -> None:
        def line(dropped: int) -> str:
            record.dropped = dropped
            return self.format(record) + "\n"

        try:
            _writer.put(sys.stderr, line)
        except Exception:  # noqa: BLE001 - the standard library's own contract: a handler reports and never raises
            self.handleError(record)

    def flush(self) -> None:
        """Wait a moment for what is still to be written; the standard library asks for it at exit."""
        _writer.flush(FLUSH_SECONDS)


def _thread_died(arguments: threading.ExceptHookArgs) -> None:
    if isinstance(arguments.exc_value, SystemExit):
        return
    name = arguments.thread.name if arguments.thread else "unknown"
    get(__name__).error("a thread died", thread=name, error=arguments.exc_value)


_logs: dict[str, Log] = {}
_lock = threading.Lock()
_writer = _Writer()
