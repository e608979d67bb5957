"""pymodbus is loaded only by a program with a Modbus device in its configuration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

EXPORTER = """
import asyncio, pathlib, sys
from exporter import app, config
from toolkit import log

log.setup("error", "logfmt")

async def run():
    exporter = app.Exporter()
    await exporter.apply(config.load(pathlib.Path(sys.argv[1])))
    await asyncio.sleep(0.5)
    await exporter.stop()

asyncio.run(run())
print("pymodbus" in sys.modules)
"""

ACTUATOR = """
import pathlib, sys
import actuator.cli, actuator.service
from actuator import config
from actuator.relay import RelayError

relay = config.load(pathlib.Path(sys.argv[1])).relay.make_relay()
try:
    relay.open_contact()
except RelayError:
    pass
print("pymodbus" in sys.modules)
"""

MAGNUM = "sources: {bus: {type: magnum, port: /dev/absent}}\n"
MODBUS = "sources: {bms: {type: modbus, url: 'tcp://127.0.0.1:1', profile: daly}}\n"
SERIAL = "sources: {bms: {type: modbus, url: 'rtu:///dev/absent', profile: daly}}\n"
CLASSIC = "sources: {sun: {type: classic, host: 127.0.0.1, port: 1}}\n"
SIMULATED = "{type: simulated}"
BOARD = "{type: modbus, url: 'tcp://127.0.0.1:1'}"


def loaded(code: str, document: str, folder: Path) -> bool:
    path = folder / "site.yml"
    path.write_text(document)
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {"True": True, "False": False}[done.stdout.strip()]


@pytest.mark.parametrize(("document", "expected"), [(MAGNUM, False), (MODBUS, True), (SERIAL, True), (CLASSIC, True)])
def test_the_exporter_loads_it_for_a_modbus_source(document: str, expected: bool, tmp_path: Path) -> None:  # noqa: FBT001
    assert loaded(EXPORTER, document, tmp_path) is expected


@pytest.mark.parametrize(("relay", "expected"), [(SIMULATED, False), (BOARD, True)])
def test_the_actuator_loads_it_for_a_modbus_relay(relay: str, expected: bool, tmp_path: Path) -> None:  # noqa: FBT001
    document = f"exporter: {{url: 'http://127.0.0.1:1/metrics'}}\nrelay: {relay}\njournal: {tmp_path}/journal\n"
    assert loaded(ACTUATOR, document, tmp_path) is expected


def test_one_module_imports_it() -> None:
    programs = ("actuator", "alerts", "exporter", "grafana", "simulator", "toolkit")
    importing = [
        str(path.relative_to(ROOT))
        for program in programs
        for path in sorted((ROOT / program).rglob("*.py"))
        if re.search(r"^\s*(import|from) pymodbus", path.read_text(), re.MULTILINE)
    ]
    assert importing == ["toolkit/modbus/client.py"]
