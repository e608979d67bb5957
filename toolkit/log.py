"""Log lines on standard error, one event each, in logfmt or JSON; structlog with a limiter and a writer of our own.

Every line begins with `ts` (UTC, RFC 3339, milliseconds), `level` and `msg` (the event), then the event's fields.
Other libraries' lines have the same form, with their name in `logger`, each cause once an hour.
An exception is one field, `error="Type: message"`; at level debug its traceback is another one.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import json
import logging
import math
import os
import queue
import re
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from toolkit.formatting import printable_lines
from toolkit.limiter import Limiter

CAPACITY = 4096  # lines that wait to be written; further ones are dropped
HOUR = 3600.0
SUMMARY_SECONDS = 60.0  # how often the writer looks for causes whose hour has ended with events left out

_LONGEST_FOREIGN = 500  # characters of another library's event: it may quote what was received
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")

limiter: Limiter[tuple[str, dict[str, Any]]] = Limiter()  # an event that is left out is kept with its level


def get(part: str) -> Log:
    """Return the log of one part of the program; causes of different parts are different causes."""
    return Log(part)


class Log:
    """Logs events. An event is a fixed phrase; what varies goes into fields."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._events: FilteringBoundLogger = structlog.get_logger()

    def debug(self, event: str, /, **fields: object) -> None:
        """Log what helps to find a fault."""
        self._events.debug(event, fields=fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log a normal event."""
        self._events.info(event, fields=fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log a fault that the program works around."""
        self._events.warning(event, fields=fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log a failure."""
        self._events.error(event, fields=fields)

    def limited(
        self, cause: str, event: str, /, *, level: str = "warning", period: float = HOUR, **fields: object
    ) -> None:
        """Log an event once per cause and period (seconds); `suppressed` is how many were left out since the last line.

        A cause is what the events have in common: a fixed phrase with a device's name at most.
        """
        getattr(self._events, level)(event, fields=fields, cause=f"{self._part} {cause}", period=period)

    def recovered(self, cause: str, event: str, /, **fields: object) -> None:
        """Log, once for each failure that was logged, that the cause is over; cheap when nothing has failed."""
        name = f"{self._part} {cause}"
        if limiter.failing(name):
            self._events.info(event, fields=fields, cause=name, period=None)


def setup(level: str, form: str) -> None:
    """Send the events from `level` (debug, info, warn, error) on to standard error, in `form` (logfmt, json)."""
    _writer.render = _json if form == "json" else logfmt
    structlog.configure([limit, _line], structlog.make_filtering_bound_logger(level), logger_factory=lambda: _writer)
    logging.getLogger().setLevel(level.upper())
    logging.getLogger().addHandler(_foreign)
    logging.captureWarnings(capture=True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_died
    if not _writer.is_alive():
        _writer.start()
        atexit.register(flush)


def flush(seconds: float = 0.5) -> bool:
    """Wait until every line is written, for at most so many seconds; return whether they are."""
    return _writer.flush(seconds)


def to_stderr(text: str) -> None:
    """Write lines for people to standard error, printable; nothing if nobody reads them any more."""
    with contextlib.suppress(OSError, ValueError):
        _write(sys.stderr, printable_lines(text))


def limit(_logger: object, level: str, event: EventDict) -> EventDict:
    """Leave out an event whose cause was logged within its period; a recovery has no period."""
    if "cause" not in event:
        return event
    cause, period, now = event["cause"], event["period"], time.monotonic()
    left_out = level, {"event": event["event"], "fields": event["fields"] | {"last": _timestamp()}}
    if period is None:
        suppressed = limiter.recovered(cause, now, left_out)
    else:
        suppressed = limiter.failed(cause, now, left_out, period)
    if suppressed is None:
        raise structlog.DropEvent
    if suppressed:
        event["fields"]["suppressed"] = suppressed
    return event


def log_left_out(now: float) -> None:
    """Log the last event left out of each cause whose period is over at `now` (monotonic seconds).

    `suppressed` is how many events there were since the cause's last line, and `last` when this one happened.
    """
    for (level, event), suppressed in limiter.overdue(now):
        event["fields"]["suppressed"] = suppressed
        getattr(structlog.get_logger(), level)(**event)


def _line(_logger: object, level: str, event: EventDict) -> EventDict:
    level = {"warning": "warn", "critical": "error"}.get(level, level)
    line: EventDict = {"ts": _timestamp(), "level": level, "msg": event["event"]}
    for key, value in event["fields"].items():
        line[f"{key}_" if key in {"ts", "level", "msg"} else key] = value
        if isinstance(value, BaseException) and _debugging():
            line["traceback"] = "".join(traceback.format_exception(value)).rstrip()
    return line


def _timestamp() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _debugging() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def logfmt(line: Mapping[str, object]) -> str:
    """Return one line of key=value pairs; a value with spaces, quotes, equals signs or unprintables is quoted.

    structlog's own renderer writes a line feed and a backslash with an n alike, and other control characters as such.
    """
    return " ".join(f"{key}={_quoted(_plain(value))}" for key, value in line.items())


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    printable = text.isprintable()
    if text and printable and not any(character in ' "=' for character in text):
        return text
    return json.dumps(text, ensure_ascii=not printable)


def _json(line: Mapping[str, object]) -> str:
    text = json.dumps(_plain(line), ensure_ascii=False)
    # What turns or breaks a line in a terminal is escaped: other directions of writing, other line ends.
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    # The no-break space between a number and its unit counts as unprintable.
    return character if character.isprintable() or character == "\u00a0" else json.dumps(character)[1:-1]


def _plain(value: object) -> object:
    """Return a value as JSON has it, or its text; never raises, whatever a library's object does."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - see above
        return type(value).__name__
    return f"{type(value).__name__}: {text}".removesuffix(": ") if isinstance(value, BaseException) else text


class _Writer(threading.Thread):
    """Writes lines in order; drops and counts them while too many wait. The next line then has `dropped`."""

    render: Callable[[Mapping[str, object]], str]

    def __init__(self) -> None:
        super().__init__(name="log", daemon=True)
        # Reentrant both: the garbage collector may run in here, and a finalizer may log.
        self._waiting: queue.SimpleQueue[tuple[TextIO, str, int] | threading.Event] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._dropped = 0

    def put(self, /, **line: object) -> None:
        """Queue a line for what is standard error now; never waits for a reader."""
        with self._lock:
            if self._waiting.qsize() >= CAPACITY:
                self._dropped += 1
                return
            dropped, self._dropped = self._dropped, 0
        if dropped:
            line["dropped"] = dropped
        self._waiting.put((sys.stderr, f"{self.render(line)}\n", dropped))

    debug = info = warning = error = critical = put  # structlog calls the method that is named like the level

    def flush(self, seconds: float) -> bool:
        """Wait until the lines so far are written or dropped, for at most so many seconds; return whether they are."""
        reached = threading.Event()
        self._waiting.put(reached)
        return reached.wait(seconds)

    def run(self) -> None:
        while True:
            log_left_out(time.monotonic())
            try:
                item = self._waiting.get(timeout=SUMMARY_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, threading.Event):
                item.set()
                continue
            stream, line, dropped = item
            try:
                _write(stream, line)
            except (OSError, ValueError):  # nobody reads standard error any more, so there is nowhere to report it
                with self._lock:
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
        except BlockingIOError:  # full, and another holder of the same file has made it non-blocking
            select.select([], [file], [])


class _Foreign(logging.Handler):
    """Passes other libraries' records on; repeated ones are limited, unless at level debug."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event, error = record.getMessage()[:_LONGEST_FOREIGN], record.exc_info and record.exc_info[1]
            fields: dict[str, Any] = {"logger": record.name} | ({"error": error} if error else {})
            # A library may have levels of its own between these.
            level = logging.getLevelName(min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)).lower()
            # The same words with other numbers are the same cause.
            cause = f"{level} {_NUMBERS.sub('0', event)} {type(error).__name__}"
            get(record.name).limited(cause, event, level=level, period=0 if _debugging() else HOUR, **fields)
        except Exception:  # noqa: BLE001 - the standard library's own contract: a handler reports and never raises
            self.handleError(record)


def _thread_died(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "unknown"
    get(__name__).error("a thread died", thread=name, error=arguments.exc_value)


_writer = _Writer()
_foreign = _Foreign()
