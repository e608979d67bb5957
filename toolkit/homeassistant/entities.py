"""From metrics and their samples to entities of Home Assistant and their values. Pure.

Units, classes and names follow from the last unit in a metric's name, and from its help; `EntityOptions` says the rest.

Source: Home Assistant's documentation of MQTT discovery, of the sensor's device and state classes, and of the binary
sensor's device classes.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from toolkit.formatting import capitalized
from toolkit.homeassistant.options import BY_NAME, BY_UNIT, EntityOptions, Flag, Form

Component = dict[str, Any]
"""The configuration of an entity, without what its device adds."""

LONGEST_STATE: Final = 255
"""Characters of a state in Home Assistant."""

NONE: Final = "none"
"""The state of a metric of states of which none is 1, where it has such a state."""


_Labels = tuple[str, ...]
_Samples = Sequence[tuple[_Labels, float]]
_Describe = Callable[["Described", str, _Labels], Component]
_Values = Iterator[tuple[_Labels, float | str, _Describe]]


class Unit(NamedTuple):
    """What goes with a unit in a metric's name.

    Attributes:
        symbol: as Home Assistant writes it; None: a number without a unit.
        device_class: of Home Assistant; None: none.
        scale: of the metric's unit in this one.
        precision: decimals that are shown.
        noun: what the unit measures, for the name.
        measured: whether it is a measurement; else it has no state class, unless it is a counter.
    """

    symbol: str | None
    device_class: str | None
    scale: float
    precision: int
    noun: str
    measured: bool = True


JOULES_IN_KILOWATT_HOUR: Final = 3_600_000.0
UNITS: Final[Mapping[str, Unit]] = {
    "volts": Unit("V", "voltage", 1, 2, "voltage"),
    "amperes": Unit("A", "current", 1, 1, "current"),
    "watts": Unit("W", "power", 1, 0, "power"),
    "celsius": Unit("°C", "temperature", 1, 1, "temperature"),
    "hertz": Unit("Hz", "frequency", 1, 1, "frequency"),
    "ratio": Unit("%", None, 100, 0, ""),
    "joules": Unit("kWh", "energy", 1 / JOULES_IN_KILOWATT_HOUR, 2, "energy", measured=False),
    "seconds": Unit("s", "duration", 1, 0, "time"),
    "amphours": Unit("Ah", None, 1, 0, "ampere-hours"),
    "bytes": Unit("B", "data_size", 1, 0, "bytes"),
}
TIMES: Final[Mapping[str, Unit]] = {
    "h": Unit("h", "duration", 1 / 3600, 1, "time"),
    "d": Unit("d", "duration", 1 / 86400, 1, "time"),
}
"""For `EntityOptions.shown_in`: a sensor of Home Assistant's MQTT integration cannot suggest a unit but its own."""

BARE: Final = Unit(None, None, 1, 0, "")
APPARENT: Final = Unit("VA", "apparent_power", 1, 0, "apparent power")
STATE_OF_CHARGE: Final = UNITS["ratio"]._replace(device_class="battery")
TIMESTAMP: Final = Unit(None, "timestamp", 1, 0, "", measured=False)

_WORDS: Final = {
    **{word: word.upper() for word in ("ac", "dc", "bmk", "ags", "fet", "pv", "mppt", "acld", "soc", "soh", "pcb")},
    "pt100": "PT-100",
    "soc": "state of charge",
    "soh": "state of health",
    "led": "lamp",
    "pcb": "board",
}
_TIMES: Final = frozenset({"time", "delay", "timer", "clock", "since", "due", "remaining"})
_KEY: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
BETWEEN: Final = "__"
"""Between a metric's name and the values of its labels in a key; no metric's name has it."""


class Described(NamedTuple):
    """A metric as its declaration describes it.

    Attributes:
        name: its whole name.
        help: its help text.
        counter: it only rises, until it begins again.
        labels: its labels besides the one that names the device.
        options: how it is shown.
    """

    name: str
    help: str
    counter: bool = False
    labels: tuple[str, ...] = ()
    options: EntityOptions = BY_NAME

    @property
    def is_flag(self) -> bool:
        """Whether its values are 0 and 1: its help begins with when it is 1."""
        return self.help.startswith("1 ")


class Shown(NamedTuple):
    """The value of an entity now.

    Attributes:
        key: of the entity within its device, and of the value in the device's state.
        value: as Home Assistant takes it; None: it has none now.
        describe: returns the entity's configuration.
    """

    key: str
    value: float | str | None
    describe: Callable[[], Component]


