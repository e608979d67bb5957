"""A relay whose opening hangs."""

from __future__ import annotations

import threading

from actuator.relay.simulated import Simulated


class Hanging(Simulated):
    """Synthetic: hangs for as long as `free` is not set."""

    def __init__(self, free: threading.Event) -> None:
        super().__init__()
        self._free = free

    def open_contact(self) -> None:
        self._free.wait(30)
        super().open_contact()
