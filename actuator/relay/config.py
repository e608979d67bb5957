"""The `relay:` part of the configuration: one struct for each kind of relay."""

from __future__ import annotations

from typing import Annotated

import msgspec

from actuator.relay import libgpiod
from toolkit.config import Duration
from toolkit.modbus import SerialAddress, TcpAddress, parse

SHORTEST_LEASE = 3.0
"""Seconds; the contact is read back once a second, and a lease is renewed only on what that read-back says."""

LONGEST_LEASE = 60.0
"""Seconds for which a contact may stay closed after we died; boards also differ in the longest time they can count."""


class ModbusRelay(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="modbus", tag_field="type"
):
    """A coil of a Modbus board.

    Attributes:
        url: `tcp://host:port` or `rtu:///dev/…?baudrate=…`.
        unit_id: the board's address.
        coil: counted from zero.
        lease: seconds after which the board opens the contact by itself unless told again; needs a board with the
            flash-on command of the Waveshare family. Absent: plain on and off.
    """

    url: str
    unit_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    coil: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    lease: Duration | None = None

    def __post_init__(self) -> None:
        """Refuse an address that is none, and a lease that no board or no owner could live with."""
        if isinstance(self.address(), SerialAddress) and not 1 <= self.unit_id <= 247:
            raise ValueError(f"found unit_id {self.unit_id}, expected 1 to 247 on a serial line")
        if self.lease is None:
            return
        if not SHORTEST_LEASE <= self.lease <= LONGEST_LEASE:
            raise ValueError(
                f"found lease {self.lease:g}s, expected {SHORTEST_LEASE:g}s to {LONGEST_LEASE:g}s: "
                "it is how long the engine may run on after the host has died, and it is renewed on each read-back"
            )
        if self.coil > 255:
            raise ValueError(
                f"found coil {self.coil} with lease, expected 0 to 255: the board's timed command has no more"
            )

    def address(self) -> TcpAddress | SerialAddress:
        """Return where the board is."""
        # Two programs may reach a serial adapter on the network, and neither would know: only a port of this machine.
        return parse(self.url, network_serial=False)


class HidRelay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hid", tag_field="type"):
    """A channel of a USB relay board 16c0:05df.

    Attributes:
        channel: counted from one.
        serial: the five characters the board keeps, or the path of its hidraw device; needed when there are several.
    """

    channel: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    serial: str | None = None


class GpioRelay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="gpio", tag_field="type"):
    """A relay on a line of a GPIO chip, such as a Raspberry Pi's header.

    Attributes:
        chip: path of the chip's device.
        line: its number on that chip, or the name that the kernel has for it.
        active_low: the relay closes when the pin is low, as most boards with an optocoupler do.
    """

    chip: str
    line: Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(min_length=1)]
    active_low: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no path, and a machine that lacks the package."""
        _refuse_no_path("chip", self.chip, "/dev/gpiochip0")
        libgpiod.load()


class SerialRelay(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="serial", tag_field="type"
):
    """A channel of an LCUS board on a serial port; it cannot be read back.

    Attributes:
        port: path of the port; one of /dev/serial/by-id or by-path stays the same when ports are numbered anew.
        channel: counted from one.
    """

    port: str
    channel: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1

    def __post_init__(self) -> None:
        """Refuse what is no path."""
        _refuse_no_path("port", self.port, "/dev/ttyUSB3")


def _refuse_no_path(name: str, found: str, example: str) -> None:
    if not found.startswith("/"):
        raise ValueError(f'found {name} "{found}", expected a path such as {example}')


class SimulatedRelay(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="simulated", tag_field="type"
):
    """A contact in memory; it moves nothing."""


RelayConfig = ModbusRelay | HidRelay | GpioRelay | SerialRelay | SimulatedRelay


def plain(config: RelayConfig) -> dict[str, object]:
    """Return the configuration as it would be written in a file, for a copy that is kept elsewhere."""
    document: dict[str, object] = {"type": config.__struct_config__.tag}
    for name in config.__struct_fields__:
        value = getattr(config, name)
        document[name] = f"{value:g}s" if isinstance(value, Duration) else value
    return document
