"""What a program loads before it opens the contact: never the web framework, which takes most of a start; and after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.actuator.harness.process import site

LOADED = """
import sys
import actuator.cli
print(sorted({"aiohttp", "actuator.service"} & sys.modules.keys()))
actuator.cli.main(sys.argv[1:])
print(sorted({"aiohttp", "actuator.service"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("command", ["release", "relays"])
def test_a_command_does_without_the_web_framework(command: str, tmp_path: Path) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text(f"exporter: {{url: 'http://127.0.0.1:1'}}\nrelay: {{type: simulated}}\njournal: {tmp_path}/j.db\n")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, command, f"--config.file={file}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, *_, last = done.stdout.splitlines()
    assert (first, last) == ("[]", "[]"), done.stdout


def test_the_service_loads_aiohttps_parser_but_not_frozenlist(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running() as process:
        mapped = Path(f"/proc/{process.popen.pid}/maps").read_text()
    assert "_http_parser" in mapped
    assert "_frozenlist" not in mapped
