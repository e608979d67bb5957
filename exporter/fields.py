"""How a device's field is declared. Its decoding, metric, help text and documentation all come from the declaration.

A *record* is what a device sends at once: a packet, a block of registers, a line of text. A *place* is where a raw
number is in a record, and when it is absent; each family has its own places. A *field* is the meaning of that number.
There are four kinds of field:

* `Number`: one quantity with its unit, a gauge or a counter;
* `States`: one of several named states, as a 0/1 series for every known state, plus the raw code;
* `Flags`: named bits, as 0/1 series;
* `Info`: texts, as labels of a series that is always 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

from toolkit.homeassistant.options import BY_NAME, EntityOptions, Form

Record = TypeVar("Record")
Seen = TypeVar("Seen", contravariant=True)  # noqa: PLC0105 - shorter than Seen_contra

ONE = Fraction(1)
UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How well a field's meaning is known, as METRICS.md shows it."""

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
        source: the document or capture behind it; empty for what the exporter counts or computes itself.
        confidence: how well the meaning is known.
        entity: how Home Assistant shows it.
    """

    name: str
    help: str
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()
    source: str = ""
    confidence: Confidence = Confidence.PROVEN
    entity: EntityOptions = BY_NAME


def raw_code(metric: str) -> EntityOptions:
    """Return the options of the family of a raw code."""
    return EntityOptions(not_shown=f"{metric} shows its meaning")


class Sample(NamedTuple):
    """One value of a metric; `labels` are the values in the order in which the metric names them."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


class Place(Protocol[Seen]):
    """Where a raw number is in a record. Its `str` describes the place in the words of the device's document."""

    def read(self, record: Seen, /) -> float | None:
        """Return the raw number; None when the record does not have it or the device marks it as unknown."""


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
    """What all kinds of field declare.

    Attributes:
        metric: the whole metric name, in base units.
        help: what the value means: one sentence without a full stop.
        place: where the raw number is.
        source: the document or capture behind the meaning.
        confidence: how well the meaning is known.
        entity: how Home Assistant shows it.
    """

    metric: str
    help: str
    place: Place[Record]
    source: str
    confidence: Confidence = Confidence.PROVEN
    entity: EntityOptions = BY_NAME

    @property
    def described(self) -> str:
        """The help text with the place, and a warning when no capture shows the field."""
        unverified = "; unverified: no capture shows it" if self.confidence is Confidence.UNVERIFIED else ""
        return f"{self.help} ({self.place}{unverified})."

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metric families of this field."""
        raise NotImplementedError

    def _metric(
        self, name: str, text: str, *labels: str, kind: Kind = Kind.GAUGE, entity: EntityOptions | None = None
    ) -> Metric:
        return Metric(name, text, kind, labels, self.source, self.confidence, entity or self.entity)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield the field's samples in the record; none, never a zero, when it is absent."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Number(Field[Record]):
    """A quantity: (raw - zero) x scale, in the unit at the end of the metric's name.

    Attributes:
        mean5s: whether its mean over the last 5 s is exported too; the family of the device computes it.
        min60s: whether its lowest value of the last 60 s is exported too; the family of the device computes it.
    """

    scale: Fraction = ONE
    zero: float = 0
    kind: Kind = Kind.GAUGE
    mean5s: bool = False
    min60s: bool = False

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The family of this quantity, then those of its mean and its lowest value."""
        own = EntityOptions(not_shown=f"Home Assistant has its own statistics of {self.metric}")
        mean = self._metric(f"{self.metric}_mean5s", f"Mean of {self.metric} over the last 5 s.", entity=own)
        lowest = self._metric(f"{self.metric}_min60s", f"Lowest {self.metric} of the last 60 s.", entity=own)
        return (
            self._metric(self.metric, self.described, kind=self.kind),
            *((mean,) if self.mean5s else ()),
            *((lowest,) if self.min60s else ()),
        )

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
    entity: EntityOptions = BY_NAME,
) -> Number[Record]:
    """Return a `Number`; `family` is the first part of its metric's name."""
    return Number(
        metric=f"{family}_{name}",
        help=meaning,
        place=place,
        scale=scale,
        zero=zero,
        kind=kind,
        source=source,
        confidence=confidence,
        entity=entity,
    )


@dataclass(frozen=True, kw_only=True)
class States(Field[Record]):
    """One of several states. A code without a name is `unknown`; the raw code is always exported too."""

    names: Mapping[int, str]
    label: str = "state"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The 0/1 family and the family of the raw code."""
        shown = replace(self.entity, form=Form.STATE, states=self.every)
        return (
            self._metric(self.metric, f"{self.described[:-1]}; 1 for the present value.", self.label, entity=shown),
            self._metric(
                f"{self.metric}_code", f"The raw code of {self.metric}. {self.described}", entity=raw_code(self.metric)
            ),
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
        """Yield 0 or 1 for every known state, then the raw code."""
        raw = self.place.read(record)
        if raw is not None:
            present = self.names.get(int(raw), UNKNOWN)
            for name in self.every:
                yield Sample(self.metric, float(name == present), (name,))
            yield Sample(f"{self.metric}_code", raw)


@dataclass(frozen=True, kw_only=True)
class Flags(Field[Record]):
    """Named bits: `bits` maps a mask to a name; a flag is 1 when every bit of its mask is set."""

    bits: Mapping[int, str]
    label: str = "flag"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The 0/1 family."""
        shown = replace(self.entity, form=Form.FLAGS, states=tuple(self.bits.values()))
        return (self._metric(self.metric, f"{self.described[:-1]}; 1 for each that is set.", self.label, entity=shown),)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield 0 or 1 for every named mask."""
        raw = self.place.read(record)
        if raw is not None:
            for mask, name in self.bits.items():
                yield Sample(self.metric, float(int(raw) & mask == mask), (name,))


@dataclass(frozen=True, kw_only=True)
class Info(Field[Record]):
    """Texts as labels of a series that is always 1; it is absent when `place` is."""

    texts: Mapping[str, Callable[[Record], str]]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The family, its labels in the order of the declaration."""
        shown = replace(self.entity, form=Form.INFO, diagnostic=True)
        return (self._metric(self.metric, f"Always 1. {self.described}", *self.texts, entity=shown),)

    def samples(self, record: Record) -> Iterator[Sample]:
        """Yield the series, unless it is absent."""
        if self.place.read(record) is not None:
            yield Sample(self.metric, 1.0, tuple(text(record) for text in self.texts.values()))


def decode(fields: Iterable[Field[Record]], record: Record) -> tuple[Sample, ...]:
    """Return the samples of all fields in a record, in the order of the fields."""
    return tuple(sample for field in fields for sample in field.samples(record))


def diagnostic(fields: Iterable[Field[Record]]) -> tuple[Field[Record], ...]:
    """Return fields marked as settings, or as for the search for faults."""
    return tuple(replace(field, entity=replace(field.entity, diagnostic=True)) for field in fields)
