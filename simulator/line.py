"""A serial port that can be pulled out: a pseudo-terminal under a name that stays."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path

UNREAD_BYTES = 2048
"""What a reader that is away or too slow finds at most: 5 s of the bus."""


class LineError(Exception):
    """The link cannot be made; str() says what is in the way and what to do."""


class Line:
    """One end of a serial line; `link` names the other one while it is plugged in.

    Nobody needs to listen: what is not read in time is lost, as on a wire. `heard_bytes` counts what the other side has
    sent, which on a bus that is only listened to must stay 0.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self.sent_bytes = 0
        self.heard_bytes = 0
        self._ours = self._theirs = -1

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._ours >= 0

    @property
    def descriptor(self) -> int:
        """Our end's file descriptor, for an event loop; -1 while unplugged."""
        return self._ours

    def plug(self) -> None:
        """Make the port and its link; a link that an earlier run has left is replaced.

        Raises:
            LineError: something that is no link to a terminal is in the way, or the folder cannot be written.
        """
        if self.plugged:
            return
        if self.link.is_symlink() and str(self.link.readlink()).startswith("/dev/pts/"):
            self.link.unlink()
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        try:
            self.link.symlink_to(os.ttyname(self._theirs))
        except OSError as error:
            self._close()
            raise LineError(
                f"{self.link}: found {error.strerror}, expected a free name in a folder that we may write to"
            ) from error

    def unplug(self) -> None:
        """Take the port away: readers get a hang-up, and the link is gone unless it has become another's."""
        if not self.plugged:
            return
        with contextlib.suppress(FileNotFoundError):
            if self.link.is_symlink() and str(self.link.readlink()) == os.ttyname(self._theirs):
                self.link.unlink()
        self._close()

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens while unplugged."""
        if not self.plugged:
            return
        if self.unread_bytes() > UNREAD_BYTES:
            termios.tcflush(self._theirs, termios.TCIFLUSH)
        with contextlib.suppress(BlockingIOError):
            self.sent_bytes += os.write(self._ours, data)

    def read(self) -> bytes:
        """Return what the other side has sent since the last call."""
        if not self.plugged:
            return b""
        try:
            heard = os.read(self._ours, 4096)
        except BlockingIOError:
            return b""
        self.heard_bytes += len(heard)
        return heard

    def unread_bytes(self) -> int:
        """Return how much waits for the other side to read it."""
        count: int = struct.unpack("i", fcntl.ioctl(self._theirs, termios.FIONREAD, bytes(4)))[0]
        return count

    def _close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = self._theirs = -1
