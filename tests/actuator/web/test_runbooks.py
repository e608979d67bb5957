"""The runbooks over HTTP: each page that an alert names, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from yarl import URL

from tests.actuator.web.test_guards import Served
from tests.support.alert_rules import RULE_FILES, alerts


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[ClientSession]:
    async with Served(tmp_path).session() as session:
        yield session


async def test_every_runbook_url_of_the_rules_answers(session: ClientSession) -> None:
    for rule in (rule for file in RULE_FILES for rule in alerts(file).values()):
        url = URL(rule["annotations"]["runbook_url"])
        assert url.origin() == URL("http://127.0.0.1:10049")
        async with session.get(url.path) as response:
            assert response.status == 200, url
            assert response.content_type == "text/html"
            assert f'<h1 id="{rule["alert"].lower()}">{rule["alert"]}</h1>' in await response.text()


@pytest.mark.parametrize("path", ["/runbooks", "/runbooks/"])
async def test_the_folder_leads_to_the_list(session: ClientSession, path: str) -> None:
    async with session.get(path, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/runbooks/README")
    async with session.get(path) as response:
        assert response.status == 200
        assert "Stop the engine" in await response.text()


async def test_a_page_may_run_no_script_and_ask_for_nothing(session: ClientSession) -> None:
    async with session.get("/runbooks/GeneratorDied") as response:
        policy = response.headers["Content-Security-Policy"]
        assert "<script" not in await response.text()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "connect-src" not in policy


@pytest.mark.parametrize(
    "path",
    [
        *("/runbooks/None", "/runbooks/generatordied", "/runbooks/GeneratorDied.md"),
        *("/runbooks/../server.py", "/runbooks/..%2Fserver.py", "/runbooks/%2Fetc%2Fpasswd", "/runbooks/%00"),
        "/runbooks/<b>",
    ],
)
async def test_only_a_name_of_the_dictionary_is_found(session: ClientSession, path: str) -> None:
    async with session.get(URL(path, encoded=True)) as response:
        assert response.status == 404
        assert response.content_type == "text/plain"
