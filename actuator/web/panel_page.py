"""The panel's page, with the tables of the core and the words that its script shares with the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from actuator.report.reasons import PASSED_BY_OPERATOR
from actuator.report.wording.endings import ENDED
from actuator.report.wording.terms import DECIDED_BY, EFFECTS, REQUESTED
from toolkit.formatting import capitalized

FOLDER: Final = Path(__file__).with_name("panel")


def html() -> str:
    """Return the page as it is served."""
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    causes, ends = ({name: capitalized(words) for name, words in table.items()} for table in (REQUESTED, ENDED))
    for empty, filled in (
        ("ON_PASSES = []", PASSED_BY_OPERATOR),
        ("DECIDED_BY = {}", DECIDED_BY),
        ("EFFECTS = {}", EFFECTS),
        ("CAUSES = {}", causes),
        ("ENDS = {}", ends),
    ):
        name = empty.partition(" ")[0]
        page = page.replace(f"const {empty};", f"const {name} = {json.dumps(filled)};")
    return page
