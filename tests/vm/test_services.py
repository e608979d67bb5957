"""The units of deploy/ under a real service manager: however the actuator ends, the contact opens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.actuator.harness.foreign_lock import PORTS, USER, address_of
from tests.support import wait_until
from tests.vm.harness.boards import HIDRAW, PYTHON, SERIAL_PORT, UsbRelay
from tests.vm.harness.installation import ACTUATOR, SPAN, main_process, running_actuator
from tests.vm.harness.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]


@pytest.fixture
def closed_board(installed: Machine, board: UsbRelay) -> Iterator[UsbRelay]:
    """Run the actuator's service on a board that was plugged in after the installation, and close its contact."""
    board.unplug()
    board.plug()
    with running_actuator(installed, "{type: hid, channel: 1}"):
        installed.check(f"{ACTUATOR} mode on --for 30m", deadline_seconds=SPAN)
        wait_until(lambda: board.contacts == 1, SPAN, "the contact to close")
        yield board


def test_the_board_belongs_to_the_service(machine: Machine, closed_board: UsbRelay) -> None:
    assert machine.check(f"stat -c '%G %a' {HIDRAW}").split() == ["generator-actuator", "660"]
    assert machine.check(f"stat -c %U /proc/{main_process(machine)}").strip() == "generator-actuator"
    assert closed_board.contacts == 1


def test_stopping_the_service_opens(machine: Machine, closed_board: UsbRelay) -> None:
    machine.check("systemctl stop generator-actuator", deadline_seconds=SPAN)
    assert closed_board.contacts == 0
    assert machine.check("systemctl show --property=Result --value generator-actuator").strip() == "success"


def test_a_killed_actuator_leaves_the_contact_open(machine: Machine, closed_board: UsbRelay) -> None:
    before = main_process(machine)
    machine.check(f"kill -9 {before}")
    wait_until(lambda: closed_board.contacts == 0, SPAN, "the service manager's release opens the contact")
    wait_until(lambda: main_process(machine) not in (0, before), SPAN, "the service is started again")
    assert closed_board.contacts == 0, "not proven to run before: nothing is resumed"


def test_a_hung_actuator_is_killed_and_the_contact_opens(machine: Machine, closed_board: UsbRelay) -> None:
    machine.check(f"kill -STOP {main_process(machine)}")
    wait_until(lambda: closed_board.contacts == 0, SPAN, "the watchdog kills it and the contact opens")
    assert (
        "watchdog"
        in machine.check(
            "systemctl show --property=Result,NRestarts generator-actuator && journalctl -u generator-actuator"
        ).lower()
    )


@pytest.mark.parametrize("device", ["the same device", "another device"])
def test_a_board_that_drops_out_comes_back_open(machine: Machine, closed_board: UsbRelay, device: str) -> None:
    said = "journalctl --no-pager --output=cat -u generator-actuator"
    before = main_process(machine)
    if device == "another device":
        machine.check(f"kill -STOP {before}")  # it still has the last one open when the board is back
    closed_board.unplug()
    if device == "the same device":
        wait_until(lambda: "msg=relay_fault" in machine.check(said), SPAN, "the missing board is noticed")
    closed_board.plug()
    machine.check(f"kill -CONT {before}")
    assert machine.run(f"test -e {HIDRAW}")[0] == (1 if device == "another device" else 0)
    wait_until(lambda: "msg=relay_recovered" in machine.check(said), SPAN, "the board is found again and reads open")
    assert "reason=relay_fault" in machine.check(said), "the run ended for that reason"
    assert closed_board.contacts == 0
    assert main_process(machine) == before, "a board that drops out is no reason to die"


