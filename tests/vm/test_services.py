"""The units of deploy/ under a real service manager: however the actuator ends, the contact opens."""

from __future__ import annotations

import compileall
import sys
import sysconfig
from collections.abc import Iterator

import pytest

from tests.support import ROOT, wait_until
from tests.vm.board import Board
from tests.vm.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]

# Where the units expect the programs, and readable by the users they run as, wherever the tests' own environment lies.
ACTUATOR = "/opt/magnum-exporter/bin/generator-actuator"
PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
INSTALL = f"""set -e
mkdir -p /opt/python /opt/packages /opt/source /opt/magnum-exporter/bin /etc/magnum-exporter
mountpoint -q /opt/python || mount --bind {sys.base_prefix} /opt/python
mountpoint -q /opt/packages || mount --bind {sysconfig.get_paths()["purelib"]} /opt/packages
mountpoint -q /opt/source || mount --bind {ROOT} /opt/source
for command in magnum-exporter:exporter generator-actuator:actuator; do
cat >/opt/magnum-exporter/bin/${{command%:*}} <<PROGRAM
#!/usr/bin/env -S LD_LIBRARY_PATH=/opt/python/lib {PYTHON}
import sys
sys.path[:0] = ["/opt/source", "/opt/packages"]
from ${{command#*:}}.cli import main
sys.exit(main())
PROGRAM
done
chmod +x /opt/magnum-exporter/bin/*
cp deploy/systemd/*.service /etc/systemd/system/
cp deploy/udev/*.rules /etc/udev/rules.d/
systemd-sysusers $PWD/deploy/sysusers/magnum-exporter.conf
udevadm control --reload
cat >/etc/magnum-exporter/exporter.yml <<YAML
sources:
  main: {{type: magnum, port: /dev/serial/by-id/not-there}}
YAML
cat >/etc/magnum-exporter/actuator.yml <<YAML
exporter: {{url: "http://127.0.0.1:10048/metrics", interval: 5s}}
relay: {{type: hid, channel: 1}}
journal: /var/lib/generator-actuator/journal.db
YAML
systemctl daemon-reload
"""


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """Install in the guest as the README says; compiled beforehand, which an emulated processor is slow at."""
    for room in ("actuator", "exporter", "toolkit"):
        compileall.compile_dir(ROOT / room, quiet=1)
    machine.check(INSTALL, deadline_seconds=240)
    return machine


@pytest.fixture
def board_of_service(installed: Machine, board: Board) -> Iterator[Board]:
    """Run the actuator's service on a plugged board and close its contact by hand."""
    machine = installed
    board.do("unplug")
    board.plug()
    try:
        machine.check("systemctl start generator-actuator", deadline_seconds=240)
        machine.check(f"{ACTUATOR} mode on --for 30m", deadline_seconds=180)
        wait_until(lambda: board.contacts == 1, 120, "the contact is closed")
        yield board
    except BaseException:
        sys.stderr.write(machine.run("journalctl --no-pager -u generator-actuator | tail -60").output)
        raise
    finally:
        machine.run("systemctl stop generator-actuator; systemctl reset-failed; rm -rf /var/lib/generator-actuator/*")


def main_process(machine: Machine) -> int:
    return int(machine.check("systemctl show --property=MainPID --value generator-actuator"))


def test_the_board_belongs_to_the_service(machine: Machine, board_of_service: Board) -> None:
    assert machine.check("stat -c '%G %a' /dev/hidraw0").split() == ["generator-actuator", "660"]
    assert machine.check(f"stat -c %U /proc/{main_process(machine)}").strip() == "generator-actuator"
    assert board_of_service.contacts == 1


def test_stopping_the_service_opens(machine: Machine, board_of_service: Board) -> None:
    machine.check("systemctl stop generator-actuator", deadline_seconds=180)
    assert board_of_service.contacts == 0
    assert machine.check("systemctl show --property=Result --value generator-actuator").strip() == "success"


def test_a_killed_actuator_leaves_the_contact_open(machine: Machine, board_of_service: Board) -> None:
    before = main_process(machine)
    machine.check(f"kill -9 {before}")
    wait_until(lambda: board_of_service.contacts == 0, 180, "the service manager's release opens the contact")
    wait_until(lambda: main_process(machine) not in (0, before), 180, "the service is started again")
    assert board_of_service.contacts == 0, "not proven to run before: nothing is resumed"


def test_a_hung_actuator_is_killed_and_the_contact_opens(machine: Machine, board_of_service: Board) -> None:
    machine.check(f"kill -STOP {main_process(machine)}")
    wait_until(lambda: board_of_service.contacts == 0, 240, "the watchdog kills it and the contact opens")
    assert (
        "watchdog"
        in machine.check(
            "systemctl show --property=Result,NRestarts generator-actuator && journalctl -u generator-actuator"
        ).lower()
    )


def test_a_board_that_drops_out_comes_back_open(machine: Machine, board_of_service: Board) -> None:
    before = main_process(machine)
    board_of_service.do("unplug")
    board_of_service.plug()
    said = "journalctl --no-pager --output=cat -u generator-actuator"
    wait_until(lambda: "msg=relay_recovered" in machine.check(said), 180, "the board is found again and reads open")
    assert "reason=relay_fault" in machine.check(said), "the run ended for that reason"
    assert board_of_service.contacts == 0
    assert main_process(machine) == before, "a board that drops out is no reason to die"


def test_the_exporter_waits_for_its_port(installed: Machine) -> None:
    machine = installed
    machine.check("systemctl start magnum-exporter", deadline_seconds=240)
    try:
        page = machine.check(
            "/usr/bin/python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:10048/metrics\").read().decode())'"
        )
        assert 'magnum_up{device="main"} 0' in page
    finally:
        machine.run("systemctl stop magnum-exporter")
