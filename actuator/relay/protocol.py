"""What every relay can do: the one protocol that the drivers share, and how they fail."""

from __future__ import annotations

from typing import Protocol


class RelayError(Exception):
    """The board did not do, or did not confirm, what it was told; the text says which board and what happened."""


class RelayHeldError(RelayError):
    """Another controller holds this relay."""


class Relay(Protocol):
    """One contact. Every method blocks, for a few seconds at most, and connects by itself when it has to.

    A method that raises RelayError leaves the contact in an unknown position.

    Attributes:
        description: names the contact to a person, such as "coil 0 of unit 1 at tcp://192.168.1.30:502".
        can_read_back: the board can say where its contact is.
        lease: seconds after which a closed contact opens by itself unless renewed; None: it stays.
    """

    @property
    def description(self) -> str: ...  # noqa: D102 - see above

    @property
    def can_read_back(self) -> bool: ...  # noqa: D102 - see above

    @property
    def lease(self) -> float | None: ...  # noqa: D102 - see above

    def open_contact(self) -> None:
        """Tell the board to open the contact."""

    def close_contact(self) -> None:
        """Tell the board to close the contact, for the lease where there is one."""

    def renew(self) -> None:
        """Tell the board to keep a closed contact closed for another lease; without a lease: nothing."""

    def read_back(self) -> bool | None:
        """Return whether the board says that the contact is closed; None when it cannot say."""

    def disconnect(self) -> None:
        """Let go of the device without moving the contact; the next call connects anew. Raises nothing."""

    def let_go(self) -> None:
        """Disconnect, and let another controller have the relay. Raises nothing."""
