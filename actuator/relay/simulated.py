"""A contact in memory, for trying things out: kind `simulated`. It moves nothing."""

from __future__ import annotations

from actuator.relay.protocol import Relay, RelayConfig


class SimulatedRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="simulated"):
    """A contact in memory; it moves nothing."""

    def make_relay(self, *, exclusive: bool = True) -> Simulated:
        """See RelayConfig."""
        return Simulated(exclusive=exclusive)


class Simulated(Relay):
    """A contact that obeys, and that is open when the process starts."""

    description = "simulated contact (moves nothing)"

    def __init__(self, *, exclusive: bool = True) -> None:
        super().__init__(exclusive=exclusive)
        self._closed = False

    def open_contact(self) -> None:
        """Open."""
        self._closed = False

    def close_contact(self) -> None:
        """Close."""
        self._closed = True

    def read_back(self) -> bool | None:
        """Return whether it is closed."""
        return self._closed

    def disconnect(self) -> None:
        """Do nothing: there is no device."""
