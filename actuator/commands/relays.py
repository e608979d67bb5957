"""`generator-actuator relays`: the boards that are found on this machine, and a test of the configured one."""

from __future__ import annotations

import argparse
import sys

from actuator.commands import relay_trial
from actuator.commands.flags import add_config_file
from actuator.relay import discover

DESCRIPTION = (
    "Lists the relay boards, serial ports and GPIO chips found on this machine, each with the line for "
    "the configuration file. With --test it closes and opens the contact of the configured one."
)
EXAMPLE = "generator-actuator relays --test"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_config_file(parser)
    parser.add_argument(
        "--test", action="store_true", help="close the configured contact for half a second; asks before, in a terminal"
    )


def run(arguments: argparse.Namespace) -> int:
    """List the boards, or test the configured one."""
    if arguments.test:
        return relay_trial.run(arguments.config_file)
    found = [*discover.usb_boards(), *discover.serial_ports(), *discover.gpio_chips()]
    nothing = "No USB relay board (16c0:05df), no serial port and no GPIO chip found on this machine."
    sys.stdout.write("\n".join(found or [nothing]) + "\n")
    sys.stdout.write(
        'A Modbus TCP board is configured by its address: relay: {type: modbus, url: "tcp://192.168.1.30:502"}\n'
    )
    return 0
