"""A relay on a GPIO line, through libgpiod 2 and the kernel's character device: kind `gpio`.

The line is requested as an output that begins inactive, in one call, so it is never *closed* in between. While this
process has the line, the kernel gives it to nobody else. The level of the pin is read back, not the contact behind it:
a relay without power or a welded contact is not noticed. Only the very first reading, before any command, requests the
line as it is and moves nothing: it shows what an earlier process left behind.

When its process ends, the kernel takes the line back and promises nothing about its level (libgpiod, gpioset(1)). A
Raspberry Pi keeps the level, so a contact may stay closed until `release` requests the line and makes it inactive; then
it stays inactive. If the kernel makes the pin an input again, the resistor on the board decides: choose a board whose
resistor holds the contact open.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from actuator.relay import libgpiod
from actuator.relay.errors import RelayError, RelayHeldError
from actuator.relay.protocol import Relay, RelayConfig, require_path
from toolkit.replace import replace

if TYPE_CHECKING:
    from gpiod.line import Direction

_NAME = "generator-actuator"


class GpioRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="gpio"):
    """A relay on a line of a GPIO chip, such as a Raspberry Pi's header.

    Attributes:
        chip: path of the chip's device.
        line: its number on that chip, or the kernel's name for it.
        active_low: the relay closes when the pin is low, as most boards with an optocoupler do.
    """

    HINTS: ClassVar = dict.fromkeys(("gpiod", "rpi", "raspberry"), 'did you mean "gpio"?')

    chip: str
    line: Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(min_length=1)]
    active_low: bool = False

    def __post_init__(self) -> None:
        """Refuse a chip that is no path, and a machine without the package."""
        require_path("chip", self.chip, "/dev/gpiochip0")
        libgpiod.load()

    def make_relay(self, *, exclusive: bool = True) -> Gpio:
        """See RelayConfig; the kernel holds a line for one process, whatever `exclusive` is."""
        return Gpio(self, exclusive=exclusive)

    def contact(self) -> GpioRelay:
        """Return chip and line: a pin of another polarity is the same one."""
        return replace(self, chip=os.path.realpath(self.chip), active_low=False)


class Gpio(Relay):
    """The contact on one line. Requests its line again after the chip was unplugged, and then it is open.

    A chip that is plugged in again may come back under another number: `chip` may be a link that udev makes to it.
    """

    def __init__(self, config: GpioRelay, *, exclusive: bool, open_chip: libgpiod.OpenChipAt | None = None) -> None:
        super().__init__(exclusive=exclusive)
        self._line = f"GPIO line {config.line} of {config.chip}"
        self.description = f"{self._line} (its pin is read back, not its contact)"
        self._config = config
        self._open_chip = libgpiod.load() if open_chip is None else open_chip
        self._request: libgpiod.Request | None = None
        self._untouched = True

    def open_contact(self) -> None:
        """Make the line inactive."""
        self._set(active=False)

    def close_contact(self) -> None:
        """Make the line active."""
        self._set(active=True)

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
        """Give the line back to the kernel."""
        request, self._request = self._request, None
        if request is not None:
            request.release()

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
            # Besides the kernel's lock: ours names the other controller, and lasts while the line is requested again.
            self._lock.acquire(f"gpio {os.path.realpath(self._config.chip)} line {self._config.line}")
            self._request = self._request_line(direction)
        return self._request

    def _request_line(self, direction: Direction) -> libgpiod.Request:
        from gpiod import LineSettings  # noqa: PLC0415 - an extra
        from gpiod.line import Value  # noqa: PLC0415

        settings = LineSettings(direction, active_low=self._config.active_low, output_value=Value.INACTIVE)
        with self._open_device() as chip:
            try:
                return chip.request_lines({self._config.line: settings}, f"{_NAME} {os.getpid()}")
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno == errno.EBUSY:
                    raise self._held_error(chip) from None
                raise RelayError(f"{self._line} cannot be requested: {self._reason(chip, error)}") from error

    def _open_device(self) -> libgpiod.OpenChip:
        path = self._config.chip
        try:
            return self._open_chip(path)
        except OSError as error:
            reason = f"cannot be opened: {error}"
            if error.errno in (errno.ENODEV, errno.ENOTTY, errno.EINVAL) and Path(path).exists():
                reason = f"is not a GPIO chip ({error})"
            elif isinstance(error, PermissionError):
                reason = (
                    "may not be opened: install deploy/udev/60-generator-relay.rules and run as a member of the group "
                    f"gpio ({error})"
                )
            raise RelayError(f"{path} {reason}") from error

    def _reason(self, chip: libgpiod.OpenChip, error: Exception) -> str:
        """Return why the kernel refuses the line; a wrong number or name in plain words."""
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

    def _held_error(self, chip: libgpiod.OpenChip) -> RelayError:
        try:
            holder = chip.get_line_info(self._config.line).consumer
        except OSError:
            holder = ""
        name, _, process = holder.rpartition(" ")
        if name != _NAME:
            who = f'"{holder}"' if holder else "another program or a driver"
            return RelayHeldError(f"{self._line} is held by {who}: stop that first, or choose another line")
        if process == str(os.getpid()):
            return RelayError(f"{self._line} is still held by an earlier command of this process that hangs")
        return RelayHeldError(
            f"{self._line} is held by {_NAME} (process {process}), and the kernel gives it to nobody else: "
            f'open it with "{_NAME} mode off", or stop that service'
        )
