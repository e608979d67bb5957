"""The site in one row: powers, each source of a state of charge, and the alerts that fire, from a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from actuator.report import wording
from actuator.report.snapshot import Snapshot
from actuator.report.wording.terms import Effect, alert_text


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source of a state of charge.

    Attributes:
        name: as in the exporter's configuration.
        soc: its own state of charge; None: it has none.
        lead: it is the one that counts.
        trusted: magnum-exporter trusts it.
        text: whether it is trusted, or why not, in words.
    """

    name: str
    soc: float | None
    lead: bool
    trusted: bool
    text: str


class Powers(msgspec.Struct, frozen=True, kw_only=True):
    """What moves all the time; None is absent.

    Attributes:
        sun: watts of the solar chargers.
        load: watts of the load at the inverter's output, volts times amperes.
        generator: watts at the inverter's AC input, volts times amperes.
        battery: watts of the battery, positive into it.
        volts: of the battery.
        amperes: of the battery, positive into it.
    """

    sun: float | None
    load: float | None
    generator: float | None
    battery: float | None
    volts: float | None
    amperes: float | None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The site as the exporter's page shows it.

    Attributes:
        powers: and what the battery measures.
        sources: of a state of charge.
        more_sources: how many the page has besides.
    """

    powers: Powers
    sources: tuple[Source, ...]
    more_sources: int


class FiringAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is believed firing.

    Attributes:
        name: of its rule.
        effect: what it does: start, stop, or inhibit; none: it is ignored.
        text: of an inhibit: its own summary.
    """

    name: str
    effect: Effect
    text: str


def site(snapshot: Snapshot) -> Site:
    """Return the site in one row."""
    values = snapshot.site
    return Site(
        powers=Powers(
            sun=_rounded(values.sun),
            load=_rounded(values.load),
            generator=_rounded(values.generator),
            battery=_rounded(values.battery),
            volts=_rounded(values.volts, 1),
            amperes=_rounded(values.amperes, 1),
        ),
        sources=tuple(
            Source(
                name=source.name,
                soc=source.soc,
                lead=source.lead,
                trusted=source.trusted,
                text=wording.problems.soc_source(trusted=source.trusted, lead=source.lead, refused=source.refused),
            )
            for source in values.sources
        ),
        more_sources=values.more_sources,
    )


def _rounded(value: float | None, digits: int = 0) -> float | None:
    return None if value is None else round(value, digits)


def firing(snapshot: Snapshot) -> tuple[FiringAlert, ...]:
    """Return the alerts that are believed firing, inhibits first; the heartbeat is none of them."""
    return tuple(_firing(snapshot))


def _firing(snapshot: Snapshot) -> Iterator[FiringAlert]:
    state, names = snapshot.state, snapshot.config.alerts
    for inhibit in state.durable.inhibits.values():
        yield FiringAlert(name=inhibit.name or "alert", effect="inhibit", text=alert_text(inhibit.summary))
    beliefs = state.alerts.beliefs
    if beliefs.start:
        yield FiringAlert(name=names.start, effect="start" if beliefs.start_counts else "none", text="")
    if beliefs.stop() or beliefs.stop_stuck:
        yield FiringAlert(name=names.stop, effect="stop" if beliefs.stop() else "none", text="")
