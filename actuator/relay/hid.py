"""A channel of the USB relay boards 16c0:05df, product "USBRelay1" to "USBRelay8", made by dcttech and others.

`toolkit.usb_relay` finds and reads them; here are the commands: `FF n` closes channel n, `FD n` opens it, in the same
feature report, which hidapi makes 9 bytes in both directions.
Sources: pavel-a/usb-relay-hid and darrylb123/usbrelay (GPL, read for facts), thmahe/usbrelay-firmware.

The board holds its contacts for as long as it has power, also when this process dies.
"""

from __future__ import annotations

import os
from typing import Annotated, ClassVar

import hidraw
import msgspec

from actuator.relay.errors import RelayError
from actuator.relay.protocol import Relay, RelayConfig
from toolkit import usb_relay
from toolkit.replace import replace
from toolkit.usb_relay import Backend, boards

_CLOSE, _OPEN = 0xFF, 0xFD


class Board:
    """One board that is plugged in, opened."""

    def __init__(self, backend: Backend, path: bytes, channels: int) -> None:
        self.path = os.fsdecode(path)
        self.channels = channels
        try:
            self._device = usb_relay.opened(backend, path)
        except OSError as error:
            raise RelayError(f"USB relay board {self.path}: {error}") from error

    def serial(self) -> str:
        """Return the five characters that the board keeps; bytes that are no text become question marks."""
        return usb_relay.serial(self._report())

    def state(self, channel: int) -> bool:
        """Return whether the board reports the channel, counted from one, closed."""
        return usb_relay.is_closed(self._report(), channel)

    def write(self, command: int, channel: int) -> None:
        """Send a command for one channel."""
        try:
            sent = self._device.send_feature_report([0, command, channel, 0, 0, 0, 0, 0, 0])
        except (OSError, ValueError) as error:
            raise RelayError(f"USB relay board {self.path} did not accept the command: {error}") from error
        if sent != usb_relay.REPORT:
            raise RelayError(
                f"USB relay board {self.path} did not accept the command: hidapi returned {sent}, "
                f"expected {usb_relay.REPORT}"
            )

    def close(self) -> None:
        """Close the device."""
        self._device.close()

    def _report(self) -> list[int]:
        try:
            return usb_relay.report(self._device)
        except OSError as error:
            raise RelayError(f"USB relay board {self.path} {error}") from error


class HidRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hid"):
    """A channel of a USB relay board 16c0:05df.

    Attributes:
        channel: counted from one.
        serial: the five characters that the board keeps, or the path of its hidraw device; needed with several boards.
    """

    HINTS: ClassVar = dict.fromkeys(("usb", "usbrelay", "dcttech", "16c0:05df"), 'did you mean "hid"?')

    channel: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    serial: str | None = None

    def make_relay(self, *, exclusive: bool = True) -> Hid:
        """See RelayConfig."""
        return Hid(self, exclusive=exclusive)

    def contact(self) -> HidRelay:
        """Return the channel, and the board by its serial number or by the device to which its path leads now."""
        if self.serial is None or not self.serial.startswith("/"):
            return self
        return replace(self, serial=os.path.realpath(self.serial))


class Hid(Relay):
    """The contact of one channel; finds its board again after it was unplugged."""

    def __init__(self, config: HidRelay, *, exclusive: bool, backend: Backend = hidraw) -> None:
        super().__init__(exclusive=exclusive)
        chosen = "" if config.serial is None else f" {config.serial}"
        self.description = f"channel {config.channel} of USB relay board{chosen}"
        self._config, self._backend = config, backend
        self._board: Board | None = None

    def open_contact(self) -> None:
        """Open."""
        self._write(_OPEN)

    def close_contact(self) -> None:
        """Close."""
        self._write(_CLOSE)

    def read_back(self) -> bool | None:
        """Return whether the board reports the channel closed."""
        board = self._connected()
        try:
            return board.state(self._config.channel)
        except RelayError:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Close the board's device."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def _write(self, command: int) -> None:
        board = self._connected()
        try:
            board.write(command, self._config.channel)
        except RelayError:
            self.disconnect()
            raise

    def _connected(self) -> Board:
        if self._board is None:
            board = self._select()
            try:
                self._check_and_lock(board)
            except RelayError:
                board.close()
                raise
            self._board = board
        return self._board

    def _check_and_lock(self, board: Board) -> None:
        if self._config.channel > board.channels:
            raise RelayError(
                f"USB relay board {board.path} has {board.channels} channels, the configuration asks for "
                f"channel {self._config.channel}"
            )
        self._lock.acquire(f"USB relay {os.path.realpath(board.path)} channel {self._config.channel}")

    def _select(self) -> Board:
        found = boards(self._backend)
        wanted = self._config.serial
        if not found:
            raise RelayError("no USB relay board 16c0:05df (USBRelay1 to USBRelay8) is plugged in")
        if wanted is None:
            if len(found) > 1:
                raise RelayError(
                    f"got {len(found)} USB relay boards ({self._listed(found)}), "
                    "expected one: choose it with serial: in the configuration"
                )
            return Board(self._backend, *found[0])
        if wanted.startswith("/"):
            chosen = [entry for entry in found if os.path.realpath(os.fsdecode(entry[0])) == os.path.realpath(wanted)]
            if chosen:
                return Board(self._backend, *chosen[0])
        return self._by_serial(found, wanted)

    def _by_serial(self, found: list[tuple[bytes, int]], wanted: str) -> Board:
        matching: list[Board] = []
        for path, channels in found:
            board = Board(self._backend, path, channels)
            try:
                matches = board.serial() == wanted
            except RelayError:
                matches = False
            if matches:
                matching.append(board)
            else:
                board.close()
        if len(matching) == 1:
            return matching[0]
        for board in matching:
            board.close()
        many = "no USB relay board" if not matching else f"{len(matching)} USB relay boards"
        raise RelayError(f"{many} with serial {wanted}; plugged in: {self._listed(found)}")

    def _listed(self, found: list[tuple[bytes, int]]) -> str:
        return ", ".join(describe(self._backend, path, channels) for path, channels in found)


def describe(backend: Backend, path: bytes, channels: int) -> str:
    """Return a board's serial number and path for a person, also when it cannot be opened."""
    try:
        board = Board(backend, path, channels)
    except RelayError:
        return f"serial unknown at {os.fsdecode(path)}"
    try:
        return f"serial {board.serial()} at {board.path}"
    except RelayError:
        return f"serial unknown at {board.path}"
    finally:
        board.close()