def slug(text: str) -> str:
    """Return a text as a part of a topic and of an id: one that is changed gets a digest, so that no two are equal."""
    if _KEY.fullmatch(text) and BETWEEN not in text:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return "_".join(filter(None, re.split(r"[^A-Za-z0-9]+", text))) + f"_{digest}"


def unit(metric: Described) -> Unit:
    """Return what goes with a metric's unit; BARE without one."""
    if "_timestamp_seconds" in metric.name:
        return TIMESTAMP
    if metric.options.shown_in:
        return TIMES[metric.options.shown_in]
    tokens = metric.name.split("_")
    found = next((UNITS[token] for token in reversed(tokens) if token in UNITS), BARE)
    if found.device_class == "power" and "pparent power" in metric.help:
        return APPARENT
    # A setting is a threshold, not how full the battery is.
    is_soc = metric.name.endswith("soc_ratio") and not metric.options.diagnostic
    return STATE_OF_CHARGE if is_soc else found


def name(metric: Described, prefix: str, labels: Mapping[str, str]) -> str:
    """Return the name of an entity, in words.

    Args:
        metric: its metric.
        prefix: what every metric of the device begins with, left out.
        labels: those that tell it from others of the same metric.
    """
    words = metric.name.removeprefix(prefix).removesuffix("_total").removesuffix("_code").split("_")
    if metric.options.name:
        text = metric.options.name
    else:
        last = max((index for index, word in enumerate(words) if word in UNITS), default=None)
        if last is not None:
            noun = "" if words[last] == "seconds" and _TIMES & set(words) else unit(metric).noun
            words[last] = "" if noun in words else noun
        text = " ".join(_WORDS.get(word, word) for word in words if word not in ("", "timestamp", "flags"))
    for label, value in labels.items():
        shown = " ".join(_WORDS.get(word, word) for word in value.split("_"))
        text += f" {shown}" if label in words or not value.isdecimal() else f" {label} {shown}"
    return capitalized(text.strip())


def shown(
    metric: Described, prefix: str, samples: Iterable[tuple[tuple[str, ...], float]], stale: Callable[[], float]
) -> Iterator[Shown]:
    """Yield the entities that a metric's samples are, with their values.

    Args:
        metric: the metric.
        prefix: what every metric of the device begins with.
        samples: the values of its labels, in their order, and the value.
        stale: returns the seconds after which a value is stale.
    """
    if metric.options.not_shown:
        return
    finite = [(labels, value) for labels, value in samples if math.isfinite(value)]
    for labels, value, component in _VALUES[metric.options.form](metric, finite):
        describe = partial(_described, component, metric, prefix, labels, stale)
        yield Shown(key(metric.name, labels), value, describe)


def absent(metric: Described, prefix: str, stale: Callable[[], float]) -> Iterator[Shown]:
    """Yield the entity of a metric without samples, so that it is known before it has a value; none for labels."""
    options = metric.options
    if not options.not_shown and (
        (options.form is not Form.FLAGS and options.form is not Form.EACH) or not metric.labels
    ):
        (component,) = entities(metric, prefix)
        describe = partial(_described, lambda *_: component, metric, prefix, (), stale)
        yield Shown(metric.name, None, describe)


def entities(metric: Described, prefix: str) -> Iterator[Component]:
    """Yield what a metric's entities have in common, for the documentation: one for each flag, else one."""
    options = metric.options
    if options.not_shown:
        return
    if options.form is Form.FLAGS:
        for flag in options.states:
            yield _flag(metric, prefix, (*metric.labels[:-1], flag))
    elif options.form is Form.STATE:
        yield _state(metric, prefix, ())
    elif options.form in (Form.LISTED, Form.INFO):
        yield _text(metric, prefix, ())
    else:
        yield (_flag if _is_binary(metric) else _number)(metric, prefix, ())


def key(metric: str, labels: Iterable[str]) -> str:
    """Return the key of an entity."""
    return BETWEEN.join((metric, *map(slug, labels)))


def metric_of(key: str) -> str:
    """Return the name of the metric of a key."""
    return key.partition(BETWEEN)[0]


def _described(
    describe: _Describe, metric: Described, prefix: str, labels: _Labels, stale: Callable[[], float], /
) -> Component:
    seconds = stale()
    return describe(metric, prefix, labels) | {"expire_after": seconds if math.isfinite(seconds) else 0.0}


