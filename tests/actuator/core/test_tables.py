"""The tables of causes, inhibitors and ends: whole, consistent, and what docs/control.md shows."""

from __future__ import annotations

from typing import get_args

import pytest

from actuator.core.demand import CAUSES
from actuator.core.endings import ENDS, End, always, recorded
from actuator.core.inhibitors import INHIBITORS, Clearing
from actuator.core.state import Cause, Reason
from tests.actuator.harness import control_tables
from tests.actuator.harness.control_tables import CLEARS
from tests.actuator.harness.simulated_site import World
from toolkit.replace import replace

MINUTE, HOUR = 60.0, 3600.0


def test_every_name_has_its_rule() -> None:
    assert tuple(CAUSES) == get_args(Cause)
    assert tuple(INHIBITORS) == get_args(Reason)
    assert tuple(ENDS) == get_args(End)


def test_ranks_are_a_total_order() -> None:
    assert sorted(rule.rank for rule in CAUSES.values()) == list(range(1, len(CAUSES) + 1))


def test_what_ends_a_run_by_a_reason_has_that_end() -> None:
    ending = {reason for reason, rule in INHIBITORS.items() if rule.ends_run != "never"}
    assert ending <= set(ENDS)
    others = {"no_evidence", "short_cycle", "journal", "max_run", "min_off", "back_off", "ac_live"}
    assert set(INHIBITORS) - ending == others


def test_the_sets_come_from_the_table() -> None:
    assert {"start_failed", "no_charge", "died", "ags_fault"} == {
        end for end, rule in ENDS.items() if rule.failed is always
    }
    assert {"mode_off", "demand_gone"} == {end for end, rule in ENDS.items() if rule.meant}


def test_the_deadline_is_recorded_under_the_contracts_name() -> None:
    assert recorded("deadline") == "max_run"
    assert all(recorded(end) == end for end in ENDS if end != "deadline")


@pytest.mark.parametrize("action", ["reset_lockout", "reset_journal", "reset_service", "reset_inhibit"])
def test_a_reset_clears_only_what_the_table_names(action: str) -> None:
    world = World(soc=0.2, obeys=False).on_alerts()
    world.fire("inhibit")
    world.ags = 1
    world.run(MINUTE)
    world.operator("off")
    failed = replace(world.state.durable, locked_out=True, attempts=3, torn=True, back_off_until=world.now + HOUR)
    world.state = replace(world.state, durable=failed)
    world.run(15 * MINUTE)
    before = set(world.state.inhibitors)
    assert {"mode_off", "locked_out", "inhibit_alert", "back_off", "ags_refuses"} <= before
    world.operator(action, fingerprint="inhibit")
    by_reset = {reason for reason in before if action in INHIBITORS[reason].clears}
    assert before - set(world.state.inhibitors) == by_reset
    assert world.state.durable.torn is (action != "reset_journal")
    assert world.state.durable.attempts == (0 if action == "reset_lockout" else 3)


def test_every_way_to_clear_has_its_words() -> None:
    used = {clearing for rule in INHIBITORS.values() for clearing in rule.clears}
    assert used == set(CLEARS) == set(get_args(Clearing))


def test_the_page_shows_the_tables_of_the_code() -> None:
    page = control_tables.PAGE.read_text()
    assert control_tables.render(page) == page, "python -m tests.actuator.harness.control_tables writes it"


@pytest.mark.parametrize("number", range(1, 40))
def test_the_page_names_every_property(number: int) -> None:
    assert f"\n{number}. " in control_tables.PAGE.read_text()
