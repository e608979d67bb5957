"""What a profile says about a device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from exporter.fields import Field, Number
from exporter.readings import Charge
from exporter.sources.modbus.quantities import AMPERES, SOC
from exporter.sources.modbus.registers import At, Registers, needed


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A device: its fields, and how it differs from what Modbus devices commonly do.

    Attributes:
        name: as it is written in the configuration.
        device: what it is, in words.
        unit_id: the address that the device has when nobody has changed it.
        fields: what its registers mean.
        step: how far the address of the next register is; 2 on a device that counts bytes.
        reply_unit: the address that it answers with, when that is not its own.
    """

    name: str
    device: str
    unit_id: int
    fields: tuple[Field[Registers], ...]
    step: int = 1
    reply_unit: int | None = None

    @property
    def places(self) -> tuple[At, ...]:
        """Every register that the fields need."""
        return tuple(at for field in self.fields for at in needed(field.place))

    def charge(self, record: Registers) -> Charge | None:
        """Return the account of the battery, None on a device that keeps none."""
        if self._soc is None:
            return None
        amperes = self._amperes.value(record) if self._amperes else None
        return Charge(self._soc.value(record), amperes)

    @cached_property
    def _soc(self) -> Number[Registers] | None:
        return self._number(SOC.name)

    @cached_property
    def _amperes(self) -> Number[Registers] | None:
        return self._number(AMPERES.name)

    def _number(self, metric: str) -> Number[Registers] | None:
        found = (field for field in self.fields if isinstance(field, Number) and field.metric == metric)
        return next(found, None)
