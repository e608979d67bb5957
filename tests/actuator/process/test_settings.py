"""Profiles and edits on a real process: validated as the file is, recorded with who, kept over a kill, bounded."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from actuator.commands.listing import journal_line
from tests.actuator.harness.process import Actuator, kill, run, site
from tests.support import wait_until
from tests.support.http import request
from tests.support.metrics_page import samples, value

PROFILES = {"profiles": {"away": {"start_soc": "20%", "stop_soc": "90%"}}}


def post(it: Actuator, path: str, body: object) -> tuple[int, str]:
    return it.request("POST", f"/api/v1/{path}", body)


def settings(it: Actuator) -> dict[str, Any]:
    code, text = it.get("/api/v1/settings")
    assert code == 200, text
    document: dict[str, Any] = json.loads(text)
    return document


def basic(user: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{user}:right".encode()).decode()
    return {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}


def thresholds(it: Actuator) -> tuple[float | None, float | None]:
    return it.metric("generator_start_soc_ratio"), it.metric("generator_stop_soc_ratio")


def test_a_profile_and_an_edit_are_kept_over_a_kill(tmp_path: Path) -> None:
    with site(tmp_path, PROFILES) as it:
        with it.running() as process:
            assert thresholds(it) == (0.25, 0.6)
            assert it.metric("generator_profile", profile="default") == 1
            code, text = post(it, "profile", {"name": "away"})
            assert code == 200, text
            assert thresholds(it) == (0.2, 0.9)
            assert it.metric("generator_profile", profile="away") == 1
            assert it.metric("generator_profile", profile="default") == 0
            assert post(it, "settings", {"set": {"start_soc": "30%"}})[0] == 200
            assert thresholds(it) == (0.3, 0.9)
            kill(process)
        with it.running():
            assert thresholds(it) == (0.3, 0.9)
            shown = settings(it)
            assert (shown["profile"], shown["edit"]) == ("away", {"start_soc": "30%"})
            assert (shown["file"]["start_soc"], shown["in_force"]["start_soc"]) == (0.25, 0.3)
            assert shown["profiles"] == {"default": {}, "away": {"start_soc": 0.2, "stop_soc": 0.9}}
            quiet = {"from": "21:00", "to": "06:30"}
            code, text = post(it, "settings", {"set": {"quiet_hours": quiet}})
            assert code == 200, text
            assert settings(it)["in_force"]["quiet_hours"] == {**quiet, "prepare": False}
            assert post(it, "settings", {"clear": ["quiet_hours"]})[0] == 200
            assert post(it, "settings", {"clear": ["start_soc"]})[0] == 200
            assert thresholds(it) == (0.2, 0.9)
            assert run("profile", "default", f"--url={it.url}").stdout == (
                "Profile default is in force: starts at 25 %, stops at 60 %.\n"
            )
            changed = [row for row in it.rows() if row["fields"].get("action") == "settings"]
            assert [row["fields"]["profile"] for row in changed] == ["away", "away", "away", "away", "away", "default"]
            assert changed[1]["text"] == "The operator changed the settings: profile away, start at 30%."
            assert changed[2]["text"].endswith("profile away, start at 30%, quiet hours 21:00 to 06:30.")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            "settings",
            {"set": {"start_soc": "70%"}},
            "start_soc: got 70 % with stop_soc 60 %, expected less",
        ),
        ("settings", {"set": {"start_soc": "much"}}, 'start_soc: got "much" (text), expected a percentage'),
        ("settings", {"set": {"max_run": "8h"}}, "max_run: got an unknown key, expected one of start_soc, stop_soc"),
        ("settings", {"set": {"exercise": None}}, "exercise: got an unknown key"),
        ("settings", {"clear": ["max_run"]}, 'clear: got "max_run", expected one of start_soc'),
        ("settings", {"set": []}, 'Expected {"set": {name: value'),
        ("settings", {"sett": {}}, 'Got "sett", expected only'),
        ("profile", {"name": "awa"}, 'name: got "awa", expected one of default, away; did you mean "away"?'),
        ("profile", {"name": 1}, "Got name 1, expected a text"),
        ("profile", {"name": ""}, 'Got name "", expected a text'),
    ],
)
def test_what_does_not_fit_is_refused_with_the_files_words(
    tmp_path: Path, path: str, body: object, expected: str
) -> None:
    with site(tmp_path, PROFILES) as it, it.running():
        code, text = post(it, path, body)
        assert (code, thresholds(it)) == (400, (0.25, 0.6))
        assert it.metric("generator_commands_rejected_total", reason="malformed") == 1
        assert expected in text


def test_at_most_ten_changes_an_hour(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        codes = [post(it, "settings", {"set": {"start_soc": f"{20 + number}%"}})[0] for number in range(11)]
        assert codes == [*[200] * 10, 429]
        assert thresholds(it) == (0.29, 0.6)


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_what_no_longer_fits_the_file_is_dropped_whole_with_an_alarm(tmp_path: Path, how: str) -> None:
    with site(tmp_path, PROFILES) as it:
        it.flags.append("--web.enable-lifecycle")
        with it.running():
            post(it, "profile", {"name": "away"})
            post(it, "settings", {"set": {"start_soc": "55%"}})
            assert thresholds(it) == (0.55, 0.9)
            it.configure({"stop_soc": "50%"})  # and no profile
            if how == "reload":
                assert it.request("POST", "/-/reload")[0] == 200
                _is_dropped(it)
        if how == "restart":
            with it.running():
                _is_dropped(it)


def _is_dropped(it: Actuator) -> None:
    wait_until(lambda: it.metric("generator_settings_dropped") == 1, 10, "the metric")
    assert thresholds(it) == (0.25, 0.5)
    assert (settings(it)["edit"], settings(it)["profile"]) == ({}, "default")
    assert 'got "away"' in settings(it)["dropped"]
    assert any("dropped" in fault for fault in it.status()["faults"])
    assert post(it, "settings", {"set": {"start_soc": "30%"}})[0] == 200
    assert it.metric("generator_settings_dropped") == 0


def test_a_command_needs_the_role_and_is_recorded_with_who(tmp_path: Path) -> None:
    with site(tmp_path, {"access": {"read": ["reader"], "notify": [], "command": ["owner"]}}) as it:
        hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        web = tmp_path / "web.yml"
        web.write_text(f"basic_auth_users: {{reader: '{hashed}', owner: '{hashed}'}}\n")
        it.flags.append(f"--web.config.file={web}")
        with it.running(ready=401):

            def as_user(user: str, method: str = "POST", body: object = None) -> tuple[int, str]:
                return request(method, f"{it.url}/api/v1/settings", body, basic(user))

            assert as_user("reader", body={"set": {"start_soc": "30%"}})[0] == 403
            assert as_user("reader", "GET")[0] == 200
            assert as_user("owner", body={"set": {"start_soc": "30%"}})[0] == 200
            for path, body in (("mode", {"mode": "off"}), ("mode", {"mode": "auto"}), ("reset", {"what": "lockout"})):
                assert request("POST", f"{it.url}/api/v1/{path}", body, basic("owner"))[0] == 200
            page = samples(request("GET", f"{it.url}/metrics", None, basic("reader"))[1])
            assert value(page, "generator_commands_rejected_total", reason="forbidden") == 1
            code, text = request("GET", f"{it.url}/api/v1/journal", None, basic("reader"))
            assert code == 200
            rows = [row for row in json.loads(text) if row["kind"] == "operator"]
            assert [(row["fields"]["action"], row["fields"]["who"]) for row in rows] == [
                ("settings", "owner"),
                ("off", "owner"),
                ("auto", "owner"),
                ("reset_lockout", "owner"),
            ]
            assert all("owner" in journal_line(row) for row in rows)


def test_an_edit_moves_no_running_deadline(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.page.soc = 0.22
        it.close_for_an_alert()
        before = it.durable()["run"]["deadline"]
        assert post(it, "settings", {"set": {"start_soc": "20%", "stop_soc": "40%"}})[0] == 200
        assert it.durable()["run"]["deadline"] == before
        assert it.board.closed()