SECOND = """
from actuator.relay import HidRelay, RelayError
for _ in range(5):
    try:
        HidRelay(channel=1).make_relay().open_contact()
    except RelayError as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_a_second_controller_is_refused_beside_the_confined_one(machine: Machine, closed_board: UsbRelay) -> None:
    refusal = (
        f"RelayHeldError: USB relay {HIDRAW} channel 1 is held by another controller "
        f"(process {main_process(machine)}): stop that one first"
    )
    assert machine.python(SECOND).splitlines() == [refusal] * 5
    assert closed_board.contacts == 1


def test_a_stranger_with_its_locks_port_does_not_keep_the_confined_actuator_out(
    installed: Machine, board: UsbRelay
) -> None:
    board.unplug()
    board.plug()
    name = f"USB relay {HIDRAW} channel 1"
    take = f"s = socket.socket(2, 2); s.bind(('{address_of(name)}', {PORTS.start}))"
    stranger = f'{PYTHON} -c "import socket, time; {take}; time.sleep(9000)"'
    installed.check(f"systemd-run --quiet --collect --unit=stranger setpriv --reuid {USER} {stranger}")
    try:
        wait_until(lambda: f":{PORTS.start:04X} " in installed.check("cat /proc/net/udp"), 60, "the stranger's port")
        with running_actuator(installed, "{type: hid, channel: 1}"):
            said = installed.check("journalctl --no-pager --output=cat -u generator-actuator")
            assert "process=unknown user=unknown program=unknown" in said
            assert f"ss -uanpe src {address_of(name)}" in said
            assert installed.python(SECOND).count("is held by another controller") == 5
    finally:
        installed.run("systemctl stop stranger")


def test_the_exporter_waits_for_its_port(installed: Machine) -> None:
    machine = installed
    machine.check("systemctl start magnum-exporter", deadline_seconds=SPAN)
    try:
        page = machine.check(
            f"{PYTHON} -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:10048/metrics\").read().decode())'"
        )
        assert 'magnum_up{device="main"} 0' in page
    finally:
        machine.run("systemctl stop magnum-exporter")


def test_the_confined_exporter_opens_its_serial_port(installed: Machine) -> None:
    machine = installed
    config = "/etc/magnum-exporter/exporter.yml"
    machine.check(f"cp {config} {config}.kept && sed -i 's|port: [^}}]*|port: {SERIAL_PORT}|' {config}")
    assert machine.check(f"stat -c '%G %a' {SERIAL_PORT}").split() == ["dialout", "660"]
    machine.check("systemctl start magnum-exporter", deadline_seconds=SPAN)
    try:
        descriptors = f"ls -l /proc/{main_process(machine, 'magnum-exporter')}/fd"
        wait_until(lambda: SERIAL_PORT in machine.check(descriptors), SPAN, "the exporter to open its port")
    finally:
        machine.run(f"systemctl stop magnum-exporter; mv {config}.kept {config}")


def test_the_confined_exporter_gives_its_socket_to_upsds_group(installed: Machine) -> None:
    machine = installed
    config, folder = "/etc/magnum-exporter/exporter.yml", "/etc/systemd/system/magnum-exporter.service.d"
    socket = "/run/nut/magnum-exporter-cabin"
    machine.check(
        f"set -e; groupadd --force --system nut; install -d -m 770 -g nut /run/nut; cp {config} {config}.kept; "
        f"echo 'nut: {{ups: cabin}}' >>{config}; install -Dm 644 -t {folder} "
        "deploy/systemd/magnum-exporter.service.d/nut.conf; systemctl daemon-reload"
    )
    machine.check("systemctl start magnum-exporter", deadline_seconds=SPAN)
    try:
        wait_until(lambda: machine.run(f"test -S {socket}").code == 0, SPAN, "the exporter to make the socket")
        assert machine.check(f"stat -c '%U %G %a' {socket}").split() == ["magnum-exporter", "nut", "660"]
        machine.check("systemctl stop magnum-exporter")
        assert machine.check("ls /run/nut") == ""
    finally:
        machine.run(
            f"systemctl stop magnum-exporter; rm -r {folder} /run/nut; mv {config}.kept {config}; "
            "systemctl daemon-reload"
        )


def test_the_confined_actuator_commands_a_board_on_a_serial_port(installed: Machine) -> None:
    machine = installed
    with running_actuator(machine, f"{{type: serial, port: {SERIAL_PORT}}}"):
        machine.check(f"{ACTUATOR} mode on --for 30m", deadline_seconds=SPAN)
        assert machine.check(f"stat -c %U /proc/{main_process(machine)}").strip() == "generator-actuator"
