"""The name of the machine's time zone."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")


def local_zone() -> str:
    """Return the zone's name in the IANA database, such as Europe/Berlin, from TZ or /etc/localtime; else empty."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        try:
            name = str(LOCALTIME.readlink())
        except OSError:
            return ""
    name = name.rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):  # such as CET-1CEST, or a file without a name
        return ""
