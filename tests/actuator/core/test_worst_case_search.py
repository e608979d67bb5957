"""The worst that a search can make of the controller: see worst_case_search.py. `make worst` searches for longer."""

from __future__ import annotations

import pytest

from tests.actuator.harness.property_checks import MOST_SHORT
from tests.actuator.harness.worst_case_search import SEEDS, SETTINGS, Setting, play, search, table
from toolkit.replace import replace

TRIES = 100
"""Of plans for each setting: under three minutes in all on one core."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_worst_that_a_search_finds_is_within_the_limits(setting: Setting) -> None:
    champions = search(setting, TRIES, seed=1)
    print(table(setting, champions))
    assert champions["starts"].value > 1, "plans that start no engine show nothing"
    assert champions["low"].value > 0
    limits = setting.settings.limits
    assert champions["closed"].value <= limits.daily_budget + limits.emergency_reserve + setting.tick
    assert champions["short runs"].value <= MOST_SHORT
    assert champions["emergency short runs"].value <= MOST_SHORT + 24, "one an hour after the eighth"


def test_a_plan_is_played_the_same_way_twice() -> None:
    setting = SETTINGS[-1]
    assert play(SEEDS[0], setting).best == play(SEEDS[0], setting).best


def test_what_a_read_only_card_loses_with_a_boot_is_no_record() -> None:
    setting = replace(SETTINGS[-1], lasts=2400.0)
    limits = setting.settings.limits
    plan = (("journal_ok", False, 1.0), ("soc", 0.03, "closed"), ("nothing", None, "open"), ("reboot", 30.0, 1.0))
    closed = play(plan, setting).best["closed"]
    assert 0 < closed <= limits.daily_budget + limits.emergency_reserve + setting.tick
