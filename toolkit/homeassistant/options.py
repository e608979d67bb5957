"""What a metric's declaration says about its entity in Home Assistant, where name and help do not say it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Form(Enum):
    """How the samples of a metric become entities."""

    EACH = auto()
    """One entity for each set of labels."""
    STATE = auto()
    """One sensor: the value of the last label whose sample is 1."""
    FLAGS = auto()
    """One binary sensor for each value of the last label."""
    LISTED = auto()
    """One sensor: the values of the last label whose samples are 1, as a text."""
    SUM = auto()
    """One sensor: the sum of all samples."""
    INFO = auto()
    """One sensor: the values of all labels, as a text."""


BY_UNIT = "by unit"
PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """How one flag is shown.

    Attributes:
        name: of its entity; empty: made from the flag's own.
        device_class: of its entity; BY_UNIT: that of the metric.
        inverted: the entity is on while the flag is 0.
    """

    name: str = ""
    device_class: str | None = BY_UNIT
    inverted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityOptions:
    """How a metric is shown.

    Attributes:
        form: how its samples become entities.
        states: with Form.STATE: every value of the last label; one named `none` is shown while no sample is 1.
        name: of the entity; empty: made from the metric's name.
        device_class: of the entity; BY_UNIT: the one that goes with the metric's unit; None: none.
        state_class: of the entity; BY_UNIT: the one that goes with the metric's unit and type; None: none.
        shown_in: for seconds, the unit in which they are sent and shown: h or d; empty: s.
        diagnostic: it is for the search for faults, or a setting: disabled at first.
        flags: with Form.FLAGS: those that need more than their name.
        device: with Form.INFO: which label is the device's `model`, `sw_version` and so on.
        not_shown: why it has no entity; empty: it has one.
    """

    form: Form = Form.EACH
    states: tuple[str, ...] = ()
    name: str = ""
    device_class: str | None = BY_UNIT
    state_class: str | None = BY_UNIT
    shown_in: str = ""
    diagnostic: bool = False
    flags: Mapping[str, Flag] = field(default_factory=dict, hash=False)
    device: Mapping[str, str] = field(default_factory=dict, hash=False)
    not_shown: str = ""


BY_NAME = EntityOptions()
DIAGNOSTIC = EntityOptions(diagnostic=True)
