"""The options of one register in the owner's own list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from toolkit.config import ConfigError, refuse

Number16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]

Scale = Annotated[float, msgspec.Meta(ge=-(10**9), le=10**9)]
"""The value of one count: with it and `Zero`, every value of 64 bits is a finite number."""

SMALLEST_SCALE = 1e-9

Zero = Annotated[float, msgspec.Meta(ge=-(10**20), le=10**20)]

_METRIC = re.compile(r"modbus_[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")


class RegisterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number in a device's registers, and the metric that it becomes: (raw - zero) x scale.

    Attributes:
        address: of the first register, as sent on the wire.
        metric: its name: begins with modbus_ and ends with the unit; a shared name has its help already.
        function: 3 (holding registers) or 4 (input registers).
        type: the number of registers, and how they make a number.
        word_order: which of several words comes first: big (the most significant) or little.
        scale: the value of one count in the metric's unit.
        zero: the raw number of the value 0.
        unknown: raw numbers that mean unknown; by default 0 for modbus_soc_ratio, and none for other metrics.
        help: what the number means.
        labels: labels besides `device`, where several registers share a metric.
    """

    address: Number16
    metric: str
    function: Literal[3, 4] = 3
    type: Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32"] = "u16"
    word_order: Literal["big", "little"] = "big"
    scale: Scale = 1
    zero: Zero = 0
    unknown: tuple[int, ...] | None = None
    help: str = ""
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse a name that is no metric of this family, a scale of 0, an address out of range, and wrong labels."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        if not _METRIC.fullmatch(self.metric):
            yield ConfigError("metric", f'"{self.metric}"', "modbus_ and small letters, such as modbus_tank_volts")
        if abs(self.scale) < SMALLEST_SCALE:
            yield ConfigError("scale", f"{self.scale:g}", "the value of one count, such as 0.1")
        words = int(self.type[1:]) // 16  # its name has the number of bits
        if self.address + words - 1 > 0xFFFF:
            yield ConfigError("address", str(self.address), "an address whose registers are all below 65536")
        wrong = next((label for label in self.labels if not _LABEL.fullmatch(label) or label == "device"), None)
        if wrong is not None:
            yield ConfigError("labels", f'"{wrong}"', "small letters, and not device")
