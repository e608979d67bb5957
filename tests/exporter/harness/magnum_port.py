"""A serial port that plays packets of the Magnum bus."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterable
from pathlib import Path

CYCLE_IDLE = 0.05
BETWEEN_PACKETS = 0.01


class MagnumPort:
    """A pseudo-terminal behind a link, as an adapter has a by-id name; it sends packets at bus pace or at once."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master = -1

    def plug(self) -> None:
        """Make a new terminal and its link."""
        self.master, follower = os.openpty()
        tty.setraw(follower)
        self.name.symlink_to(os.ttyname(follower))
        os.close(follower)

    def unplug(self) -> None:
        """Remove the terminal and its link."""
        self.name.unlink(missing_ok=True)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def write(self, packets: Iterable[bytes], *, gaps: bool = True) -> None:
        """Send packets; with `gaps`, 50 ms pass before each inverter packet and 10 ms before each other one."""
        for packet in packets:
            if gaps:
                time.sleep(CYCLE_IDLE if len(packet) in (16, 21) and packet[-1] == 0 else BETWEEN_PACKETS)
            os.write(self.master, packet)

    def repeat(self, packets: Iterable[bytes], until: threading.Event) -> threading.Thread:
        """Send packets over and over in a thread until the event is set."""
        sent = list(packets)

        def run() -> None:
            while not until.is_set():
                for packet in sent:
                    time.sleep(BETWEEN_PACKETS)
                    if until.is_set():
                        return
                    os.write(self.master, packet)
                time.sleep(CYCLE_IDLE)

        thread = threading.Thread(target=run)
        thread.start()
        return thread
