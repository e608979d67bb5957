"""A serial port that can be unplugged: a pseudo-terminal behind a link with a fixed name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path

UNREAD_BYTES = 2048
"""The most that waits for an absent or slow reader: 5 s of the bus."""


class LinkError(Exception):
    """The link cannot be made; str() gives the reason and what to do."""


class PseudoTerminal:
    """Our end of a serial line; while it is plugged in, `link` is the path of the other end.

    Bytes that nobody reads in time are lost, as on a wire. `received_bytes` counts what the other end has sent:
    0 when it only listens.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self.sent_bytes = 0
        self.received_bytes = 0
        self._our_end = self._other_end = -1

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._our_end >= 0

    @property
    def descriptor(self) -> int:
        """The file descriptor of our end, for an event loop; -1 while unplugged."""
        return self._our_end

    def plug(self) -> None:
        """Make the port and its link; replace a link that an earlier run left behind.

        Raises:
            LinkError: the path exists and is no link to a terminal, or the folder is not writable.
        """
        if self.plugged:
            return
        if self.link.is_symlink() and str(self.link.readlink()).startswith("/dev/pts/"):
            self.link.unlink()
        self._our_end, self._other_end = os.openpty()
        tty.setraw(self._other_end)
        os.set_blocking(self._our_end, False)
        try:
            self.link.symlink_to(os.ttyname(self._other_end))
        except OSError as error:
            self._close()
            raise LinkError(f"{self.link}: got {error.strerror}, expected a free name in a writable folder") from error

    def unplug(self) -> None:
        """Remove the port: readers get a hang-up. The link goes too, unless it leads to another port by now."""
        if not self.plugged:
            return
        with contextlib.suppress(FileNotFoundError):
            if self.link.is_symlink() and str(self.link.readlink()) == os.ttyname(self._other_end):
                self.link.unlink()
        self._close()

    def write(self, data: bytes) -> None:
        """Send bytes; do nothing while unplugged."""
        if not self.plugged:
            return
        if self.unread_bytes() > UNREAD_BYTES:
            termios.tcflush(self._other_end, termios.TCIFLUSH)
        with contextlib.suppress(BlockingIOError):
            self.sent_bytes += os.write(self._our_end, data)

    def read(self) -> bytes:
        """Return what the other end has sent since the last call."""
        if not self.plugged:
            return b""
        try:
            data = os.read(self._our_end, 4096)
        except BlockingIOError:
            return b""
        self.received_bytes += len(data)
        return data

    def unread_bytes(self) -> int:
        """Return how many bytes the other end has not read yet."""
        count: int = struct.unpack("i", fcntl.ioctl(self._other_end, termios.FIONREAD, bytes(4)))[0]
        return count

    def _close(self) -> None:
        os.close(self._our_end)
        os.close(self._other_end)
        self._our_end = self._other_end = -1
