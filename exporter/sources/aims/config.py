"""The options of an `aims` source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from exporter.sources.base import Publish
from exporter.sources.config import PolledSerialConfig

if TYPE_CHECKING:
    from exporter.sources.aims.source import AimsSource


class AimsConfig(PolledSerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="aims"):
    """An AIMS inverter, or another device with the Megatec protocol.

    Attributes:
        cells: battery cells in series, for a device that reports one cell's voltage; None: settled once by its
            ratings and a voltage that fits only one count; until then the whole battery's voltage is absent.
    """

    HINTS: ClassVar = dict.fromkeys(("megatec", "q1", "nutdrv_qx", "blazer_ser"), 'did you mean "aims"?')

    cells: Annotated[int, msgspec.Meta(ge=1, le=400)] | None = None

    @property
    def has_soc(self) -> bool:
        """The protocol has none."""
        return False

    @property
    def has_utility_flag(self) -> bool:
        """`aims_status` has it."""
        return True

    def open(self, name: str, publish: Publish) -> AimsSource:
        """Return the source, not yet started."""
        from exporter.sources.aims.source import AimsSource  # noqa: PLC0415 - see the package

        return AimsSource(name, publish, port=self.port, interval=self.interval, cells=self.cells)
