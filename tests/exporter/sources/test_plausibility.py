"""What a battery's answer must agree with: each check, and that damaged answers are refused in every profile."""

from __future__ import annotations

import pytest

from exporter.sources.plausibility import CELLS, HEALTH, POWER, REMAINING, SOC, Check, Facts, judge
from tests.exporter.harness.mutated_answers import Subject, counted, subjects
from tests.support import ROOT

SUBJECTS = list(subjects())
AGREEING = Facts(volts=52.8, cells=(3.3,) * 16, amperes=10, watts=528, soc=1, soh=1.1, remaining=105, full=100)


@pytest.mark.parametrize("check", [CELLS, SOC, HEALTH, REMAINING, POWER], ids=lambda check: check.reason)
def test_what_agrees_is_left(check: Check) -> None:
    assert judge([check], AGREEING).facts == AGREEING
    assert not judge([check], Facts()).contradictions


@pytest.mark.parametrize(
    ("check", "facts", "values"),
    [
        (CELLS, Facts(volts=509.81, cells=(3.3987,) * 15), "battery 509.81 V, its 15 cells together 50.98 V"),
        (CELLS, Facts(volts=53.9, cells=(3.3,) * 16), "battery 53.90 V, its 16 cells together 52.80 V"),
        (SOC, Facts(soc=1.01), "state of charge 101.0 %, at most 100 %"),
        (SOC, Facts(soc=-0.01), "state of charge -1.0 %, at most 100 %"),
    ],
)
def test_reading_that_is_refused_whole(check: Check, facts: Facts, values: str) -> None:
    whole = judge([check], facts).whole
    assert whole is not None
    assert whole.values == values


@pytest.mark.parametrize(
    ("check", "facts", "left"),
    [
        (HEALTH, Facts(soc=0.8, soh=8.46), Facts(soc=0.8)),
        (REMAINING, Facts(soc=0.8, remaining=106, full=100), Facts(soc=0.8)),
        (POWER, Facts(volts=50, amperes=10, watts=600, soc=0.8), Facts(volts=50, soc=0.8)),
        (POWER, Facts(volts=50, amperes=1, watts=71), Facts(volts=50)),
    ],
)
def test_values_that_are_refused_alone(check: Check, facts: Facts, left: Facts) -> None:
    """A permanent quirk does not cost the state of charge."""
    judged = judge([check], facts)
    assert judged.facts == left
    assert judged.whole is None
    assert [contradiction.reason for contradiction in judged.contradictions] == [check.reason]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_damaged_answers(subject: Subject) -> None:
    """The table of `python -m tests.exporter.harness.mutated_answers` has 10,000 for each."""
    before, after = counted(subject, 60)
    assert after.values <= before.values
    assert after.soc <= before.soc
    if any(check.reason == "cells" for check in subject.checks):
        assert after.values < before.values


def test_the_documented_table_has_each_profile_with_its_checks() -> None:
    rows = [line.split(" | ")[:2] for line in (ROOT / "docs" / "damaged-answers.md").read_text().splitlines()]
    for subject in SUBJECTS:
        assert [f"| {subject.name}", ", ".join(check.reason for check in subject.checks)] in rows
