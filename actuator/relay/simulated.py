"""A contact in memory, for trying things out; it moves nothing."""

from __future__ import annotations


class Simulated:
    """A contact that does what it is told and is open when the process starts."""

    description = "simulated contact (moves nothing)"
    can_read_back = True
    lease: float | None = None

    def __init__(self) -> None:
        self._closed = False

    def open_contact(self) -> None:
        """Open."""
        self._closed = False

    def close_contact(self) -> None:
        """Close."""
        self._closed = True

    def renew(self) -> None:
        """Do nothing: there is no lease."""

    def read_back(self) -> bool | None:
        """Return whether it is closed."""
        return self._closed

    def disconnect(self) -> None:
        """Do nothing: there is no device."""

    def let_go(self) -> None:
        """Do nothing: nobody else can reach it."""
