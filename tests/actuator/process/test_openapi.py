"""The OpenAPI document against the routes and the answers of the real process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from prometheus_client import CollectorRegistry

from actuator.report.metrics import Counts
from actuator.web import openapi, server
from tests.actuator.harness.process import Actuator, site
from tests.support import ROOT
from tests.support.alertmanager import notification
from toolkit.webconfig import WebConfig


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Actuator]:
    with site(tmp_path_factory.mktemp("openapi")) as it, it.running():
        yield it


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema, "components": openapi.document()["components"]}, format_checker=FormatChecker()
    )


def check(it: Actuator, method: str, path: str, body: object = None) -> int:
    """Send a request; fail unless its answer is as the document says. Return the status."""
    operation = openapi.document()["paths"][path.partition("?")[0]][method.lower()]
    code, text = it.request(method, path, body)
    content = operation["responses"][str(code)]["content"]
    if "application/json" in content:
        answer = json.loads(text)
        schema = content["application/json"]["schema"]
        validator(schema).validate(answer)
        if schema == {"$ref": "#/components/schemas/Status"}:
            assert set(answer) == set(openapi.document()["components"]["schemas"]["Status"]["properties"])
    else:
        assert list(content) == ["text/plain"]
        assert text.count("\n") == 1, text
    return code


def test_the_published_document_is_the_one_of_the_code() -> None:
    published = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert published == openapi.document(), "run .venv/bin/python -m actuator.web.openapi"


async def test_every_route_is_documented() -> None:
    given = {"web_config": WebConfig.load(None), "reload": None, "watchers": Mock(), "history": Mock()}
    app = server.build(Mock(), Counts(), CollectorRegistry(), version="", **given)  # type: ignore[arg-type] # mocks
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    documented = {(method, path) for path, operations in openapi.document()["paths"].items() for method in operations}
    assert routes == documented


def test_the_process_serves_the_document(running: Actuator) -> None:
    code, text = running.get(openapi.PATH)
    assert (code, json.loads(text)) == (200, openapi.document())


def test_answers_are_as_documented(running: Actuator) -> None:
    assert check(running, "POST", "/api/v1/alerts", notification("GeneratorHeartbeat")) == 200
    assert check(running, "GET", "/api/v1/status") == 200
    assert check(running, "GET", "/api/v1/history?range=7d") == 200
    assert check(running, "GET", "/api/v1/history?range=1h") == 400
    assert check(running, "GET", "/api/v1/runs?limit=3") == 200
    assert check(running, "GET", "/api/v1/runs?limit=-1") == 400
    assert check(running, "POST", "/api/v1/mode", {"mode": "off"}) == 200
    assert check(running, "POST", "/api/v1/mode", {"mode": "auto"}) == 200
    assert check(running, "POST", "/api/v1/acknowledge", {}) == 200
    assert check(running, "POST", "/api/v1/reset", {"what": "journal"}) == 200
    assert check(running, "GET", "/api/v1/journal?most=50") == 200


def test_errors_are_as_documented(running: Actuator) -> None:
    assert check(running, "POST", "/api/v1/alerts", {"version": "3", "alerts": []}) == 400
    assert check(running, "POST", "/api/v1/mode", {"mode": "sometimes"}) == 400
    assert check(running, "POST", "/api/v1/mode", b"{" + b" " * (1 << 20) + b"}") == 413
    assert check(running, "POST", "/api/v1/reset", {"what": "inhibit"}) == 409
    assert check(running, "GET", "/api/v1/journal?format=xml") == 400
    assert check(running, "POST", "/-/reload") == 403


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Mode", {"mode": "on", "for": "1h30m"}),
        ("Mode", {"mode": "off", "note": "ignored"}),
        ("Reset", {"what": "lockout"}),
        ("Reset", {"what": "inhibit", "name": "FuelLow"}),
        ("Notification", notification("BatterySocLow")),
    ],
)
def test_documented_requests(name: str, body: object) -> None:
    validator({"$ref": f"#/components/schemas/{name}"}).validate(body)
