"""What people are shown of the exporter's page."""

from __future__ import annotations

import re

import pytest

from actuator.intake import site_page
from actuator.site.values import NOTHING, SiteValues, SocSource
from tests.support import ROOT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ('battery_soc_lead{source="bmk"} 1\nmagnum_bmk_amperes{device="bmk"} -12.5\n', -12.5),
        ('battery_soc_lead{source="bmk"} 0\nmagnum_bmk_amperes{device="bmk"} -12.5\n', None),
        ('battery_soc_lead{source="a"} 1\nmodbus_battery_amperes{device="b"} 3\n', None),
        ('battery_soc_lead{source="house"} 1\nbattery_bank_amperes{bank="house"} 40\n', 40),
        (
            (
                'battery_soc_lead{source="p"} 1\npylontech_battery_amperes{device="p",module="1"} 4\n'
                'pylontech_battery_amperes{device="p",module="2"} 5\n'
            ),
            None,
        ),
    ],
)
def test_the_batterys_current_is_that_of_the_source_that_leads(text: str, expected: float | None) -> None:
    assert site_page.read(text).amperes == expected


def test_every_name_is_one_of_the_exporters() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "exporter" / "METRICS.md").read_text(), re.MULTILINE))
    assert documented >= site_page.NAMES


def test_powers_are_added_up_over_devices_and_what_is_not_there_is_absent() -> None:
    assert site_page.read("") == NOTHING
    page = """
classic_battery_watts{device="roof"} 812
magnum_pt100_battery_watts{device="main"} 90.5
magnum_inverter_ac_output_watts{device="main"} 640
magnum_inverter_ac_output_watts{device="second"} 60
magnum_inverter_ac_input_watts{device="main"} NaN
magnum_inverter_dc_volts{device="main"} 52.4
battery_soc_lead{source="bmk"} 1
magnum_bmk_amperes{device="bmk"} -12.5
"""
    assert site_page.read(page) == SiteValues(sun=902.5, load=700, battery=-655, volts=52.4, amperes=-12.5, sources=())


def test_the_batterys_own_watts_and_volts_count_before_any_other() -> None:
    page = """
battery_soc_lead{source="house"} 1
battery_bank_watts{bank="house"} 410
battery_bank_volts{bank="house"} 51
magnum_inverter_dc_volts{device="main"} 52.4
battery_bank_amperes{bank="house"} 8
"""
    read = site_page.read(page)
    assert (read.battery, read.volts, read.amperes) == (410, 51, 8)


def test_each_source_is_trusted_or_refused_with_its_reason() -> None:
    page = """
battery_soc_source_ratio{source="classic"} 0.61
battery_soc_source_ratio{source="bms"} 0.2
battery_soc_lead{source="classic"} 1
battery_soc_lead{source="bms"} 0
battery_soc_trusted{source="classic"} 1
battery_soc_trusted{source="bms"} 0
battery_soc_trusted{source="main"} 0
battery_soc_refused{source="bms",reason="jump"} 1
battery_soc_refused{source="bms",reason="frozen"} 0
battery_soc_refused{source="main",reason="absent"} 1
"""
    assert site_page.read(page).sources == (
        SocSource(name="classic", soc=0.61, lead=True, trusted=True),
        SocSource(name="bms", soc=0.2, refused="jump"),
        SocSource(name="main", refused="absent"),
    )


def test_of_thousands_of_sources_the_first_by_name_and_the_lead_are_kept() -> None:
    names = [f"s{number:04}" for number in range(5500)]
    page = "".join(f'battery_soc_trusted{{source="{name}"}} 1\n' for name in reversed(names))
    read = site_page.read(page + 'battery_soc_lead{source="s5000"} 1\n')
    assert [source.name for source in read.sources] == ["s5000", *reversed(names[:63])]
    assert read.more_sources == 5500 - 64
