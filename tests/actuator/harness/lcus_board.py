"""A synthetic LCUS board of two channels on a pty: what its maker's protocol says, and nothing of the driver.

Each command is A0, the channel from 1, 1 or 0, and the sum of the three; everything else is passed over. It keeps its
contacts when the port is closed, as the real ones do while they have power, and answers nothing.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self


class LcusBoard:
    """Plugged in at `path`, a symbolic link that leads to another port after each plugging, as udev's names do.

    Attributes:
        orders: (monotonic seconds, the four bytes) of each right command.
        strays: what else has come.
        dead: the processor does nothing any more; the adapter still takes bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.orders: list[tuple[float, bytes]] = []
        self.strays = b""
        self.dead = False
        self._contacts = [False, False]
        self._ends: tuple[int, int] | None = None

    def closed(self, channel: int = 1) -> bool:
        return self._contacts[channel - 1]

    def close_by_hand(self, channel: int = 1) -> None:
        self._contacts[channel - 1] = True

    @property
    def sent(self) -> list[bytes]:
        return [order for _, order in self.orders]

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unplug()

    def plug(self) -> None:
        """Power comes: the contacts are open."""
        self._contacts = [False, False]
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self._ends = ours, theirs
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(theirs))
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ours, self._gone), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Power goes, and the port with it."""
        if self._ends is None:
            return
        self._gone.set()
        self._thread.join(5)
        self.path.unlink()
        for end in self._ends:
            os.close(end)
        self._ends = None
        self._contacts = [False, False]

    def _serve(self, ours: int, gone: threading.Event) -> None:
        received = b""
        while not gone.is_set():
            if not select.select([ours], [], [], 0.02)[0]:
                continue
            received += os.read(ours, 512)
            while len(received) >= 4:
                order = received[:4]
                start, channel, position, check = order
                if self.dead or start != 0xA0 or channel not in (1, 2) or position > 1:
                    self.strays, received = self.strays + received[:1], received[1:]
                    continue
                if check != (start + channel + position) % 256:
                    self.strays, received = self.strays + received[:1], received[1:]
                    continue
                self._contacts[channel - 1] = position == 1
                self.orders.append((time.monotonic(), order))
                received = received[4:]