def _is_binary(metric: Described) -> bool:
    return metric.is_flag and not metric.counter and unit(metric) is BARE


def _flag_of(metric: Described, labels: _Labels) -> Flag:
    return metric.options.flags.get(labels[-1] if labels else "", _PLAIN)


_PLAIN: Final = Flag()


def _present(samples: _Samples) -> dict[_Labels, list[str]]:
    """Return, by all labels but the last, the values of the last one whose samples are 1."""
    present: dict[_Labels, list[str]] = {}
    for labels, value in samples:
        names = present.setdefault(labels[:-1], [])
        if value == 1:
            names.append(labels[-1])
    return present


def _each(metric: Described, samples: _Samples) -> _Values:
    describe = _flag if _is_binary(metric) else _number
    return ((labels, _value(metric, value), describe) for labels, value in samples)


def _flags(metric: Described, samples: _Samples) -> _Values:
    return ((labels, _on(bool(value) is not _flag_of(metric, labels).inverted), _flag) for labels, value in samples)


def _one_of(metric: Described, samples: _Samples) -> _Values:
    present = ((labels, (names or [NONE])[0]) for labels, names in _present(samples).items())
    return ((labels, name, _state) for labels, name in present if name in metric.options.states)


def _listed(_metric: Described, samples: _Samples) -> _Values:
    return ((labels, (", ".join(names) or NONE)[:LONGEST_STATE], _text) for labels, names in _present(samples).items())


def _sum(metric: Described, samples: _Samples) -> _Values:
    if samples:
        yield (), _value(metric, sum(value for _, value in samples)), _number


def _info(_metric: Described, samples: _Samples) -> _Values:
    return (((), ", ".join(labels)[:LONGEST_STATE], _text) for labels, _ in samples[:1])


def _on(on: bool) -> str:  # noqa: FBT001 - a conversion
    return "ON" if on else "OFF"


def _value(metric: Described, value: float) -> float | str:
    if _is_binary(metric):
        return _on(bool(value))
    measure = unit(metric)
    if measure is TIMESTAMP:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return round(value * measure.scale, 4)


def _common(metric: Described, prefix: str, labels: _Labels, platform: str) -> Component:
    component: Component = {"p": platform, "name": name(metric, prefix, dict(zip(metric.labels, labels, strict=False)))}
    if metric.options.diagnostic:
        component |= {"entity_category": "diagnostic", "enabled_by_default": False}
    return component


def _number(metric: Described, prefix: str, labels: _Labels) -> Component:
    component, measure, options = _common(metric, prefix, labels, "sensor"), unit(metric), metric.options
    device_class = measure.device_class if options.device_class == BY_UNIT else options.device_class
    if device_class is not None:
        component["device_class"] = device_class
    if measure.symbol is not None:
        component["unit_of_measurement"] = measure.symbol
    if measure is not TIMESTAMP:
        state_class = "total_increasing" if metric.counter else "measurement" if measure.measured else None
        state_class = state_class if options.state_class == BY_UNIT else options.state_class
        if state_class is not None:
            component["state_class"] = state_class
        component["suggested_display_precision"] = 3 if "cell" in metric.name.split("_") else measure.precision
    return component


def _flag(metric: Described, prefix: str, labels: _Labels) -> Component:
    component, flag, options = (
        _common(metric, prefix, labels, "binary_sensor"),
        _flag_of(metric, labels),
        metric.options,
    )
    if flag.name:
        component["name"] = flag.name
    device_class = options.device_class if flag.device_class == BY_UNIT else flag.device_class
    if device_class is not None and device_class != BY_UNIT:
        component["device_class"] = device_class
    return component


def _state(metric: Described, prefix: str, labels: _Labels) -> Component:
    states = {"device_class": "enum", "options": list(metric.options.states)}
    return _common(metric, prefix, labels, "sensor") | states


def _text(metric: Described, prefix: str, labels: _Labels) -> Component:
    return _common(metric, prefix, labels, "sensor")


_VALUES: Final[Mapping[Form, Callable[[Described, _Samples], _Values]]] = {
    Form.EACH: _each,
    Form.STATE: _one_of,
    Form.FLAGS: _flags,
    Form.LISTED: _listed,
    Form.SUM: _sum,
    Form.INFO: _info,
}
