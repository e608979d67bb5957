"""Log lines on standard error, one event each, in logfmt or JSON; structlog with three processors of our own.

Every line begins with `ts` (UTC, RFC 3339, milliseconds), `level` and `msg` (the event), then the event's fields.
Other libraries' log lines come out in the same form, with their name in `logger`, each cause once an hour.
An exception is one field, `error="Type: message"`; its traceback is another one, at level debug only.

An event passes through the processors in this order:
    limit: leaves out what its cause has logged within the hour.
    _Writer.admit: drops lines while nobody reads; the next line that gets through has `dropped`, their number.
    _traceback, _line: make the line's fields.
    _logfmt or _json: make its text, which `_Writer` writes in a thread of its own. No caller waits for a reader.
"""

from __future__ import annotations

import atexit
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
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from toolkit.limiter import Limiter

CAPACITY = 4096
"""Lines that wait to be written; further ones are dropped."""

FLUSH_SECONDS = 0.5
"""How long the end of the program waits for lines that are not written yet."""

HOUR = 3600.0

SUMMARY_SECONDS = 60.0
"""How often the writer looks for causes whose hour has ended with events left out."""

_NAMES = {"warning": "warn", "critical": "error"}
_RESERVED = frozenset({"ts", "level", "msg"})
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")


limiter: Limiter[tuple[str, EventDict]] = Limiter()
"""Every cause of this process, with the level's method and the event that it left out last."""


def setup(level: str, form: str) -> None:
    """Send the events of this program and of its libraries to standard error.

    Args:
        level: debug, info, warn (or warning) or error.
        form: logfmt or json.
    """
    _configure(level, form)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(_Handler())
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_died


def flush(seconds: float = FLUSH_SECONDS) -> bool:
    """Wait until every line is written, for at most so many seconds; return whether they are."""
    return _writer.flush(seconds)


def get(name: str) -> Log:
    """Return the log of one part of the program; causes of different parts are different causes."""
    return Log(name)


