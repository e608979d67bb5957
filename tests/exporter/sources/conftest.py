"""Each test has a log that has said nothing yet: what is limited to once an hour would else be missing in the next."""

from __future__ import annotations

import pytest

from exporter.sources import base
from exporter.sources.classic import source as classic
from exporter.sources.modbus import source as modbus
from toolkit import log


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (base, classic, modbus):
        monkeypatch.setattr(module, "_log", log.Log("source"))
