"""The corruption table of the protocol's page, rebuilt on our framer: more good frames, and none wrong after voting.

Run with `pytest -m bench -s tests/bench/test_corruption.py`; it prints the table.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

from tests.exporter.harness import captures, damaged_streams, published_values
from tests.exporter.harness.damaged_streams import CLEAN, DROP, FLIP, HOLES, INSERT, Sent

pytestmark = pytest.mark.bench

RATE = 1e-3


class Best(NamedTuple):
    """The better of the two framers in the published table: percent of good frames, wrong ones after voting."""

    good: float
    wrong: int


TABLE = {
    ("none", CLEAN): Best(99.9, 0),
    ("none", FLIP): Best(97.7, 33),
    ("none", DROP): Best(96.0, 0),
    ("none", INSERT): Best(96.9, 2),
    ("none", HOLES): Best(91.0, 0),
    ("inverter", DROP): Best(96.1, 0),
    ("inverter", INSERT): Best(96.9, 0),
    ("everywhere", CLEAN): Best(99.7, 0),
    ("everywhere", DROP): Best(94.6, 0),
    ("everywhere", HOLES): Best(88.6, 0),
}


@cache
def sent() -> list[Sent]:
    return [Sent(kind, payload) for kind, payload in published_values.packets(captures.stream(captures.LONG))] * 2


@pytest.mark.parametrize(("junk", "how"), TABLE, ids=str)
def test_each_corruption(junk: str, how: str) -> None:
    stream = damaged_streams.damaged(sent(), junk, how, RATE, seed=7)
    found = damaged_streams.tally(stream)
    good = 100 * found.good / len(stream.sent)
    whole = 100 * sum(stream.whole) / len(stream.whole)
    _, _, wrong = published_values.never_sent(stream, 24)
    print(f"\n{junk:10} {how:6} undamaged {whole:6.2f} % good {good:6.2f} % wrong {found.wrong} voted wrong {wrong}")
    assert good >= TABLE[junk, how].good
    assert sum(wrong.values()) == 0
