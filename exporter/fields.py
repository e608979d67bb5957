"""The one form in which a device's field is declared; its decoder, its metric, its help and its documentation follow.

A *record* is what a device said at once: a packet, a block of registers, a line of text. A *place* says where in such
a record a raw number is and when it is there at all; every family brings its own places. A *field* says what the
number means. Four kinds are enough for every device so far:

* `Number`: one quantity with its unit, a gauge or a counter;
* `States`: one of several named states, as 0/1 series with every known state, and the raw code beside them;
* `Flags`: named bits, as 0/1 series;
* `Info`: texts, as labels of a series that is always 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

Record = TypeVar("Record")
Seen = TypeVar("Seen", contravariant=True)  # noqa: PLC0105 - it reads better in the one place where it stands

ONE = Fraction(1)
UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How well a field's meaning is known; the documentation prints it."""

    PROVEN = "proven"
    LIKELY = "likely"
    UNVERIFIED = "unverified"


class Kind(StrEnum):
    """The Prometheus type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Metric(NamedTuple):
    """A metric family.

    Attributes:
        name: its whole name.
        help: what it means and where it comes from.
        kind: its type.
        labels: its labels besides `device`.
        source: the document or capture on whose word; empty for what we count or work out ourselves.
        confidence: how well the meaning is known.
    """

    name: str
    help: str
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()
    source: str = ""
    confidence: Confidence = Confidence.PROVEN


class Sample(NamedTuple):
    """One value of a metric; `labels` are the values in the order in which the metric names them."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


class Place(Protocol[Seen]):
    """Where a raw number is in a record; its `str` says so in the words of the device's own document."""

    def read(self, record: Seen, /) -> float | None:
        """Return the raw number, or None when the record does not have it or the device says that it is unknown."""


@dataclass(frozen=True, kw_only=True)
class Computed(Generic[Record]):
    """A place whose number is computed from a record; `how` describes the rule in words."""

    how: str
    compute: Callable[[Record], float | None]

    def read(self, record: Record, /) -> float | None:
        """Return the computed number, or None when it is absent."""
        return self.compute(record)

    def __str__(self) -> str:
        """Return the rule in words."""
        return self.how


@dataclass(frozen=True, kw_only=True)
class Field(Generic[Record]):
    """What all kinds of field declare: metric name, meaning, and on whose word.

    Attributes:
        metric: the whole metric name, in base units.
        help: what the value means, one sentence without a full stop.
        place: where the raw number is.
        source: the document or capture that says so.
        confidence: how far that can be trusted.
    """

    metric: str
    help: str
    place: Place[Record]
    source: str
    confidence: Confidence = Confidence.PROVEN

    @property
    def described(self) -> str:
        """The help text with the place, and a warning where no capture has ever shown the field."""
        unverified = "; unverified: no capture shows it" if self.confidence is Confidence.UNVERIFIED else ""
        return f"{self.help} ({self.place}{unverified})."

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metric families that come from this field."""
        raise NotImplementedError

    def _metric(self, name: str, text: str, *labels: str, kind: Kind = Kind.GAUGE) -> Metric:
        return Metric(name, text, kind, labels, self.source, self.confidence)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield what the record says about this field: nothing when it is absent, never a zero in its stead."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Number(Field[Record]):
    """A quantity: (raw - zero) x scale, in the unit that ends the metric's name."""

    scale: Fraction = ONE
    zero: float = 0
    kind: Kind = Kind.GAUGE

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one family of this quantity."""
        return (self._metric(self.metric, self.described, kind=self.kind),)

    def value(self, record: Record) -> float | None:
        """Return the quantity in the metric's unit, or None when it is absent."""
        raw = self.place.read(record)
        return None if raw is None else (raw - self.zero) * self.scale.numerator / self.scale.denominator

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield the quantity, unless it is absent."""
        value = self.value(record)
        if value is not None:
            yield Sample(self.metric, value)


def quantity(
    family: str,
    name: str,
    meaning: str,
    place: Place[Record],
    scale: Fraction = ONE,
    *,
    source: str,
    zero: float = 0,
    kind: Kind = Kind.GAUGE,
    confidence: Confidence = Confidence.PROVEN,
) -> Number[Record]:
    """Return the declaration of one quantity on one line: `family` is what its metric's name begins with."""
    return Number(
        metric=f"{family}_{name}",
        help=meaning,
        place=place,
        scale=scale,
        zero=zero,
        kind=kind,
        source=source,
        confidence=confidence,
    )


@dataclass(frozen=True, kw_only=True)
class States(Field[Record]):
    """One of several states. A code without a name is `unknown`, and the raw code is always told beside it."""

    names: Mapping[int, str]
    label: str = "state"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The 0/1 family and the family of the raw code."""
        return (
            self._metric(self.metric, f"1 for the present one. {self.described}", self.label),
            self._metric(f"{self.metric}_code", f"The raw code of {self.metric}. {self.described}"),
        )

    @property
    def every(self) -> tuple[str, ...]:
        """Every name once, `unknown` last."""
        return (*dict.fromkeys(self.names.values()), UNKNOWN)

    def name(self, record: Record) -> str | None:
        """Return the state's name, `unknown` for a code without one, None when absent."""
        raw = self.place.read(record)
        return None if raw is None else self.names.get(int(raw), UNKNOWN)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield a 0 or 1 for every known state, then the raw code."""
        raw = self.place.read(record)
        if raw is not None:
            present = self.names.get(int(raw), UNKNOWN)
            for name in self.every:
                yield Sample(self.metric, float(name == present), (name,))
            yield Sample(f"{self.metric}_code", raw)


@dataclass(frozen=True, kw_only=True)
class Flags(Field[Record]):
    """Named bits; `bits` maps a mask to its name, and a flag is 1 when every bit of its mask is set."""

    bits: Mapping[int, str]
    label: str = "flag"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one 0/1 family."""
        return (self._metric(self.metric, f"1 for each that is set. {self.described}", self.label),)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield a 0 or 1 for every named bit."""
        raw = self.place.read(record)
        if raw is not None:
            for mask, name in self.bits.items():
                yield Sample(self.metric, float(int(raw) & mask == mask), (name,))


@dataclass(frozen=True, kw_only=True)
class Info(Field[Record]):
    """Texts as labels of a series that is always 1; `place` says whether the record has them at all."""

    texts: Mapping[str, Callable[[Record], str]]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one family, its labels in the order of the declaration."""
        return (self._metric(self.metric, f"Always 1. {self.described}", *self.texts),)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield the one series."""
        if self.place.read(record) is not None:
            yield Sample(self.metric, 1.0, tuple(text(record) for text in self.texts.values()))


def decode(fields: Iterable[Field[Record]], record: Record) -> tuple[Sample, ...]:
    """Return what a record says about each of the fields, in their order."""
    return tuple(sample for field in fields for sample in field.samples(record))
