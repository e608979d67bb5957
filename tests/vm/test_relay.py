"""The USB relay driver on a real kernel: hidraw, usbhid and the USB stack as they are on a Raspberry Pi."""

from __future__ import annotations

import textwrap

import pytest

from tests.vm.harness.boards import UsbRelay
from tests.vm.harness.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

BEGIN = """
from actuator.relay import HidRelay, RelayError
relay = HidRelay(channel=1).make_relay()
def tried(what):
    try:
        return what()
    except RelayError as error:
        return f"RelayError: {error}"
"""


def python(machine: Machine, script: str) -> list[str]:
    """Run a script with a driver in the guest and return the lines that it printed."""
    return machine.python(BEGIN + textwrap.dedent(script)).splitlines()


def test_it_closes_opens_and_reads_back(machine: Machine, board: UsbRelay) -> None:
    lines = python(
        machine,
        """
        print(relay.read_back())
        relay.close_contact()
        print(relay.read_back())
        """,
    )
    assert lines == ["False", "True"]
    assert board.contacts == 1, "the board latches when the program that switched it has ended"
    assert python(machine, "relay.open_contact(); print(relay.read_back())") == ["False"]
    assert board.contacts == 0


def test_it_leaves_the_other_channel_alone(machine: Machine, board: UsbRelay) -> None:
    script = (
        "other = HidRelay(channel=2).make_relay(); other.close_contact(); relay.close_contact(); relay.open_contact()"
    )
    python(machine, script)
    assert board.contacts == 2


def test_a_board_that_drops_out_while_switching(machine: Machine, board: UsbRelay) -> None:
    board.send("brownout")
    lines = python(
        machine,
        f"""
        import subprocess, time
        print(tried(relay.close_contact))
        print(tried(relay.read_back))
        subprocess.run("{board.send_command} plug", shell=True, check=True, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 90
        while not isinstance(answer := tried(relay.read_back), bool) and time.monotonic() < end:
            pass
        print(answer)
        relay.close_contact()
        print(relay.read_back())
        """,
    )
    assert "RelayError" in "".join(lines[:2]), lines
    assert lines[1].startswith("RelayError"), "a board that is gone was read"
    assert lines[-2:] == ["False", "True"], "found again after it was plugged in, with its contact open"
    assert board.contacts == 1


def test_a_board_that_refuses_is_no_success(machine: Machine, board: UsbRelay) -> None:
    board.send("stall")
    lines = python(machine, "print(tried(relay.close_contact)); print(tried(relay.read_back))")
    assert lines[0].startswith("RelayError"), lines
    assert board.contacts == 0


def test_no_board(machine: Machine, board: UsbRelay) -> None:
    board.unplug()
    lines = python(machine, "print(tried(relay.open_contact))")
    assert lines[0].startswith("RelayError: no USB relay board"), lines
