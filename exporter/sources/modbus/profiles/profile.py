"""A profile: what is known of a device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from exporter.fields import Field, Metric, Number, Place
from exporter.readings import Charge
from exporter.sources.modbus.quantities import AMPERES, FULL, PERCENT, REMAINING, SOC, share
from exporter.sources.modbus.registers import At, Registers, needed
from exporter.sources.plausibility import Check


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A device: its fields, and how it differs from other Modbus devices.

    Attributes:
        name: as written in the configuration.
        device: what it is, in words.
        unit_id: the device's address when delivered.
        fields: what its registers mean.
        step: distance from the address of one register to the next; 2 on a device that counts bytes.
        reply_unit: the address in its replies, if it differs from its own.
        checks: what its values must agree with.
    """

    name: str
    device: str
    unit_id: int
    fields: tuple[Field[Registers], ...]
    checks: tuple[Check, ...]
    step: int = 1
    reply_unit: int | None = None

    @property
    def places(self) -> tuple[At, ...]:
        """Every register that the fields need."""
        return tuple(at for field in self.fields for at in needed(field.place))

    def charge(self, record: Registers) -> Charge | None:
        """Return the state of charge and current; None for a device without a state of charge."""
        if self._soc is None:
            return None
        amperes = self._amperes.value(record) if self._amperes else None
        return Charge(self._soc.value(record), amperes)

    @property
    def has_soc(self) -> bool:
        """Whether the device reports a state of charge."""
        return self._soc is not None

    def changed(
        self, meaning: Metric, *, place: Place[Registers] | None = None, scale: Fraction | None = None
    ) -> Profile:
        """Return this profile with another place or scale of one metric."""
        fields = tuple(
            replace(field, place=place or field.place, scale=scale or field.scale)
            if isinstance(field, Number) and field.metric == meaning.name
            else field
            for field in self.fields
        )
        return replace(self, fields=fields)

    def with_current_scale(self, scale: Fraction) -> Profile:
        """Return this profile with another value of one count of the current, in amperes."""
        return self.changed(AMPERES, scale=scale)

    @property
    def counts_amphours(self) -> bool:
        """Whether the device reports remaining and full ampere-hours, each at a place of its own."""
        return isinstance(self._place(REMAINING), At) and isinstance(self._place(FULL), At)

    def soc_by_amphours(self) -> Profile:
        """Return this profile with the state of charge as remaining over full ampere-hours."""
        remaining, full = self._place(REMAINING), self._place(FULL)
        if not (isinstance(remaining, At) and isinstance(full, At)):
            raise TypeError(f"{self.name} does not count ampere-hours")
        return self.changed(SOC, place=share(remaining, full), scale=PERCENT)

    def _place(self, meaning: Metric) -> Place[Registers] | None:
        field = self._number(meaning)
        return field.place if field else None

    @cached_property
    def _soc(self) -> Number[Registers] | None:
        return self._number(SOC)

    @cached_property
    def _amperes(self) -> Number[Registers] | None:
        return self._number(AMPERES)

    def _number(self, meaning: Metric) -> Number[Registers] | None:
        found = (field for field in self.fields if isinstance(field, Number) and field.metric == meaning.name)
        return next(found, None)
