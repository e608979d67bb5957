"""What a page may look like before it is parsed: large, odd, or none."""

from __future__ import annotations

import time

import pytest

from actuator.core.settings import Settings
from actuator.intake import page, page_reader
from tests.actuator.harness.page_server import PageServer

SETTINGS = Settings()


def test_what_was_not_asked_for_changes_nothing() -> None:
    with PageServer() as served:
        served.fresh = False
        text = served.text()
    more = f"# HELP x\n\n# TYPE battery_soc_ratio gauge\nmagnum_up_seconds 3\n{text}python_gc 1\nx{{{'y' * 9000}\n"
    read = page_reader.parse(more, SETTINGS)
    assert read == page.parse(text, SETTINGS)
    assert read.soc == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><body>log in</body></html>", "line 1 of the page is not a sample: '<html>"),
        ("magnum_up 1\n= 3\n", "line 2 of the page is not a sample: '= 3'"),
        ('battery_soc_ratio{a="' + '\\"' * 100_000 + '"} 1\n', "line 1 of the page is longer than 4096 characters"),
    ],
)
def test_what_is_no_page_is_said_at_once(text: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match=said):
        page_reader.parse(text, SETTINGS)
    assert time.monotonic() - began < 1


def test_the_largest_page_takes_a_moment() -> None:
    began = time.monotonic()
    page_reader.parse('x{a="b"} 1\n' * (page_reader.LARGEST // 11), SETTINGS)
    assert time.monotonic() - began < 1
    line = 'battery_soc_ratio{a="' + '\\"' * 2000 + '"} 1\n'
    assert len(line) < page_reader.LONGEST_LINE
    page_reader.parse(line * (page_reader.LARGEST // len(line)), SETTINGS)
    assert time.monotonic() - began < 5
