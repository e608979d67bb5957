"""What the exporter's page shows of the site, for people alone: powers, and each source's state of charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class SocSource:
    """One source of a state of charge.

    Attributes:
        name: as in the exporter's configuration.
        soc: its own state of charge, 0 to 1; None: it has none.
        lead: it is the one that counts.
        trusted: the exporter trusts it.
        refused: the exporter's reason not to trust it, such as `jump`; empty: none.
    """

    name: str
    soc: float | None = None
    lead: bool = False
    trusted: bool = False
    refused: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteValues:
    """The last page's values; None is absent.

    Attributes:
        sun: watts of all solar chargers into the battery.
        load: watts of all inverters' AC outputs; volts times amperes.
        generator: watts at all inverters' AC inputs; volts times amperes.
        battery: watts of the battery by the source that leads, positive into it.
        volts: of the battery by that source, else by an inverter.
        amperes: of the battery by that source, positive into it.
        sources: of a state of charge.
        more_sources: how many there are besides.
    """

    sun: float | None = None
    load: float | None = None
    generator: float | None = None
    battery: float | None = None
    volts: float | None = None
    amperes: float | None = None
    sources: tuple[SocSource, ...] = ()
    more_sources: int = 0


NOTHING: Final = SiteValues()
"""No page has been read, or it could not be."""
