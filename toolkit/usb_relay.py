"""The USB relay boards 16c0:05df, product "USBRelay1" to "USBRelay8": found and read, never commanded.

One vendor feature report of 8 bytes without a report number: five characters of serial number, two zeros, and a bit
for each channel (bit 0 is channel 1). hidapi puts the report number 0 in front, so it is 9 bytes here; asked for 8, it
drops the state byte: every channel looks open.
Sources: pavel-a/usb-relay-hid and darrylb123/usbrelay (GPL, read for facts), thmahe/usbrelay-firmware.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import hidraw

VENDOR, PRODUCT = 0x16C0, 0x05DF
REPORT = 9
"""Bytes of the report, with its number."""

_NAME = re.compile(r"USBRelay([1-8])")


class Device(Protocol):
    """The part of hidapi's device that is used."""

    def open_path(self, path: bytes) -> None: ...  # noqa: D102 - hidapi's own
    def send_feature_report(self, data: Sequence[int]) -> int: ...  # noqa: D102
    def get_feature_report(self, report: int, size: int) -> list[int]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Backend(Protocol):
    """The part that is used of the module hidraw, which hidapi's wheel installs for Linux' own driver.

    Its sibling `hid` is the libusb build and bypasses the kernel's driver; another package on PyPI has that name too.
    """

    def enumerate(self, vendor: int, product: int) -> list[dict[str, Any]]: ...  # noqa: D102
    def device(self) -> Device: ...  # noqa: D102


class Found(NamedTuple):
    """A board that is plugged in.

    Attributes:
        path: of its device.
        channels: how many contacts it has.
        serial: the five characters that it keeps; empty: none.
        closed: of each channel, whether it is reported closed; None: the board cannot be read.
        fault: why not.
    """

    path: str
    channels: int
    serial: str = ""
    closed: tuple[bool, ...] | None = None
    fault: str = ""


def boards(backend: Backend = hidraw) -> list[tuple[bytes, int]]:
    """Return path and number of channels of each board that is plugged in."""
    # Many hobby devices share this vendor and product number: the name distinguishes them.
    named = (
        (entry["path"], _NAME.fullmatch(entry["product_string"] or "")) for entry in backend.enumerate(VENDOR, PRODUCT)
    )
    return sorted((path, int(name[1])) for path, name in named if name)


def found(backend: Backend = hidraw) -> Iterator[Found]:
    """Yield each board that is plugged in, with the positions of its contacts, which are not moved."""
    for name, channels in boards(backend):
        path = os.fsdecode(name)
        try:
            device = opened(backend, name)
        except OSError as error:
            yield Found(path, channels, fault=str(error))
            continue
        try:
            data = report(device)
        except OSError as error:
            yield Found(path, channels, fault=str(error))
        else:
            closed = tuple(is_closed(data, channel) for channel in range(1, channels + 1))
            yield Found(path, channels, serial(data), closed)
        finally:
            device.close()


def opened(backend: Backend, path: bytes) -> Device:
    """Return the board's device, opened; raises OSError with the reason and the remedy."""
    device = backend.device()
    try:
        device.open_path(path)
    except OSError as error:
        name = os.fsdecode(path)
        if Path(name).exists() and not os.access(name, os.R_OK | os.W_OK):
            remedy = "install deploy/udev/60-generator-relay.rules, or run as its group"
            raise OSError(f"no permission to open it: {remedy} ({error})") from error
        raise OSError(f"cannot be opened: {error}") from error
    return device


def report(device: Device) -> list[int]:
    """Return the board's report; raises OSError with the reason."""
    try:
        data = device.get_feature_report(0, REPORT)
    except (OSError, ValueError) as error:
        raise OSError(f"cannot be read: {error}") from error
    if len(data) != REPORT:
        raise OSError(f"reported {len(data)} bytes, expected {REPORT}")
    return data


def serial(data: Sequence[int]) -> str:
    """Return the five characters that the board keeps; bytes that are no text become question marks."""
    return bytes(data[1:6]).decode("ascii", "replace").replace("\ufffd", "?").strip("\0 ")


def is_closed(data: Sequence[int], channel: int) -> bool:
    """Return whether a report has the channel, counted from one, closed."""
    return bool(data[8] >> (channel - 1) & 1)


def configured(board: Found, *, alone: bool, channel: int = 1) -> str:
    """Return the relay of a configuration file for a channel of a board; `alone`: it is the only one."""
    if board.serial.isalnum():
        return f"{{type: hid, channel: {channel}, serial: {board.serial}}}"
    # The path changes at the next plug-in, and a single board needs no choice.
    if alone:
        return f"{{type: hid, channel: {channel}}}"
    return f"{{type: hid, channel: {channel}, serial: {board.path}}}  # this path may change at the next plug-in"
