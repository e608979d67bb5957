"""The options of a `magnum` source."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from exporter.sources.base import Publish
from exporter.sources.config import SerialConfig
from toolkit.config import ConfigError, Duration

if TYPE_CHECKING:
    from exporter.sources.magnum.source import MagnumSource


class MagnumConfig(SerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="magnum"):
    """A Magnum network on a port.

    Attributes:
        peak_window: the time span of magnum_inverter_ac_output_watts_peak.
    """

    HINTS: ClassVar = dict.fromkeys(("rs485", "pymagnum"), 'did you mean "magnum"?')

    peak_window: Duration = Duration(60)

    def __post_init__(self) -> None:
        """Refuse an empty port and an empty window."""
        SerialConfig.__post_init__(self)
        if not self.peak_window > 0:
            raise ConfigError("peak_window", "0s", "a duration above 0s")

    @property
    def has_soc(self) -> None:
        """None: only a battery monitor reports it."""
        return

    def open(self, name: str, publish: Publish) -> MagnumSource:
        """Return the source, not yet started."""
        from exporter.sources.magnum.source import MagnumSource  # noqa: PLC0415 - see the package

        return MagnumSource(name, publish, port=self.port, peak_window=self.peak_window)
