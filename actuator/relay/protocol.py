"""The interface of a relay driver, and of its part of the configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from actuator.relay.lock import Lock
from toolkit.config import ConfigError, Duration


class Relay(ABC):
    """One contact. Every method blocks, for a few seconds at most, and connects to the device when it has to.

    A method that raises RelayError leaves the contact in an unknown position.

    Args:
        exclusive: hold the relay against other controllers; see `Lock`.

    Attributes:
        description: names the contact to a person, such as "coil 0 of unit 1 at tcp://192.168.1.30:502".
        can_read_back: the board can report the position of its contact.
        lease: seconds after which a closed contact opens by itself unless renewed; None: it stays closed.
    """

    description: str
    can_read_back: bool = True
    lease: float | None = None

    def __init__(self, *, exclusive: bool) -> None:
        self._lock = Lock(exclusive=exclusive)

    @abstractmethod
    def open_contact(self) -> None:
        """Command the board to open the contact."""

    @abstractmethod
    def close_contact(self) -> None:
        """Command the board to close the contact, for the lease where there is one."""

    def renew(self) -> None:
        """Command the board to keep a closed contact closed for another lease; without a lease: nothing."""
        return

    @abstractmethod
    def read_back(self) -> bool | None:
        """Return whether the board reports the contact closed; None when it cannot report it."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close the device without moving the contact; the next call opens it again. Raises nothing."""

    def dispose(self) -> None:
        """Disconnect and release the lock, so that another controller can have the relay. Raises nothing."""
        self.disconnect()
        self._lock.release()


class RelayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """The `relay:` part of the configuration; `type` names the kind.

    Attributes:
        HINTS: hint for the error message, by the wrong word written as `type`.
    """

    HINTS: ClassVar[Mapping[str, str]] = {"mqtt": "no relay is switched over MQTT"}

    @abstractmethod
    def make_relay(self, *, exclusive: bool = True) -> Relay:
        """Return the driver, not yet connected.

        Args:
            exclusive: hold the relay against other controllers. `release` does not, so that it works while one runs.
        """
        raise NotImplementedError

    def contact(self) -> Self:
        """Return what identifies the contact: two configurations of one contact return the same."""
        return self

    def plain(self) -> dict[str, object]:
        """Return the configuration as it would be written in a file, for a copy that is kept elsewhere."""
        document: dict[str, object] = {"type": self.__struct_config__.tag}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            document[name] = f"{value:g}s" if isinstance(value, Duration) else value
        return document


def require_path(name: str, value: str, example: str) -> None:
    """Refuse a field of the configuration that is no absolute path.

    Raises:
        ConfigError: it is none.
    """
    if not value.startswith("/"):
        raise ConfigError(name, f'"{value}"', f"a path such as {example}")
