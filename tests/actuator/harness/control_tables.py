"""The controller's tables and default numbers as Markdown, for docs/control.md.

    python -m tests.actuator.harness.control_tables

writes them into the page, between its markers; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.alert_path import PATHS
from actuator.core.demand import CAUSES, no_clock
from actuator.core.endings import ENDS, End, always, never
from actuator.core.inhibitors import INHIBITORS, Clearing
from actuator.core.settings import Exercise, FullCharge, QuietHours, Settings, TimeOfDay
from toolkit.config import Duration, Ratio
from toolkit.formatting import percent, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PAGE: Final = Path(__file__).parents[3] / "docs" / "control.md"

CLEARS: Final[dict[Clearing, str]] = {
    "ac_gone": "no AC in 3 samples, or no evidence for 5 min",
    "ags_ready": "the AGS ready in 3 samples, or silent for 30 s",
    "budget_free": "the sliding 24 h",
    "evidence_back": "evidence in one sample, or no fresh SOC",
    "journal_written": "the journal or its mirror can be written",
    "min_off_over": "min off has passed",
    "mode": "the operator; survives restarts",
    "quiet_hours_over": "the hour; a clock that is not known to be right",
    "read_backs": "3 readings *open*, then min off",
    "pause_over": "its time",
    "good_run": "a run of `min_run` that ends well (not after 8 in 24 h)",
    "resolved": "`resolved` and then 2 beats",
    "reset_inhibit": "its own reset",
    "reset_lockout": "reset of the lock-out",
}
"""In the order in which a row names them."""

FAILED_IF: Final[dict[End, str]] = {
    "deadline": "if the evidence denies the engine, unless `max_run` is below `start_confirm`",
    "demand_gone": "if the evidence denies the engine, and the run's cause counts so",
}
"""When an end counts as a failed attempt, where it does not always."""

WHEN_SET: Final[dict[str, msgspec.Struct]] = {
    "quiet_hours": QuietHours(),
    "exercise": Exercise(),
    "full_charge": FullCharge(),
}
"""What is switched off by default, with its own defaults once it is set."""


def render(page: str) -> str:
    """Return the page with its generated parts made anew."""
    for name, lines in PARTS.items():
        body = "\n".join(lines())
        before, begin, rest = page.partition(f"<!-- generated: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        page = f"{before}{begin}{body}\n{end}{after}"
    return page


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _yes(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "yes" if value else "no"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def causes() -> Iterator[str]:
    """Yield the table of what requests the engine."""
    return _table(
        (
            "cause",
            "on paths",
            "rank",
            "lasting",
            "own clock",
            "needs information",
            "counts as failed without the engine",
        ),
        (
            (
                f"`{cause}`",
                "any" if rule.paths == frozenset(PATHS) else ", ".join(path for path in PATHS if path in rule.paths),
                str(rule.rank),
                _yes(rule.lasting),
                _yes(rule.bound is not no_clock),
                _yes(rule.needs_information),
                _yes(rule.fruitless),
            )
            for cause, rule in CAUSES.items()
        ),
    )


def inhibitors() -> Iterator[str]:
    """Yield the table of what blocks it."""
    return _table(
        ("reason", "blocks", "ends a run", "counts an attempt", "exempt", "clears"),
        (
            (
                f"`{reason}`",
                "start and resume" if rule.blocks_resume else "start",
                {"never": "no", "at once": "at once", "once confirmed": "after 3 samples"}[rule.ends_run],
                _failed(reason) if reason in ENDS else "no",
                _names(rule.exempt),
                _clears(rule.clears),
            )
            for reason, rule in INHIBITORS.items()
        ),
    )


def _clears(clears: frozenset[Clearing]) -> str:
    *others, last = (text for clearing, text in CLEARS.items() if clearing in clears)
    return ", ".join([*others, f"or {last}" if others else last])


def ends() -> Iterator[str]:
    """Yield the table of what ends a run, in order."""
    return _table(
        ("order", "end", "failed attempt", "answers the start alert", "level"),
        (
            (
                str(order),
                f"`{end}`" + (f" (journal: `{rule.recorded}`)" if rule.recorded else ""),
                _failed(end),
                _yes(rule.meant),
                str(rule.level),
            )
            for order, (end, rule) in enumerate(ENDS.items(), 1)
        ),
    )


def _failed(end: End) -> str:
    rule = ENDS[end].failed
    return "no" if rule is never else "yes" if rule is always else FAILED_IF[end]


def numbers() -> Iterator[str]:
    """Yield the table of the settings and their defaults."""
    return _table(("setting", "default"), ((f"`{name}`", value) for name, value in _defaults("", Settings())))


def _defaults(prefix: str, part: msgspec.Struct) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(part):
        value, name = getattr(part, field.name), f"{prefix}{field.encode_name}"
        if isinstance(value, msgspec.Struct):
            yield from _defaults(f"{name}.", value)
        else:
            yield name, _value(value)
            if name in WHEN_SET:
                yield from _defaults(f"{name}.", WHEN_SET[name])


def _value(value: object) -> str:
    match value:
        case None | {}:
            text = "none"
        case bool():
            text = str(value).lower()
        case TimeOfDay():
            text = f'"{value}"'
        case Duration():
            text = span(value)
        case Ratio():
            text = percent(value)
        case tuple():
            text = ", ".join(map(_value, value))
        case _:
            text = str(value)
    return text


PARTS: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "causes": causes,
    "inhibitors": inhibitors,
    "ends": ends,
    "numbers": numbers,
}

if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
