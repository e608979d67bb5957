"""The Classic: its registers hold the values of the site, and its faults."""

from __future__ import annotations

import struct

import pytest

from simulator.devices.classic import Classic
from simulator.site import Site, advance, clear, inject
from tests.simulator.sites import make_site, signed


@pytest.fixture
def site() -> Site:
    return make_site()


def classic_register(site: Site, number: int, *, whizbang: bool = True) -> int:
    return Classic(site, site.faults.classic, whizbang=whizbang).image(10)[number - 1]


def classic_double(site: Site, number: int) -> int:
    return classic_register(site, number + 1) << 16 | classic_register(site, number)


def test_registers_match_the_site(site: Site) -> None:
    assert classic_register(site, 4101) == 0x0496
    assert classic_register(site, 4115) / 10 == pytest.approx(site.battery.volts, abs=0.05)
    assert classic_register(site, 4117) / 10 == pytest.approx(site.solar_watts / site.battery.volts, abs=0.05)
    assert classic_register(site, 4119) == round(site.solar_watts) > 800
    assert classic_register(site, 4120) == 0x0403
    assert signed(classic_register(site, 4132)) == -150
    assert classic_register(site, 4137) == 502
    assert classic_double(site, 4126) == 77706
    name = b"".join(struct.pack("<H", classic_register(site, number)) for number in range(4210, 4214))
    assert name == b"CLASSIC1"
    assert classic_register(site, 4373) == 42
    assert (classic_register(site, 4377), classic_register(site, 4381)) == (168, 400)
    assert signed(classic_register(site, 4371)) / 10 == pytest.approx(site.battery.amperes, abs=0.05)
    assert signed(classic_double(site, 4369), 32) == -232
    assert (classic_register(site, 4372) & 0xFF) - 50 == -15
    assert classic_register(site, 4165) >> 8 & 0x3F == 18
    assert classic_register(site, 4104) & 1 == 1


def test_status_roll_and_clock_advance(site: Site) -> None:
    rolls, clocks = set(), set()
    for _ in range(20):
        rolls.add(classic_register(site, 4113))
        clocks.add(classic_register(site, 4214))
        advance(site, 1)
    assert len(rolls) == len(clocks) == 20


def test_rests_at_night(site: Site) -> None:
    site.sun_watts = 0.0
    advance(site, 1)
    assert classic_register(site, 4120) == 0
    assert classic_register(site, 4275) == 5


def test_energy_of_the_day_resets_at_midnight(site: Site) -> None:
    classic = Classic(site, site.faults.classic)
    classic.image(10)
    advance(site, 3600)
    assert classic.image(10)[4117] == pytest.approx(site.solar_joules / 3.6e5, abs=1)
    site.sun_watts = 0.0
    advance(site, 13 * 3600)
    assert classic.image(10)[4117] == 0


@pytest.mark.parametrize("whizbang", [True, False])
def test_no_whizbang_no_soc(site: Site, *, whizbang: bool) -> None:
    if whizbang:
        inject(site, "classic_unknown")
    for number in (4371, 4373, 4377, 4381):
        assert classic_register(site, number, whizbang=whizbang) == 0
    assert classic_register(site, 4165, whizbang=whizbang) >> 8 == 0
    assert classic_register(site, 4104, whizbang=whizbang) & 1 == 0


def test_faulty_soc(site: Site) -> None:
    inject(site, "classic_soc", 1.0)
    assert classic_register(site, 4373) == 100
    clear(site, "classic_soc")
    inject(site, "classic_soc_offset", -0.15)
    assert classic_register(site, 4373) == 27
    inject(site, "classic_soc_offset", -1.0)
    assert classic_register(site, 4373) == 0
