"""The options of a `vedirect` source."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from exporter.sources.base import Publish
from exporter.sources.config import SerialConfig

if TYPE_CHECKING:
    from exporter.sources.vedirect.source import VeDirectSource


class VeDirectConfig(SerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vedirect"):
    """A Victron battery monitor on its VE.Direct port, such as /dev/serial/by-id/usb-VictronEnergy_BV_...."""

    HINTS: ClassVar = {
        **dict.fromkeys(("bmv", "smartshunt"), 'did you mean "vedirect"?'),
        "victron": 'did you mean "vedirect", or "modbus" with profile: victron-gx?',
    }

    def open(self, name: str, publish: Publish) -> VeDirectSource:
        """Return the source, not yet started."""
        from exporter.sources.vedirect.source import VeDirectSource  # noqa: PLC0415 - see the package

        return VeDirectSource(name, publish, port=self.port)