class Log:
    """Logs events. An event is a fixed phrase; what varies goes into fields."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._events: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    def debug(self, event: str, /, **fields: object) -> None:
        """Log what helps to find a fault."""
        self._events.debug(event, **fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log a normal event."""
        self._events.info(event, **fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log a fault that the program works around."""
        self._events.warning(event, **fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log a failure."""
        self._events.error(event, **fields)

    def limited(
        self, cause: str, event: str, /, *, level: str = "warning", period: float = HOUR, **fields: object
    ) -> None:
        """Log an event at most once per cause and period; `suppressed` is how many were left out since the last line.

        Args:
            cause: what the events have in common: a fixed phrase with a device's name at most.
            event: what happened.
            level: debug, info, warning or error.
            period: seconds.
            fields: what varies.
        """
        getattr(self._events, level)(event, _cause=f"{self._name} {cause}", _period=period, **fields)

    def recovered(self, cause: str, event: str, /, **fields: object) -> None:
        """Log, once for each failure that was logged, that the cause is over; cheap when nothing has failed."""
        name = f"{self._name} {cause}"
        if limiter.failing(name):
            self._events.info(event, _cause=name, **fields)


def limit(_logger: object, method: str, event: EventDict) -> EventDict:
    """Leave out an event whose cause has been logged within its period; add `suppressed` to one that is logged.

    The event's `_cause` names its cause. A failure has a `_period`, a recovery has none.
    """
    cause, period = event.pop("_cause", None), event.pop("_period", None)
    if cause is None:
        return event
    now = time.monotonic()
    left_out = method, dict(event, last=_timestamp())
    if period is None:
        suppressed = limiter.recovered(cause, now, left_out)
    else:
        suppressed = limiter.failed(cause, now, left_out, period)
    if suppressed is None:
        raise structlog.DropEvent
    if suppressed:
        event["suppressed"] = suppressed
    return event


def log_left_out(now: float) -> None:
    """Log the last event left out of each cause whose period is over at `now` (monotonic seconds).

    `suppressed` is how many events there were since the cause's last line, and `last` when this one happened.
    """
    for (method, event), suppressed in limiter.overdue(now):
        getattr(structlog.get_logger(), method)(**event, suppressed=suppressed)


def _configure(level: str, form: str) -> None:
    structlog.configure(
        processors=[
            limit,
            _writer.admit,
            *([_traceback] if level == "debug" else []),
            _line,
            _json if form == "json" else _logfmt,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _writer,
    )


def _traceback(_logger: object, _method: str, event: EventDict) -> EventDict:
    for value in list(event.values()):
        if isinstance(value, BaseException):
            event["traceback"] = "".join(traceback.format_exception(value)).rstrip()
    return event


def _line(_logger: object, method: str, event: EventDict) -> EventDict:
    line = {"ts": _timestamp(), "level": _NAMES.get(method, method), "msg": event.pop("event")}
    return line | {f"{key}_" if key in _RESERVED else key: value for key, value in event.items()}


def _logfmt(_logger: object, _method: str, line: EventDict) -> tuple[tuple[str], dict[str, int]]:
    return (logfmt(line),), {"dropped": line.get("dropped", 0)}


def _json(_logger: object, _method: str, line: EventDict) -> tuple[tuple[str], dict[str, int]]:
    return (json.dumps(_finite(line), ensure_ascii=False, default=_text),), {"dropped": line.get("dropped", 0)}


def logfmt(fields: Mapping[str, object]) -> str:
    """Return one line of key=value pairs; a value with spaces, quotes, equals signs or unprintables is quoted."""
    return " ".join(f"{key}={_quoted(_text(value))}" for key, value in fields.items())


def _quoted(text: str) -> str:
    printable = text.isprintable()
    if text and printable and not any(character in ' "=' for character in text):
        return text
    return json.dumps(text, ensure_ascii=not printable)


def _text(value: object) -> str:
    """Return a value as text; a log line never raises, whatever a library's object does."""
    if value is None or isinstance(value, bool | dict | list | tuple):
        return json.dumps(_finite(value), ensure_ascii=False, default=_text)
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - see above
        return type(value).__name__
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {text}" if text else type(value).__name__
    return text


def _finite(value: object) -> object:
    """Return a value in which what JSON lacks (nan, inf) is text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _timestamp() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Writer:
    """Writes lines in a thread of its own, in order; drops and counts lines while too many wait."""

    def __init__(self) -> None:
        self._lines: deque[tuple[TextIO, str, int]] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def admit(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Drop an event while too many lines wait; add `dropped` to the first event after those."""
        with self._changed:
            if len(self._lines) >= CAPACITY:
                self._dropped += 1
                raise structlog.DropEvent
            if self._dropped:
                event["dropped"], self._dropped = self._dropped, 0
        return event

    def put(self, line: str, *, dropped: int) -> None:
        """Queue a line for what is standard error now; `dropped` is the number that the line carries."""
        with self._changed:
            self._lines.append((sys.stderr, f"{line}\n", dropped))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    debug = info = warning = error = critical = put  # structlog calls the method that is named like the level

    def flush(self, seconds: float) -> bool:
        """Wait until nothing is left, for at most so many seconds; return whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            log_left_out(time.monotonic())
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: self._lines, SUMMARY_SECONDS):
                    continue
                stream, line, dropped = self._lines.popleft()
                self._writing = True
            try:
                _write(stream, line)
            except (OSError, ValueError):  # nobody reads standard error any more, so there is nowhere to report it
                with self._changed:
                    self._dropped += 1 + dropped


def _write(stream: TextIO, line: str) -> None:
    """Write past the stream's buffer where it has a file: its lock must not be held by a thread that hangs."""
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
    """Passes other libraries' records on to structlog; repeated ones are limited, unless at level debug."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = record.getMessage()
            error = record.exc_info[1] if record.exc_info else None
            fields: dict[str, Any] = {"logger": record.name} | ({} if error is None else {"error": error})
            if not logging.getLogger().isEnabledFor(logging.DEBUG):
                # The same words with other numbers are the same cause.
                words = _NUMBERS.sub("0", event)
                fields["_cause"] = f"{record.name} {record.levelno} {words} {type(error).__name__}"
                fields["_period"] = HOUR
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            structlog.get_logger().log(level, event, **fields)
        except Exception:  # noqa: BLE001 - the standard library's own contract: a handler reports and never raises
            self.handleError(record)


def _thread_died(arguments: threading.ExceptHookArgs) -> None:
    if isinstance(arguments.exc_value, SystemExit):
        return
    name = arguments.thread.name if arguments.thread else "unknown"
    get(__name__).error("a thread died", thread=name, error=arguments.exc_value)


_writer = _Writer()
_configure("warn", "logfmt")  # for a command that logs without `setup`
atexit.register(flush)
