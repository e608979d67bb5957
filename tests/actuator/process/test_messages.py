"""Messages of the whole process: on an unusual configuration, and on a command with a part that means nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.actuator.harness.process import Actuator, run, site
from tests.support import wait_until

UNUSUAL = "limits.min_run: got 60 s with max_run 60 s: "

OPEN = "access: got none: whoever reaches the listen address may read, notify and command"


def checked(it: Actuator) -> subprocess.CompletedProcess[str]:
    return run(f"--config.file={it.config_file}", "--config.check")


def test_a_check_names_what_is_unusual_and_passes(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        plain = checked(it)
        assert (plain.returncode, plain.stdout) == (0, "config ok\n")
        assert plain.stderr == f"{it.config_file}: {OPEN}\n", "who may do what is said of a file that does not"
        it.configure({"limits": {"min_run": "60s"}})
        unusual = checked(it)
        assert (unusual.returncode, unusual.stdout) == (0, "config ok\n")
        assert unusual.stderr.startswith(f"{it.config_file}: {UNUSUAL}")
        assert unusual.stderr.count("\n") == 2


def test_the_log_has_what_is_unusual_at_start_and_reload(tmp_path: Path) -> None:
    line = f'level=warn msg="unusual configuration" text="{UNUSUAL}'
    with site(tmp_path) as it:
        it.flags = ["--web.enable-lifecycle"]
        with it.running() as process:
            wait_until(lambda: "listening" in process.output, 5, "the log line of the start")
            assert "unusual configuration" not in process.output
            it.configure({"limits": {"min_run": "60s"}})
            assert it.request("POST", "/-/reload")[0] == 200
            wait_until(lambda: "configuration reloaded" in process.output, 5, "the log line of the reload")
            assert process.output.count(line) == 1
        with it.running() as process:
            wait_until(lambda: "listening" in process.output, 5, "the log line of the start")
            assert process.output.count(line) == 1


def test_off_with_an_end_is_obeyed_and_the_end_ignored(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        off = run("mode", "off", "--for", "2h", "--url", it.url)
        assert (off.returncode, it.status()["mode"]) == (0, "off")
        assert "mode_off: switched off by the operator" in off.stdout
        assert off.stderr == "Off has no end: --for 2h is ignored, off stays until the mode is changed.\n"
        assert run("mode", "off", "--url", it.url).stderr == ""
        assert it.request("POST", "/api/v1/mode", {"mode": "auto"})[0] == 200
        assert it.request("POST", "/api/v1/mode", {"mode": "off", "for": "2h"})[0] == 200
        assert it.status()["mode"] == "off"
