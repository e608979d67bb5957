"""A relay on a GPIO line, through libgpiod 2 and the kernel's character device: kind `gpio`.

The line is asked for as an output that begins inactive, in one request, so it never passes through *closed* on its way
to us; for as long as this process has it, the kernel gives it to nobody else. What is read back is the level of the
pin, not the contact behind it: a relay without power, or one that is welded, is not seen. Only the very first reading,
before any order, takes the line as it is and moves nothing: it tells what a predecessor left behind.

When its process ends, however it ends, the kernel takes the line back and promises nothing about its level (libgpiod,
gpioset(1)). A Raspberry Pi keeps it, so a contact may stay closed, until `release` asks for the line anew and makes it
inactive; there it stays. A kernel that makes the pin an input again leaves it to the resistor on the board: choose a
board whose resistor holds the contact open.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from actuator.relay import libgpiod
from actuator.relay.config import GpioRelay
from actuator.relay.lock import hold, let_go
from actuator.relay.protocol import RelayError, RelayHeldError

if TYPE_CHECKING:
    from gpiod.line import Direction

_NAME = "generator-actuator"


class Gpio:
    """The contact on one line. Asks for its line again after the chip was unplugged, and then it is open.

    A chip that is plugged in again may come back under another number: `chip` may be a link that udev makes to it.
    """

    can_read_back = True
    lease: float | None = None

    def __init__(self, config: GpioRelay, *, exclusive: bool, open_chip: libgpiod.OpenChipAt | None = None) -> None:
        self._line = f"GPIO line {config.line} of {config.chip}"
        self.description = f"{self._line} (its pin is read back, not its contact)"
        self._config, self._exclusive = config, exclusive
        self._open_chip = libgpiod.load() if open_chip is None else open_chip
        self._held = ""
        self._request: libgpiod.Request | None = None
        self._untouched = True

    def open_contact(self) -> None:
        """Make the line inactive."""
        self._set(active=False)

    def close_contact(self) -> None:
        """Make the line active."""
        self._set(active=True)

    def renew(self) -> None:
        """Do nothing: a line has no lease."""

    def read_back(self) -> bool | None:
        """Return whether the pin is at its active level."""
        from gpiod.line import Direction, Value  # noqa: PLC0415 - an extra

        first, self._untouched = self._untouched, False
        request = self._connect(Direction.AS_IS if first else Direction.OUTPUT)
        try:
            return request.get_value(self._config.line) is Value.ACTIVE
        except OSError as error:
            self.disconnect()
            raise RelayError(f"{self._line} cannot be read: {error}") from error
        finally:
            if first:
                self.disconnect()

    def disconnect(self) -> None:
        """Let go of the line."""
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def let_go(self) -> None:
        """Let go of the line, and let another controller have it."""
        self.disconnect()
        let_go(self._held)

    def _set(self, *, active: bool) -> None:
        from gpiod.line import Direction, Value  # noqa: PLC0415 - an extra

        self._untouched = False
        request = self._connect(Direction.OUTPUT)
        try:
            request.set_value(self._config.line, Value.ACTIVE if active else Value.INACTIVE)
        except OSError as error:
            self.disconnect()
            raise RelayError(f"{self._line} cannot be set: {error}") from error

    def _connect(self, direction: Direction) -> libgpiod.Request:
        if self._request is None:
            if self._exclusive:
                self._hold()
            self._request = self._requested(direction)
        return self._request

    def _hold(self) -> None:
        """Hold the line by name too, which names the other controller, and lasts while the line is asked for anew."""
        name = f"gpio {os.path.realpath(self._config.chip)} line {self._config.line}"
        if name != self._held:
            let_go(self._held)
        hold(name)
        self._held = name

    def _requested(self, direction: Direction) -> libgpiod.Request:
        from gpiod import LineSettings  # noqa: PLC0415 - an extra
        from gpiod.line import Value  # noqa: PLC0415

        settings = LineSettings(direction, active_low=self._config.active_low, output_value=Value.INACTIVE)
        with self._opened() as chip:
            try:
                return chip.request_lines({self._config.line: settings}, f"{_NAME} {os.getpid()}")
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno == errno.EBUSY:
                    raise self._busy(chip) from None
                raise RelayError(f"{self._line} cannot be had: {self._why_not(chip, error)}") from error

    def _opened(self) -> libgpiod.OpenChip:
        path = self._config.chip
        try:
            return self._open_chip(path)
        except OSError as error:
            why = f"cannot be opened: {error}"
            if error.errno in (errno.ENODEV, errno.ENOTTY, errno.EINVAL) and Path(path).exists():
                why = f"is no GPIO chip ({error})"
            elif isinstance(error, PermissionError):
                why = (
                    "may not be opened: install deploy/udev/60-generator-relay.rules and run as a member of the group "
                    f"gpio ({error})"
                )
            raise RelayError(f"{path} {why}") from error

    def _why_not(self, chip: libgpiod.OpenChip, error: Exception) -> str:
        """Return why the kernel does not give the line, in words where it is for a wrong number or name."""
        try:
            lines = chip.get_info().num_lines
        except OSError:
            return str(error)
        line = self._config.line
        if isinstance(line, int) and line >= lines:
            return f"the chip has lines 0 to {lines - 1}"
        if isinstance(error, OSError) and error.errno == errno.ENOENT:
            return "the chip has no line of that name"
        return str(error)

    def _busy(self, chip: libgpiod.OpenChip) -> RelayError:
        try:
            holder = chip.get_line_info(self._config.line).consumer
        except OSError:
            holder = ""
        name, _, process = holder.rpartition(" ")
        if name != _NAME:
            who = f'"{holder}"' if holder else "another program or a driver"
            return RelayHeldError(f"{self._line} is held by {who}: stop that first, or choose another line")
        if process == str(os.getpid()):
            return RelayError(f"{self._line} is still held by an earlier attempt of this process that hangs")
        return RelayHeldError(
            f"{self._line} is held by {_NAME} (process {process}), and the kernel gives it to nobody else: "
            f'switch it off there with "{_NAME} mode off", or stop its service'
        )
