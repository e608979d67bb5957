"""The options under `nut:`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from toolkit.config import ConfigError, Duration, Ratio
from toolkit.formatting import percent

BATTERY = "battery"
"""The `source` that is the leading state of charge."""

DRIVER = "magnum-exporter"
"""What `driver =` in NUT's ups.conf names."""

HYSTERESIS = 0.05
"""By so much the state of charge must rise above `low` until the battery is not low any more."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_LONGEST_PATH = 107
"""Bytes of a Unix socket's path on Linux, unix(7)."""


class NutConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Network UPS Tools' upsd receives.

    Attributes:
        ups: the UPS's name, a section of ups.conf.
        socket_folder: upsd's state path.
        source: `battery` for the leading state of charge, or an `aims` source.
        low: the state of charge at which the machines shut down; for the battery only.
        low_runtime: the time to empty at which they do; for the battery only.
    """

    ups: str
    socket_folder: Path = Path("/run/nut")
    source: str = BATTERY
    low: Ratio = Ratio(0.15)
    low_runtime: Duration = Duration(600)

    def __post_init__(self) -> None:
        """Refuse names that upsd does not accept, a path that is too long, and a level from which nothing returns."""
        if not _NAME.fullmatch(self.ups):
            expected = "letters, digits, `.`, `-` and `_`, as the section of ups.conf is named"
            raise ConfigError("ups", f'"{self.ups}"', expected)
        if len(os.fsencode(self.socket)) > _LONGEST_PATH:
            got = f"{self.socket}, {len(os.fsencode(self.socket))} bytes"
            raise ConfigError("socket_folder", got, f"at most {_LONGEST_PATH} bytes with the name of the socket")
        if not 0 < self.low <= 1 - HYSTERESIS:
            expected = f"more than 0%, and at most {percent(1 - HYSTERESIS)}"
            raise ConfigError("low", percent(self.low), expected)

    @property
    def socket(self) -> Path:
        """The socket that upsd opens."""
        return self.socket_folder / f"{DRIVER}-{self.ups}"
