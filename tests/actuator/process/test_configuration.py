"""A configuration that makes no sense is refused, and the refusal names what to do."""

from __future__ import annotations

import base64
from pathlib import Path

import bcrypt
import pytest

from tests.actuator.harness.process import Actuator, run, site

JSON = {"Content-Type": "application/json"}
AGS_CAP = (
    "limits.max_run: got 11 h 45 min with ags_max_run 12 h, expected at least 30 min less: the AGS's own Max Gen Run "
    "Time ends a run as a fault that blocks later starts; lower max_run, or raise that time at the remote and "
    "ags_max_run with it"
)
SWAPPED = (
    "start_soc: got 60 % with stop_soc 25 %, expected less than stop_soc: the engine starts at or under the one and "
    "stops at or over the other"
)
SHORT = "expected at least 15 s, three times exporter.interval: three samples are needed"
UNQUOTED = 'got 21:00 without quotes, which YAML 1.1 reads as a number, expected "21:00" in quotes'

WRONG = {
    "thresholds the wrong way round": ("start_soc: 60%\nstop_soc: 25%", SWAPPED),
    "a run longer than the AGS allows": ("limits: {max_run: 11h45m}", AGS_CAP),
    "a debounce of nothing": ("debounce: {start: 0s}", f"debounce.start: got 0 s, {SHORT}"),
    "a debounce shorter than three pages": ("debounce: {stop: 14s}", f"debounce.stop: got 14 s, {SHORT}"),
    "a time without quotes": ('quiet_hours: {from: 21:00, to: "06:00"}', f"quiet_hours.from: {UNQUOTED}"),
}


def written(it: Actuator, more: str) -> None:
    """Write the least configuration that there is, with something more in its last lines."""
    it.config_file.write_text(
        f'exporter: {{url: "{it.page.url}", interval: 5s}}\n'
        f'relay: {{type: modbus, url: "{it.served.url}"}}\n'
        f"journal: {it.journal}\n{more}\n"
    )


@pytest.mark.parametrize("what", WRONG)
def test_a_refusal_names_what_to_do(tmp_path: Path, what: str) -> None:
    more, sentence = WRONG[what]
    with site(tmp_path) as it:
        written(it, more)
        refused = run(f"--config.file={it.config_file}", "--config.check")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == f"{it.config_file}:4: {sentence}\n"
        assert not it.board.functions, "the board is not even asked"


def test_a_reload_refuses_a_wrong_configuration(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.flags = ["--web.enable-lifecycle"]
        written(it, "start_soc: 30%")
        with it.running():
            for more, sentence in WRONG.values():
                written(it, more)
                code, text = it.request("POST", "/-/reload")
                assert (code, f"{it.config_file}:4: {sentence}" in text) == (500, True), text
                assert it.metric("generator_actuator_config_last_reload_successful") == 0
                assert it.metric("generator_start_soc_ratio") == 0.3
                assert it.status()["max_run"] == 4 * 3600
            written(it, "start_soc: 35%")
            assert it.request("POST", "/-/reload")[0] == 200
            assert it.metric("generator_start_soc_ratio") == 0.35


@pytest.mark.parametrize(("name", "before"), [("journal", "journal.db"), ("mirror", "none")])
def test_a_reload_refuses_another_journal_or_mirror(tmp_path: Path, name: str, before: str) -> None:
    with site(tmp_path) as it:
        it.flags = ["--web.enable-lifecycle"]
        with it.running():
            it.configure({name: str(tmp_path / "other")})
            code, text = it.request("POST", "/-/reload")
            assert code == 500
            assert f"{name}: got {tmp_path}/other instead of" in text
            assert f"{before}, expected a restart for that" in text


def test_access_for_an_unknown_user_is_refused_by_start_and_reload(tmp_path: Path) -> None:
    refusal = 'access.command[0]: got "ownr", expected a user in basic_auth_users of --web.config.file (owner)'
    owner = {"Authorization": "Basic " + base64.b64encode(b"owner:right").decode()}
    users = tmp_path / "web.yml"
    users.write_text(f"basic_auth_users: {{owner: '{bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}'}}\n")
    with site(tmp_path, {"access": {"command": ["owner"]}}) as it:
        it.flags = ["--web.enable-lifecycle", f"--web.config.file={users}"]
        with it.running(ready=401):
            it.configure({"access": {"command": ["ownr"]}})
            code, text = it.request("POST", "/-/reload", headers=owner)
            assert (code, refusal in text) == (500, True), text
            assert it.request("POST", "/api/v1/mode", {"mode": "off"}, owner | JSON)[0] == 200
        refused = run(f"--config.file={it.config_file}", f"--web.config.file={users}", "--config.check")
        assert (refused.returncode, refusal in refused.stderr) == (2, True), refused.stderr


def test_exposed_files_are_refused_by_a_check_and_reported_in_service(tmp_path: Path) -> None:
    password, users = tmp_path / "password", tmp_path / "web.yml"
    password.write_text("secret")
    password.chmod(0o644)
    users.touch(mode=0o600)
    users.chmod(0o666)
    with site(tmp_path) as it:
        it.configure({"exporter": {"username": "actuator", "password_file": str(password)}})
        it.config_file.chmod(0o646)
        it.flags = [f"--web.config.file={users}"]
        refused = run(f"--config.file={it.config_file}", *it.flags, "--config.check")
        assert refused.returncode == 2
        assert refused.stderr == (
            f"--web.config.file: got {users} with mode 0666, which everybody may write, expected 0644 at most: "
            f"chmod o-w {users}\n"
            f"--config.file: got {it.config_file} with mode 0646, which everybody may write, expected 0644 at most: "
            f"chmod o-w {it.config_file}\n"
            f"exporter.password_file: got {password} with mode 0644, which everybody may read, expected 0640: "
            f"chmod 0640 {password}\n"
        )
        with it.running() as process:
            assert it.metric("generator_actuator_exposed_files") == 3
            assert process.output.count('msg="file is exposed"') == 3
