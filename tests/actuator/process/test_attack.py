"""Strangers keep no contact closed; the whole table is `make attack`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actuator.harness.attack import ALLOWED, measure


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "12 bodies of 11,500 inhibits",
        "200 bodies of 500,000 bad alerts",
        "50 readers of the status that never read",
        "8 threads that use the processor, in the same process",
    ],
)
def test_the_contact_opens_at_its_deadline_whatever_arrives(tmp_path: Path, name: str) -> None:
    result = measure(name, tmp_path, after=0.0)
    assert result.late <= ALLOWED + result.waited
    assert result.peak < result.before + 96
