"""The panel's page, with the one table of the core that its script needs."""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from actuator.report.reasons import PASSED_BY_OPERATOR

FOLDER: Final[Traversable] = resources.files("actuator.web") / "panel"
_EMPTY: Final = "const ON_PASSES = [];"


def html() -> str:
    """Return the page as it is served."""
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    return page.replace(_EMPTY, f"const ON_PASSES = {json.dumps(PASSED_BY_OPERATOR)};")
