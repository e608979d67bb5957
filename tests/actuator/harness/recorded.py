"""Synthetic records of a battery and its engine: with known rates, and of the simulated site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actuator.commands.rehearsal import Sample
from simulator import settings as simulated
from simulator.site import Site, advance
from toolkit.config import Ratio

DAYS = 14
FALL, CHARGE = 0.02, 0.18
"""Of the battery in an hour: what the load takes, day and night, and what the engine adds beside it."""
BEGIN = 1_760_000_400.0


def fortnight(*, days: float = DAYS, begin: float = BEGIN) -> Iterator[Sample]:
    """Yield samples in whole percents, one a minute, of a site that starts at 25 % and stops at 60 %."""
    soc, runs = 0.6, False
    for minute in range(round(days * 1440)):
        yield Sample(begin + minute * 60, round(soc, 2), runs)
        soc += (CHARGE * runs - FALL) / 60
        runs = soc < 0.6 if runs else soc <= 0.25


def write_csv(file: Path, *, days: float = DAYS) -> None:
    """Write them as `rehearse --csv` reads them."""
    lines = [f"{one.at:.0f},{one.soc:.2f},{int(one.runs)}" for one in fortnight(days=days)]
    file.write_text("\n".join(["time,soc,generator", *lines]) + "\n")


def site(start: float, stop: float, *, days: int = DAYS) -> list[Sample]:
    """Return samples of the simulated site, whose contact closes at or under start and opens at or over stop."""
    it = Site(
        simulated.SiteSettings(
            seed=3,
            battery=simulated.Battery(soc=Ratio(0.6)),
            sun=simulated.Sun(peak_watts=700.0),
            engine=simulated.Engine(fuel_litres=100_000.0),
        )
    )
    samples = []
    for minute in range(days * 1440):
        soc = it.monitor.soc
        it.contact = soc < stop if it.contact else soc <= start
        samples.append(Sample(BEGIN + minute * 60, round(soc, 2), it.ac_input_volts > 60))
        advance(it, 60.0)
    return samples
