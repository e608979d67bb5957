"""The machine's clocks: boot, monotonic, wall, and whether the kernel reports the wall clock synchronised."""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from pathlib import Path

from actuator.core.state import Moment

_UNSYNCHRONISED = 0x40
_FAILED = -1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Timex(ctypes.Structure):
    """The head of struct timex, adjtimex(2); the rest is only room for the kernel to write to."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def synchronised() -> bool:
    """Return whether a time source disciplines the kernel's clock: adjtimex(2), STA_UNSYNC."""
    # A machine without a hardware clock boots with a wall clock that is hours off, and jumps when the network comes.
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    return state != _FAILED and not timex.status & _UNSYNCHRONISED


@functools.cache
def boot_id() -> str:
    """Return the kernel's name of this boot; monotonic times of two boots cannot be compared."""
    # Read once: a process lives in one boot, and a later turn must not need a file descriptor for it.
    return _BOOT_ID.read_text().strip()


class Clock:
    """The machine's clocks. When the time source is lost, the wall time is counted on by the seconds since the boot."""

    # A satellite link may be switched off at night: after some hours the kernel reports its clock unsynchronised, while
    # it is still right to the second. A step by hand in that time is ignored.

    def __init__(self, synchronised: Callable[[], bool] = synchronised) -> None:
        self._synchronised = synchronised
        self._synchronised_at: tuple[float, float] | None = None

    def moment(self, *, not_before: float | None = None) -> Moment:
        """Return this moment on every clock.

        Args:
            not_before: Unix time of an earlier event; a wall clock before it is not sane.
        """
        wall, now, since_boot = time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
        sane = synchronised = self._synchronised()
        if synchronised:
            sane = not_before is None or wall >= not_before
            self._synchronised_at = (wall, since_boot) if sane else None
        elif self._synchronised_at is not None:
            wall, sane = self._synchronised_at[0] + since_boot - self._synchronised_at[1], True
        return Moment(boot=boot_id(), now=now, wall=wall, wall_sane=sane)
