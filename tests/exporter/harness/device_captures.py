"""Replies of devices of real installations, by id; see `provenance` of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.support import ROOT


@cache
def every() -> Mapping[str, Mapping[str, Any]]:
    document = json.loads((ROOT / "tests" / "captures" / "devices.json").read_text())
    return {vector["id"]: vector for vector in document["vectors"]}


def vector(name: str) -> Mapping[str, Any]:
    return every()[name]
