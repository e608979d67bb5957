"""A coil of a Modbus board, over TCP or RTU.

Plain on and off is FC05 (write single coil) and read-back is FC01 (read coils): MODBUS Application Protocol V1.1b3,
sections 6.1 and 6.5. A lease is the Waveshare family's "flash on": FC05 to 0x0200 + coil with a value of n x 100 ms,
after which the board itself opens the contact (Waveshare Modbus RTU Relay, protocol manual).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar

import msgspec

from actuator.relay.errors import RelayError
from actuator.relay.protocol import Relay, RelayConfig
from toolkit import modbus
from toolkit.config import Duration
from toolkit.modbus import SerialAddress, TcpAddress, parse
from toolkit.replace import replace

if TYPE_CHECKING:
    from toolkit.modbus.client import Client

TCP_TIMEOUT = 1.0
"""Seconds for a board to connect, and as many to answer."""

SERIAL_TIMEOUT = 0.5
"""Seconds for a board to answer, and for the line to count as quiet; a write and its echo take 20 ms at 9600 baud."""

_ON, _OFF = 0xFF00, 0x0000
_FLASH_ON = 0x0200

_EXCEPTIONS = {
    1: "it does not know the function",
    2: "it has no such coil",
    3: "it takes no such value",
    4: "it failed",
}

Answer = TypeVar("Answer")


SHORTEST_LEASE = 3.0
"""Seconds; the contact is read back once a second, and a lease is renewed only if it reads closed."""

LONGEST_LEASE = 60.0
"""Seconds for which a contact may stay closed after this program died; boards differ in the longest time they count."""


class ModbusRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="modbus"):
    """A coil of a Modbus board.

    Attributes:
        url: `tcp://host:port` or `rtu:///dev/…?baudrate=…`.
        unit_id: the board's address.
        coil: counted from zero.
        lease: the time after which the board opens the contact by itself unless renewed; needs a board with the
            flash-on command of the Waveshare family; None: plain on and off.
    """

    HINTS: ClassVar = dict.fromkeys(("tcp", "rtu", "modbus-tcp", "modbus-rtu", "waveshare"), 'did you mean "modbus"?')

    url: str
    unit_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    coil: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    lease: Duration | None = None

    def __post_init__(self) -> None:
        """Refuse an impossible address, and a lease that the board cannot count or that is not safe."""
        if isinstance(self.address(), SerialAddress) and not 1 <= self.unit_id <= 247:
            raise ValueError(f"got unit_id {self.unit_id}, expected 1 to 247 on a serial line")
        if self.lease is None:
            return
        if not SHORTEST_LEASE <= self.lease <= LONGEST_LEASE:
            raise ValueError(
                f"got lease {self.lease:g}s, expected {SHORTEST_LEASE:g}s to {LONGEST_LEASE:g}s: "
                "the engine may run on for that long after the host has died, and each read-back renews it"
            )
        if self.coil > 255:
            raise ValueError(
                f"got coil {self.coil} with lease, expected 0 to 255: the board's timed command has no more"
            )

    def address(self) -> TcpAddress | SerialAddress:
        """Return where the board is."""
        # Two programs may reach a serial adapter on the network, and neither would know: only a port of this machine.
        return parse(self.url, network_serial=False)

    def make_relay(self, *, exclusive: bool = True) -> Modbus:
        """See RelayConfig."""
        return Modbus(self, exclusive=exclusive)

    def contact(self) -> ModbusRelay:
        """Return the coil: with another lease it is the same one, and with another name of the serial port."""
        address, url = self.address(), self.url
        if isinstance(address, SerialAddress):
            url = url.replace(address.port, os.path.realpath(address.port), 1)
        return replace(self, url=url, lease=None)


class Modbus(Relay):
    """The contact of one coil."""

    def __init__(self, config: ModbusRelay, *, exclusive: bool) -> None:
        super().__init__(exclusive=exclusive)
        self._address = address = config.address()
        self.description = f"coil {config.coil} of unit {config.unit_id} at {address}"
        self.lease: float | None = config.lease
        self._unit, self._coil = config.unit_id, config.coil
        if isinstance(address, SerialAddress):
            timeout = SERIAL_TIMEOUT
            self._of_line = ""
            self._name = f"modbus {os.path.realpath(address.port)}"
        else:
            timeout = TCP_TIMEOUT
            self._of_line = f" unit {config.unit_id} coil {config.coil}"
            self._name = f"modbus {address}{self._of_line}"
        self._client = modbus.new_client(address, timeout=timeout, exclusive=exclusive)
        self._exclusive = exclusive
        self._answered = True

    def open_contact(self) -> None:
        """Open; the board echoes the command."""
        self._write(self._coil, _OFF)

    def close_contact(self) -> None:
        """Close for the lease, or until commanded otherwise; the board echoes the command."""
        if self.lease is None:
            self._write(self._coil, _ON)
        else:
            self._write(_FLASH_ON + self._coil, round(self.lease * 10))

    def renew(self) -> None:
        """Count the lease from now again."""
        if self.lease is not None:
            self.close_contact()

    def read_back(self) -> bool | None:
        """Return whether the board reports the coil on; a reading is harmless and is tried twice."""
        try:
            return self._read()
        except RelayError:
            return self._read()

    def disconnect(self) -> None:
        """Close the line."""
        self._client.close()

    def _read(self) -> bool:
        return self._asked(lambda client: client.read_coil(self._unit, self._coil))

    def _write(self, address: int, value: int) -> None:
        self._asked(lambda client: client.write_coil(self._unit, address, value))

    def _asked(self, ask: Callable[[Client], Answer]) -> Answer:
        """Return what the board answers; after any failure the next request has a connection of its own."""
        try:
            # Under the address as written, and under where that leads: one board may have many names.
            if not self._lock.names:
                self._lock.acquire(self._name)
            self._connect()
            if self._exclusive:
                self._lock.acquire(self._name, f"modbus {self._place()}{self._of_line}")
            return self._answer(ask)
        except RelayError:
            self._client.close()
            raise

    def _answer(self, ask: Callable[[Client], Answer]) -> Answer:
        try:
            if not self._answered:
                # A late reply to a lost request must not be taken for the answer to this one.
                self._client.settle(SERIAL_TIMEOUT, 2 * SERIAL_TIMEOUT)
            self._answered = False
            answer = ask(self._client)
        except modbus.RefusedError as error:
            self._answered = True
            meaning = _EXCEPTIONS.get(error.code, "unknown")
            text = f"board refuses function {error.function} with exception {error.code} ({meaning})"
            raise RelayError(text) from error
        except modbus.WrongReplyError as error:
            raise RelayError(f"unit {self._unit} at {self._address} answers with {error}") from error
        except (OSError, modbus.NoReplyError) as error:
            raise RelayError(f"no answer from unit {self._unit} at {self._address}: {error}") from error
        self._answered = True
        return answer

    def _connect(self) -> None:
        try:
            self._client.connect()
        except (OSError, ValueError) as error:
            raise RelayError(f"no answer from {self._address}: {error}") from error

    def _place(self) -> str:
        """Return where the line leads; this machine is 127.0.0.1 by either protocol."""
        if isinstance(self._address, SerialAddress):
            return os.path.realpath(self._address.port)
        try:
            host, port = self._client.peer()
        except OSError as error:
            raise RelayError(f"no answer from {self._address}: {error}") from error
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = ipaddress.IPv4Address("127.0.0.1") if address.is_loopback else address.ipv4_mapped or address
        return f"{address} port {port}"
