"""Each test of the journal has shared memory of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from actuator.journal import mirror


@pytest.fixture(autouse=True)
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that stands for the machine's shared memory."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(mirror, "SHARED_MEMORY", folder)
    return folder
