"""The configuration in force: the file, overlaid by the recorded profile and edits; and reading the file again."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from actuator import config as configuration
from actuator.config import Config
from actuator.config_warnings import warnings
from actuator.core import overlay
from actuator.core.events import Event
from actuator.core.state import Durable
from toolkit import log
from toolkit.config import ConfigError
from toolkit.worker_thread import Worker

FILE_SECONDS = 10.0
"""For reading the configuration file again."""

_log = log.get(__name__)


class Configuration:
    """What the settings are now.

    Attributes:
        file: what the configuration file has.
        in_force: the file, the profile and the edits.
    """

    def __init__(self, config: Config, path: Path) -> None:
        self.file = self.in_force = config
        self._path = path
        self._overlaid: tuple[str, dict[str, Any]] = ("", {})
        # Of its own: a default executor is shared, and a name server that hangs fills it.
        self._reader = Worker("configuration")

    async def read(self, users: Collection[str]) -> Config:
        """Read the file again, and check it.

        Args:
            users: of `--web.config.file`; `access` may name no others.

        Raises:
            ConfigError: it is wrong.
            DeadlineError: it cannot be read.
        """
        new = await self._reader.do(partial(configuration.load, self._path), FILE_SECONDS)
        if new.access is not None:
            new.access.check(users, self._path)
        return new

    def check_change(self, new: Config, *, contact_open: bool) -> None:
        """Check that a new file can be put in force now.

        Raises:
            ConfigError: it needs a restart, or the contact to be open first.
        """
        file = str(self._path)
        for name in ("journal", "mirror"):
            given, present = getattr(new, name), getattr(self.in_force, name)
            if given != present:
                raise ConfigError(
                    name, f"{given or 'none'} instead of {present or 'none'}", "a restart for that", file=file
                )
        if new.relay != self.in_force.relay and not contact_open:
            raise ConfigError("relay", "a change", "the contact of the old one to be open first", file=file)

    def is_overlaid(self, durable: Durable) -> bool:
        """Return whether the recorded profile and edits are in force."""
        return self._overlaid == (durable.profile, durable.edits)

    def overlay(self, durable: Durable) -> tuple[Durable, Event | None]:
        """Put the file with the recorded profile and edits in force; drop these as a whole if they do not fit it.

        Returns:
            The record, and the event that they were dropped; None: they fit.
        """
        event = None
        try:
            self.in_force = self.file.overlaid(durable.profile, durable.edits)
        except ConfigError as error:
            durable, event = overlay.dropped(durable, str(error))
            self.in_force = self.file.overlaid(durable.profile, durable.edits)
        self._overlaid = durable.profile, durable.edits
        return durable, event

    def log_warnings(self) -> None:
        """Log what is unusual in it."""
        for sentence in warnings(self.in_force):
            _log.warning("unusual configuration", text=sentence)
