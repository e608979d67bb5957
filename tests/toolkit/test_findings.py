"""What both doctors print."""

from __future__ import annotations

import json

import msgspec
import pytest

from toolkit import findings
from toolkit.findings import Finding


@pytest.mark.parametrize("for_scripts", [False, True])
def test_foreign_text_moves_no_cursor(*, for_scripts: bool) -> None:
    found = Finding(
        check="main", state="wrong", text="process 7 (\x1b[2J\u202e\U000e0001\r) has it", remedy="Read 5 V\u00a0there."
    )
    printed = findings.report([found], for_scripts=for_scripts)
    assert all(line.replace("\u00a0", " ").isprintable() for line in printed.split("\n"))
    if for_scripts:
        assert json.loads(printed) == [msgspec.to_builtins(found)]
    else:
        assert "5 V\u00a0there" in printed
