"""A relay on a GPIO line of a real kernel: its character device, libgpiod's package, and what outlives a process."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, wait_until
from tests.vm.harness.boards import GPIO_CHIP as CHIP
from tests.vm.harness.boards import GpioChip
from tests.vm.harness.installation import ACTUATOR, SPAN, main_process, running_actuator
from tests.vm.harness.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

COMMAND = f"{Path(sys.executable).parent}/generator-actuator"

BEGIN = f"""
import os, sys
from actuator.relay import GpioRelay, RelayError
def relay(line, active_low=False):
    return GpioRelay(chip="{CHIP}", line=line, active_low=active_low).make_relay()
def tried(what):
    try:
        return what()
    except RelayError as error:
        return f"{{type(error).__name__}}: {{error}}"
"""


def python(machine: Machine, script: str) -> list[str]:
    """Run a script with a driver in the guest and return the lines that it printed."""
    return machine.python(BEGIN + textwrap.dedent(script)).splitlines()


@pytest.fixture(scope="module")
def plugged(machine: Machine) -> Iterator[GpioChip]:
    machine.load_modules("uhid", "hid-mcp2221")
    with GpioChip.running(machine) as plugged:
        yield plugged


@pytest.fixture
def chip(plugged: GpioChip) -> GpioChip:
    plugged.reset()
    return plugged


def test_it_closes_opens_and_reads_back(machine: Machine, chip: GpioChip) -> None:
    lines = python(
        machine,
        """
        for line, active_low in ((1, False), (2, True)):
            contact = relay(line, active_low)
            print(contact.read_back())
            contact.close_contact()
            print(contact.read_back())
            contact.open_contact()
            print(contact.read_back())
            contact.disconnect()
            print(contact.read_back())
        """,
    )
    assert lines == ["False", "True", "False", "False"] * 2
    assert chip.pin(1) == "010"
    assert chip.pin(2) == "101"
    assert chip.pin(0) == chip.pin(3) == "", "other lines are left alone"


def test_wrong_lines_and_chips_are_errors(machine: Machine, chip: GpioChip) -> None:
    lines = python(
        machine,
        """
        print(tried(relay(4).open_contact))
        print(tried(relay("GPIO17").open_contact))
        print(tried(GpioRelay(chip="/dev/null", line=1).make_relay().open_contact))
        print(tried(GpioRelay(chip="/dev/gpiochip7", line=1).make_relay().open_contact))
        """,
    )
    assert lines[0] == f"RelayError: GPIO line 4 of {CHIP} cannot be requested: the chip has lines 0 to 3"
    assert lines[1] == f"RelayError: GPIO line GPIO17 of {CHIP} cannot be requested: the chip has no line of that name"
    assert lines[2].startswith("RelayError: /dev/null is not a GPIO chip")
    assert lines[3].startswith("RelayError: /dev/gpiochip7 cannot be opened")
    assert [chip.pin(line) for line in range(4)] == [""] * 4


def test_release_opens_what_a_killed_holder_left_closed(machine: Machine, chip: GpioChip) -> None:
    holder = (
        BEGIN + 'import time; contact = relay(1); contact.close_contact(); print("closed", flush=True); time.sleep(900)'
    ).strip()
    machine.check(f"cat >/tmp/holder.py <<'SCRIPT'\n{holder}\nSCRIPT")
    machine.check(f"cat >/tmp/gpio.yml <<YAML\nrelay: {{type: gpio, chip: {CHIP}, line: 1}}\nYAML")
    machine.check(
        f"systemd-run --quiet --collect --unit=holder --setenv=PYTHONPATH={ROOT} {sys.executable} /tmp/holder.py"
    )
    wait_until(lambda: chip.pin(1) == "01", SPAN, "the holder closes the contact")
    process = machine.check("systemctl show --property=MainPID --value holder").strip()
    lines = python(
        machine, f'contact = GpioRelay(chip="{CHIP}", line=1).make_relay(); print(tried(contact.open_contact))'
    )
    assert lines == [
        f"RelayHeldError: gpio {CHIP} line 1 is held by another controller (process {process}): stop that one first"
    ]
    release = f"{COMMAND} release --config.file=/tmp/gpio.yml"
    refused = machine.run(release)
    assert refused.code == 1, refused
    assert f"GPIO line 1 of {CHIP} is held by generator-actuator (process {process})" in refused.output
    assert "generator-actuator mode off" in refused.output
    assert chip.pin(1) == "01", "what is refused moves nothing"
    machine.check("systemctl kill --signal=KILL holder; while systemctl -q is-active holder; do sleep 0.1; done")
    assert python(machine, "print(relay(1).read_back())") == ["True"], "a new process finds what was left behind"
    assert chip.pin(1) == "01", "the line keeps its level, also through that reading"
    released = machine.run(release)
    assert released.code == 0, released
    assert "confirmed open." in released.output
    assert chip.pin(1) == "010", "and after release has ended it keeps that one"


def test_a_line_of_another_program_is_named(machine: Machine, chip: GpioChip) -> None:
    lines = python(
        machine,
        f"""
        import gpiod
        with gpiod.request_lines("{CHIP}", consumer="doorbell", config={{0: None}}):
            print(tried(relay(0).open_contact))
        print(tried(relay(0).open_contact))
        """,
    )
    assert lines == [
        f'RelayHeldError: GPIO line 0 of {CHIP} is held by "doorbell": stop that first, or choose another line',
        "None",
    ]
    assert chip.pin(0) == "0"


def test_relays_lists_the_chip_and_leaves_its_lines_alone(machine: Machine, chip: GpioChip) -> None:
    lines = machine.check(f"{COMMAND} relays")
    assert f"GPIO chip {CHIP}: mcp2221_gpio, lines 0 to 3; their wiring cannot be detected" in lines
    assert f"    relay: {{type: gpio, chip: {CHIP}, line: LINE}}" in lines
    assert [chip.pin(line) for line in range(4)] == [""] * 4


def test_the_service_has_the_line_and_a_kill_leaves_it_open(installed: Machine, chip: GpioChip) -> None:
    machine = installed
    machine.check("udevadm trigger --settle --subsystem-match=gpio")
    assert machine.check(f"stat -c '%G %a' {CHIP}").split() == ["gpio", "660"]
    with running_actuator(machine, f"{{type: gpio, chip: {CHIP}, line: 1}}"):
        machine.check(f"{ACTUATOR} mode on --for 30m", deadline_seconds=SPAN)
        wait_until(lambda: chip.pin(1) == "01", SPAN, "the contact to close")
        main = main_process(machine)
        assert machine.check(f"stat -c %U /proc/{main}").strip() == "generator-actuator"
        machine.check(f"kill -9 {main}")
        wait_until(lambda: chip.pin(1) == "010", SPAN, "the service manager's release to open the contact")
        machine.check("systemctl stop generator-actuator", deadline_seconds=SPAN)
        assert chip.pin(1) == "010"


def test_an_unplugged_chip_is_an_error(machine: Machine, chip: GpioChip) -> None:
    """Comes last: this kernel gives the chip another number when it is plugged in again."""
    script = f"""
        import subprocess
        contact = relay(1)
        contact.close_contact()
        print(contact.read_back())
        unplug = "{chip.send_command} unplug >/dev/null; while test -e {CHIP}; do sleep 0.1; done"
        subprocess.run(unplug, shell=True, check=True)
        print(tried(contact.read_back))
        print(tried(contact.open_contact))
        print([name for name in os.listdir("/proc/self/fd") if "gpio" in os.path.realpath("/proc/self/fd/" + name)])
        """
    lines = python(machine, script)
    assert lines[0] == "True"
    assert lines[1].startswith(f"RelayError: GPIO line 1 of {CHIP} cannot be read"), lines
    assert lines[2].startswith(f"RelayError: {CHIP} cannot be opened"), lines
    assert lines[3] == "[]"
    assert chip.pin(1) == "", "without power"
