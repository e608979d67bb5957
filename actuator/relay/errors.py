"""How a relay fails."""

from __future__ import annotations


class RelayError(Exception):
    """The board did not do, or did not confirm, what it was commanded; the text names the board and the cause."""


class RelayHeldError(RelayError):
    """Another controller holds this relay."""
