"""`generator-actuator rehearse`: what the engine would have done with other settings, from what was recorded."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from actuator import config as configuration
from actuator.commands import listing, recording, rehearsal, rehearsal_page
from actuator.commands.flags import add_config_file
from actuator.commands.rehearsal import Outcome, Record
from actuator.core.settings import DAY, HOUR
from toolkit.config import ConfigError, Ratio, decode, read
from toolkit.formatting import percent, printable, redacted, span

DESCRIPTION = (
    "Plays what was recorded of the battery through the real decision, with the settings of the file "
    "and with others, and shows side by side how often and how long the engine would have run, how low the battery "
    "would have become, and what the result assumes. Nothing is changed."
)
EXAMPLE = "generator-actuator rehearse --try start_soc=30%,quiet_hours.from=22:00,quiet_hours.to=07:00 --best"

HEADER: Final = ("", "starts", "engine hours", "in quiet hours", "lowest battery", "emergencies", "at the end")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_config_file(parser)
    record = parser.add_mutually_exclusive_group()
    record.add_argument(
        "--prometheus",
        default="http://127.0.0.1:9090",
        metavar="URL",
        help="the Prometheus that has the recorded values (default: %(default)s)",
    )
    record.add_argument(
        "--csv", type=Path, metavar="FILE", help="a file with the record: columns time, soc and generator (0 or 1)"
    )
    parser.add_argument(
        "--days", type=_days, default=90.0, metavar="N", help="play the last N days (default: %(default)g)"
    )
    parser.add_argument(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="K=V,...",
        help="settings to try, as in the file, with dots: start_soc=30%%,limits.max_run=3h; repeatable",
    )
    parser.add_argument(
        "--best",
        action="store_true",
        help="search the start_soc and stop_soc with the fewest engine hours that stay over emergency_soc",
    )
    parser.add_argument(
        "--charge",
        type=_ratio,
        metavar="PERCENT",
        help="how much of the battery the engine charges in an hour (default: as in the recorded runs)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the curves, too")


def run(arguments: argparse.Namespace) -> int:
    """Rehearse; return 1 without a usable record, 2 for a wrong configuration."""
    try:
        config = configuration.load(arguments.config_file)
        variants = {text: _tried(arguments, text) for text in arguments.tries}
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        if arguments.csv is not None:
            samples, source = recording.from_csv(arguments.csv, arguments.days), str(arguments.csv)
        else:
            now = time.time()
            samples = recording.from_prometheus(arguments.prometheus, arguments.days, now)
            source = f"Prometheus at {redacted(arguments.prometheus)}"
    except recording.RecordingError as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 1
    record = rehearsal.record(samples, arguments.charge)
    if not record.charge.measured:
        sys.stderr.write(
            f"{source}: no run of the engine is recorded, so how fast it charges is not known: give --charge, such as "
            "--charge 15% for 15 % of the battery in an hour\n"
        )
        return 1
    outcomes = {
        "recorded": rehearsal.recorded(record, config, _minute_of_day),
        f"{arguments.config_file.name}: {_thresholds(config)}": rehearsal.play(record, config, _minute_of_day),
        **{text: rehearsal.play(record, tried, _minute_of_day) for text, tried in variants.items()},
    }
    sentences = []
    if arguments.best:
        if sys.stderr.isatty():
            sys.stderr.write("Searching the best thresholds. On a small machine this takes some minutes.\n")
        best = rehearsal.best(record, config, _minute_of_day)
        if best is not None:
            outcomes[f"best: {_thresholds(best)}"] = best.outcome
        sentences.append(_best_sentence(best, config))
    sentences += notes(record)
    days = (record.end - record.begin) / DAY
    title = f"{_day(record.begin)} to {_day(record.end)} ({days:.1f} days), {source}"
    rows = [HEADER, *(row(name, outcome) for name, outcome in outcomes.items())]
    width = max(60, shutil.get_terminal_size((100, 24)).columns)
    shown = [textwrap.fill(one, width, subsequent_indent="  " if one.startswith("- ") else "") for one in sentences]
    sys.stdout.write("\n".join([f"Rehearsal of {title}", "", *listing.table(rows), "", *shown]) + "\n")
    if arguments.html is not None:
        try:
            arguments.html.write_text(rehearsal_page.page(title, rows, outcomes, sentences), encoding="utf-8")
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def row(name: str, outcome: Outcome) -> tuple[str, ...]:
    """Return one row of the table."""
    quiet = outcome.quiet_seconds
    return (
        name,
        str(len(outcome.runs)),
        f"{outcome.engine_seconds / HOUR:.1f}",
        "-" if quiet is None else f"{quiet / HOUR:.1f}",
        percent(round(outcome.lowest, 2)),
        str(outcome.emergencies),
        percent(round(outcome.last, 2)),
    )


def notes(record: Record) -> list[str]:
    """Return what the numbers take for granted, and what the record lacks."""
    lacks = []
    if record.gaps:
        lacks.append(f"The record has no state of charge for {span(record.gaps)} in all: a straight line bridges it.")
    if record.full_seconds:
        lacks.append(f"The recorded battery was full for {span(record.full_seconds)} in all.")
    sentences = (rehearsal.charge_sentence(record.charge), *rehearsal.ASSUMPTIONS, *lacks)
    return ["This assumes:", *(f"- {sentence}" for sentence in sentences)]


def _tried(arguments: argparse.Namespace, text: str) -> configuration.Config:
    """Return the file's configuration with the settings of one `--try`.

    Raises:
        ConfigError: a setting is unknown, or does not fit.
    """
    document: Any = msgspec.to_builtins(read(arguments.config_file))
    for part in text.split(","):
        path, equals, value = part.strip().partition("=")
        if not equals or not path:
            raise ConfigError("--try", f'"{part}"', "a setting and its value, such as start_soc=30%")
        inner = document
        *parents, name = path.split(".")
        for parent in parents:
            if not isinstance(inner.get(parent), dict):
                inner[parent] = {}
            inner = inner[parent]
        inner[name] = _value(value)
    try:
        return decode(document, configuration.Config)
    except ConfigError as error:
        raise error.under("--try", file=None, line=None) from error


def _value(text: str) -> object:
    """Return a value of `--try` as the file would have it."""
    words: Mapping[str, object] = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _thresholds(settings: configuration.Config | rehearsal.Best) -> str:
    return f"start_soc={settings.start_soc * 100:g}%, stop_soc={settings.stop_soc * 100:g}%"


def _best_sentence(best: rehearsal.Best | None, config: configuration.Config) -> str:
    emergency = percent(config.emergency_soc)
    if best is None:
        return f"No start_soc and stop_soc keep the battery at or over the emergency threshold of {emergency} here."
    return (
        f"Fewest engine hours, and of about as few the fewest starts, with the battery never under the emergency "
        f"threshold of {emergency}: {_thresholds(best)}. Hours are compared as if each had ended with as much in the "
        "battery as it began with. Another season may ask for other thresholds."
    )


def _minute_of_day(at: float) -> int:
    local = time.localtime(at)
    return local.tm_hour * 60 + local.tm_min


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d}"


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < 10_000:
        raise argparse.ArgumentTypeError(f'got "{text}", expected a number of days such as 90')
    return days


def _ratio(text: str) -> Ratio:
    try:
        ratio = decode(text, Ratio)
    except ConfigError:
        ratio = Ratio(0)
    if ratio <= 0:
        raise argparse.ArgumentTypeError(f'got "{text}", expected more than zero, such as 15%')
    return ratio
