"""The lines that `journal` and `runs` print, from the running actuator's answers, and tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from actuator.report import wording
from toolkit.config import ConfigError, Duration, decode
from toolkit.formatting import percent, span

_HEADER = ("run", "began", "lasted", "requested by", "battery", "charged", "engine", "end")
# A shorter form, for a column.
_REQUESTED: Final = {cause: text.partition(",")[0] for cause, text in wording.terms.REQUESTED.items()}


def moment(text: str | None, now: datetime) -> str:
    """Return the time that `--since` means, RFC 3339; empty without one. A time without a zone is the site's own.

    Raises:
        ValueError: it is neither a time nor a span.
    """
    if text is None:
        return ""
    try:
        return (now - timedelta(seconds=decode(text, Duration))).isoformat()
    except (ConfigError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        expected = "a day such as 2026-01-31, a time such as 2026-01-31T08:00, or a span back such as 2h"
        raise ValueError(f'got "{text}", expected {expected}') from None


def journal_line(row: Mapping[str, Any]) -> str:
    """Return one row: its time at the site, its level unless that is info, its sentence, and the user of a command."""
    when = datetime.fromisoformat(row["time"]).astimezone()
    level = "" if row["level"] == "info" else f"{row['level']}: "
    doubt = "" if row["sane"] else " (clock not known to be right)"
    who = row["fields"].get("who")
    by = f" User: {who}." if who and row["fields"].get("action") != "settings" else ""  # those name their user
    return f"{when:%Y-%m-%d %H:%M:%S}{doubt}  {level}{row['text']}{by}"


def run_lines(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the runs as a table with a header; one sentence when there are none."""
    rows = [_HEADER, *(_run(run) for run in runs)]
    if len(rows) == 1:
        return ["No run is recorded yet."]
    return table(rows)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines with their cells in columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _run(run: Mapping[str, Any]) -> tuple[str, ...]:
    began = datetime.fromtimestamp(run["began"]).astimezone()
    charge = run["ampere_hours"]
    in_progress = run["ended"] is None and run["end"] is None
    return (
        str(run["number"]),
        f"{began:%Y-%m-%d %H:%M}",
        span(run["seconds"]),
        _REQUESTED.get(run["cause"], run["cause"]),
        f"{_soc(run['soc_before'])} to {_soc(run['soc_after'])}",
        "unknown" if charge is None else f"{round(charge)} Ah",
        "confirmed" if run["confirmed"] else "not confirmed",
        "in progress" if in_progress else wording.endings.ENDED.get(run["end"], run["end"]),
    )


def _soc(ratio: float | None) -> str:
    return "?" if ratio is None else percent(ratio)
