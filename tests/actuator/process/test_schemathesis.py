"""No request that follows the OpenAPI document, or nearly does, gets an answer that is not in it, or a 500."""

from __future__ import annotations

from pathlib import Path

import pytest

from actuator.web import openapi
from tests.actuator.harness.schemathesis import schemathesis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_answer_is_in_the_document(tmp_path: Path) -> None:
    code, report = schemathesis(tmp_path, examples=40, seed=1)
    assert code == 0, report
    operations = sum(len(methods) for methods in openapi.document()["paths"].values())
    assert f"{operations - 1} selected" in report, report  # all but the stream, which does not end
