"""Read what was recorded of the battery and the engine: from Prometheus, or from a CSV file."""

from __future__ import annotations

import csv
import json
import math
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from actuator.commands import client
from actuator.commands.rehearsal import Sample
from actuator.core.settings import DAY, HOUR
from toolkit.config import ConfigError, Ratio, decode
from toolkit.formatting import redacted, span

STEP: Final = 60
"""Seconds between two samples that Prometheus is asked for."""
MOST_POINTS: Final = 10_000
"""Of one request; Prometheus refuses more than 11,000 points of a series."""
SHORTEST: Final = 12 * HOUR
LATEST: Final = 4_102_444_800.0
"""The year 2100: a later time in a file is a mistake, such as milliseconds."""
SOC: Final = "max(battery_soc_ratio)"
ENGINE: Final = "max(generator_running) or max(magnum_inverter_ac_input_present)"
"""As the actuator has confirmed it; where it was not scraped, AC at the inverter's input."""
SEVERAL: Final = "count(battery_soc_ratio) > 1"
_COLUMNS: Final = ("time", "soc", "generator")


class RecordingError(Exception):
    """There is no usable record; the text gives the place and what to do."""


def from_prometheus(url: str, days: float, now: float) -> list[Sample]:
    """Return the samples of the last days before Unix time `now`, one a minute where there is one.

    Raises:
        RecordingError: Prometheus does not answer, or has too little.
    """
    begin = now - days * DAY
    if any(_range(url, SEVERAL, begin, now)):
        raise RecordingError(
            f"{redacted(url)} has several series of battery_soc_ratio at once, expected one site: export one to a CSV "
            "file with the columns time, soc and generator, and use --csv"
        )
    engine = dict(_range(url, ENGINE, begin, now))
    samples = [Sample(at, value, engine.get(at, 0.0) > 0) for at, value in _range(url, SOC, begin, now)]
    for sample in samples:
        if not 0 <= sample.soc <= 1:
            raise RecordingError(
                f"{redacted(url)}: got battery_soc_ratio {sample.soc:g} at {sample.at:.0f}, expected 0 to 1"
            )
    return _long_enough(samples, f"battery_soc_ratio in Prometheus at {redacted(url)}, in the last {span(days * DAY)}")


def _range(url: str, query: str, begin: float, end: float) -> Iterator[tuple[float, float]]:
    """Yield Unix time and value of a query that gives one series."""
    width = STEP * MOST_POINTS
    begin, end = math.ceil(begin / STEP) * STEP, math.floor(end / STEP) * STEP
    for start in range(begin, end + 1, width):
        last = min(end, start + width - STEP)
        asked = {"query": query, "start": start, "end": last, "step": STEP}
        try:
            answer = json.loads(client.fetch(url, f"/api/v1/query_range?{urllib.parse.urlencode(asked)}"))
            result: list[Mapping[str, Any]] = answer["data"]["result"]
            points = _points(result, start, last)
        except client.ClientError as error:
            raise RecordingError(
                f"no Prometheus answers at {redacted(url)}: {error}. At another address, use --prometheus; or give a "
                "file with --csv."
            ) from error
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
            raise RecordingError(
                f"{redacted(url)} answers, but not as Prometheus does: is it the address of Prometheus?"
            ) from error
        yield from ((at, value) for at, value in points if math.isfinite(value))


def _points(result: list[Mapping[str, Any]], start: int, last: int) -> list[tuple[float, float]]:
    """Return Unix time and value of the one series there is.

    Raises:
        ValueError: there are several, or their times are not in order, or not those that were asked for.
    """
    points = [(float(at), float(value)) for series in result for at, value in series["values"]]
    times = [at for at, _ in points]
    if not all(start <= at <= last for at in times) or _disorder(times) is not None:
        raise ValueError("times that were not asked for, or several series")
    return points


def from_csv(file: Path, days: float) -> list[Sample]:
    """Return the samples of the last days of a file with the columns time, soc and generator.

    Raises:
        RecordingError: it cannot be read, or has too little.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                got = ", ".join(rows.fieldnames or ()) or "none"
                raise RecordingError(f"{file}: got the columns {got}, expected {', '.join(_COLUMNS)} in the first line")
            samples = [_sample(file, rows.line_num, row) for row in rows if row["soc"]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{file} cannot be read: {error}") from error
    number = _disorder([sample.at for sample in samples])
    if number is not None:
        raise RecordingError(f"{file}: row {number + 1} is not later than the row before it: sort the rows by time")
    if samples:
        samples = [sample for sample in samples if sample.at >= samples[-1].at - days * DAY]
    return _long_enough(samples, str(file))


def _disorder(times: Sequence[float]) -> int | None:
    """Return the index of the first time that is not later than the one before it."""
    return next((index for index, (sooner, later) in enumerate(pairwise(times), 1) if not later > sooner), None)


def _sample(file: Path, line: int, row: Mapping[str, str | None]) -> Sample:
    time, soc, generator = ((row[name] or "").strip() for name in _COLUMNS)
    where = f"{file}:{line}"
    at = _time(time)
    if not 0 <= at <= LATEST:
        raise RecordingError(
            f'{where}: got the time "{time}", expected Unix seconds, or a time such as 2026-01-31T08:00:00, from 1970 '
            "to 2100"
        )
    try:
        ratio = decode(soc.replace(" ", "") if soc.endswith("%") else float(soc), Ratio)
    except (ConfigError, ValueError):
        raise RecordingError(f'{where}: got the soc "{soc}", expected 0.53 or 53 %') from None
    if generator.lower() not in ("", "0", "0.0", "1", "1.0", "false", "true"):
        raise RecordingError(f'{where}: got the generator "{generator}", expected 0 or 1')
    return Sample(at, ratio, generator.lower() in ("1", "1.0", "true"))


def _time(text: str) -> float:
    """Return Unix time; NaN if the text is no time."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _long_enough(samples: list[Sample], what: str) -> list[Sample]:
    recorded = samples[-1].at - samples[0].at if len(samples) > 1 else 0.0
    if recorded < SHORTEST:
        raise RecordingError(f"{what}: got {span(recorded)} of samples, expected at least {span(SHORTEST)}")
    return samples
