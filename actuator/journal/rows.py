"""One event as the journal stores it, and rows as JSON and CSV."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolkit import log

COLUMNS = "id, wall, sane, kind, level, text, fields, checksum"

KINDS_OF_RUNS = (
    *("contact_closed", "engine_proven", "stop_failed", "contact_opened", "engine_stopped", "run_broken_off"),
    *("attempt_failed", "locked_out", "resume_given_up", "operator", "manual_ended", "inhibited", "inhibit_cleared"),
    *("running_without_charge", "journal_torn", "journal_lost"),
)
"""Events of runs, of those who requested or blocked them, and of losses: kept apart from events that flood."""

_log = log.get(__name__)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the journal stores it.

    Attributes:
        id: counts rows, never reused.
        wall: Unix time.
        sane: the wall clock was known to be right.
        kind: one word for machines.
        level: info, warning or error.
        text: one sentence for people.
        fields: the values behind it.
    """

    id: int
    wall: float
    sane: bool
    kind: str
    level: str
    text: str
    fields: dict[str, str | float | int | bool | None] = {}

    @property
    def time(self) -> str:
        """The wall time, RFC 3339 in UTC."""
        return datetime.fromtimestamp(self.wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def columns(row: Row) -> tuple[object, ...]:
    """Return the row as it is stored, its CRC-32 last."""
    return row.id, row.wall, int(row.sane), row.kind, row.level, row.text, encode(row.fields).decode(), _checksum(row)


def row(stored: tuple[Any, ...]) -> Row:
    """Return the row of these stored columns, whose text is bytes.

    Raises:
        ValueError: it is damaged.
    """
    *kept, checksum = stored
    number, wall, sane, kind, level, text, fields = kept
    try:
        read = Row(
            id=number,
            wall=float(wall),
            sane=bool(sane),
            kind=kind.decode(),
            level=level.decode(),
            text=text.decode(),
            fields=msgspec.json.decode(fields, type=dict[str, str | float | int | bool | None]),
        )
        undamaged = _checksum(read) == checksum
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"row {number} is damaged: {error}") from error
    if not undamaged:
        raise ValueError(f"row {number} is damaged: wrong checksum")
    return read


def undamaged(stored: Iterator[tuple[Any, ...]]) -> Iterator[Row]:
    """Yield the rows that are as they were written; log the others."""
    for one in stored:
        try:
            yield row(one)
        except ValueError as error:
            _log.limited("row", "a journal row is damaged and left out", error=error)


def _checksum(row: Row) -> int:
    values = (row.id, float(row.wall), row.sane, row.kind, row.level, row.text)
    return zlib.crc32(encode(values) + encode(row.fields))


def as_json(rows: Iterable[Row]) -> bytes:
    """Return rows as a JSON list of objects, with their time as text too."""
    file, between = io.BytesIO(), b"["
    for row in rows:
        file.write(between + as_object(row))
        between = b","
    file.write(b"]" if file.tell() else b"[]")
    return file.getvalue()


def as_object(row: Row) -> bytes:
    """Return a row as a JSON object, with its time as text too."""
    return encode({"time": row.time, **msgspec.structs.asdict(row)})


def as_csv(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV (RFC 4180, UTF-8): id, time, wall, sane, kind, level, text, and the fields as JSON."""
    file = io.BytesIO()
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "time", "wall", "sane", "kind", "level", "text", "fields"])
    for row in rows:
        fields = encode(row.fields).decode()
        writer.writerow([row.id, row.time, row.wall, int(row.sane), row.kind, row.level, row.text, fields])
    text.flush()
    return file.getvalue()


def encode(value: object) -> bytes:
    """Return JSON; a subclass of float, such as a duration of the configuration, is a number."""
    return msgspec.json.encode(value, enc_hook=lambda other: float(other) if isinstance(other, float) else str(other))
