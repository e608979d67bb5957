"""Flags that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

from toolkit.flags import FOLDER

LISTEN_ADDRESS = "127.0.0.1:10049"


def add_config_file(parser: argparse.ArgumentParser) -> None:
    """Give the parser the flag that names the configuration file."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help=f"the actuator's configuration file (default: actuator.yml here, else {FOLDER / 'actuator.yml'})",
    )


def add_remote_flags(parser: argparse.ArgumentParser) -> None:
    """Give the parser the flags of a command that asks the running actuator."""
    add_config_file(parser)
    parser.add_argument(
        "--url",
        default=f"http://{LISTEN_ADDRESS}",
        help="URL of the running actuator (default: %(default)s); user name and password come from "
        "GENERATOR_ACTUATOR_USERNAME and GENERATOR_ACTUATOR_PASSWORD, or from a netrc file",
    )
