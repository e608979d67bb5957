"""A site for the tests of devices, and how to read signed registers."""

from __future__ import annotations

from simulator import settings
from simulator.site import Site, advance
from toolkit.config import Ratio


def make_site(soc: float = 0.42, celsius: float = -15.0) -> Site:
    model = Site(settings.SiteSettings(battery=settings.Battery(soc=Ratio(soc)), celsius=celsius, hour=11.0))
    model.load_watts, model.sun_watts = 300.0, 900.0
    advance(model, 1)
    return model


def signed(value: int, bits: int = 16) -> int:
    return value - (1 << bits) if value >> bits - 1 else value
