"""What a battery's answer must agree with, and what is refused when it does not. Pure.

An answer whose checksum is right may still be wrong: of another dialect, or changed on the way. A battery reports
much twice: its voltage, and its cells'; its state of charge, and its ampere-hours. A `Check` compares two of them.
Each profile declares its own beside its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from exporter.fields import Sample
from exporter.sources.base import SourceError

CELLS_TOLERANCE = 0.02
POWER_TOLERANCE = 0.10
POWER_TOLERANCE_WATTS = 20.0
REMAINING_MOST = 1.05
HEALTH_MOST = 1.1
_ROUNDING = 1e-6

LEFT_OVER = "left_over"
"""The reason of bytes after the last value that the profile knows."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one battery reports; None: not reported.

    Attributes:
        volts: of the whole battery.
        cells: volts of each cell.
        amperes: + into the battery.
        watts: + into the battery.
        soc: state of charge, 0 to 1.
        soh: state of health, 0 to 1.
        remaining: ampere-hours left.
        full: ampere-hours when full.
    """

    volts: float | None = None
    cells: tuple[float, ...] = ()
    amperes: float | None = None
    watts: float | None = None
    soc: float | None = None
    soh: float | None = None
    remaining: float | None = None
    full: float | None = None


_FACTS = {
    "battery_volts": "volts",
    "battery_amperes": "amperes",
    "battery_watts": "watts",
    "soc_ratio": "soc",
    "soh_ratio": "soh",
    "remaining_amphours": "remaining",
    "full_amphours": "full",
}
_CELL_VOLTS = "cell_volts"


def facts_of(samples: Iterable[Sample], family: str) -> Facts:
    """Return the facts in the samples of one battery of a family, by the names of their metrics."""
    values: dict[str, Any] = {}
    cells: list[float] = []
    for metric, value, _labels in samples:
        name = metric.removeprefix(f"{family}_")
        if name == _CELL_VOLTS:
            cells.append(value)
        elif name in _FACTS:
            values[_FACTS[name]] = value
    return Facts(cells=tuple(cells), **values)


def without(samples: Iterable[Sample], family: str, refused: frozenset[str]) -> tuple[Sample, ...]:
    """Return the samples without those of refused facts."""
    names = {f"{family}_{name}" for name, fact in _FACTS.items() if fact in refused}
    return tuple(sample for sample in samples if sample.metric not in names)


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        reason: its value of the label `reason`.
        meaning: what must hold, in words.
        contradiction: returns the two values that disagree, in words; None when they agree or one is unknown.
        refuses: the facts that are refused; none: the whole reading.
    """

    reason: str
    meaning: str
    contradiction: Callable[[Facts], str | None]
    refuses: tuple[str, ...] = ()


class Contradiction(NamedTuple):
    """Two values of one answer that cannot both be true.

    Attributes:
        reason: the check's.
        values: the two values, in words.
    """

    reason: str
    values: str


def _cells(rounding: float) -> Callable[[Facts], str | None]:
    def contradiction(facts: Facts) -> str | None:
        total = sum(facts.cells)
        if facts.volts is None or not facts.cells:
            return None
        allowed = CELLS_TOLERANCE * total + rounding * len(facts.cells) + _ROUNDING
        if abs(facts.volts - total) <= allowed:
            return None
        return f"battery {facts.volts:.2f} V, its {len(facts.cells)} cells together {total:.2f} V"

    return contradiction


def cell_sum(*, rounding: float = 0.0) -> Check:
    """Return the check of the battery's volts against its cells'; `rounding`: volts by which one cell's are rounded."""
    return Check("cells", "battery volts are the sum of the cells', within 2 %", _cells(rounding))


def _soc(facts: Facts) -> str | None:
    if facts.soc is None or 0 <= facts.soc <= 1 + _ROUNDING:
        return None
    return f"state of charge {100 * facts.soc:.1f} %, at most 100 %"


def _soh(facts: Facts) -> str | None:
    if facts.soh is None or 0 <= facts.soh <= HEALTH_MOST + _ROUNDING:
        return None
    return f"state of health {100 * facts.soh:.1f} %, at most {100 * HEALTH_MOST:.0f} %"


def _remaining(facts: Facts) -> str | None:
    if facts.remaining is None or facts.full is None:
        return None
    if 0 <= facts.remaining <= facts.full * REMAINING_MOST + _ROUNDING:
        return None
    return f"{facts.remaining:.2f} Ah remaining of {facts.full:.2f} Ah when full"


def _power(facts: Facts) -> str | None:
    if facts.watts is None or facts.volts is None or facts.amperes is None:
        return None
    product = facts.volts * facts.amperes
    if abs(facts.watts - product) <= max(POWER_TOLERANCE * abs(product), POWER_TOLERANCE_WATTS) + _ROUNDING:
        return None
    return f"{facts.watts:.0f} W, but {facts.volts:.2f} V x {facts.amperes:.2f} A = {product:.0f} W"


ANSWER = Check(LEFT_OVER, "no bytes are left over after the last value", lambda _facts: None)
"""For the documentation: the length is compared where the answer is decoded."""

CELLS = cell_sum()
SOC = Check("soc", "the state of charge is 0 to 1", _soc)
HEALTH = Check("health", "the state of health is 0 to 1.1", _soh, ("soh",))
REMAINING = Check(
    "remaining", "remaining ampere-hours are at most 1.05 times the full ones", _remaining, ("remaining", "full")
)
POWER = Check("power", "power is volts times amperes, within 10 % or 20 W", _power, ("amperes", "watts"))


class Judged(NamedTuple):
    """The outcome of the checks on one answer.

    Attributes:
        facts: what is left of them.
        refused: the names of the facts that are refused.
        contradictions: every one that was found.
        whole: the one for which the whole answer is refused, if any.
    """

    facts: Facts
    refused: frozenset[str]
    contradictions: tuple[Contradiction, ...]
    whole: Contradiction | None


def judge(checks: Iterable[Check], facts: Facts) -> Judged:
    """Return what the checks leave of an answer."""
    refused: set[str] = set()
    found: list[Contradiction] = []
    whole: Contradiction | None = None
    for check in checks:
        values = check.contradiction(facts)
        if values is not None:
            contradiction = Contradiction(check.reason, values)
            found.append(contradiction)
            refused.update(check.refuses)
            if not check.refuses:
                whole = whole or contradiction
    absent: dict[str, Any] = dict.fromkeys(refused)
    left = replace(facts, **absent)
    return Judged(left, frozenset(refused), tuple(found), whole)


def reasons(checks: Sequence[Check], *more: str) -> tuple[str, ...]:
    """Return every reason that these checks, and `more`, can refuse for, each once."""
    return tuple(dict.fromkeys((*more, *(check.reason for check in checks))))


def refusal(whose: str, contradiction: Contradiction) -> SourceError:
    """Return the error of an answer that is refused whole; `whose` begins its sentence."""
    return SourceError(
        f"{whose} contradicts itself and is refused: {contradiction.values}",
        cause=f"implausible {contradiction.reason}",
        refused=contradiction.reason,
    )
