"""Requests on pymodbus' sync clients, with a guard on each reply; the only module that imports pymodbus.

pymodbus 3.16 builds and takes apart the frames. But it returns replies that are short, long or of another function as
good ones, drops a whole reply when other bytes come before it on a serial line, hides why a connection fails, and takes
two timeouts to give up a device that goes on sending. So each reply has to have the shape that the request asks for,
and the bytes are sent and received here.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import termios
import time
from typing import NamedTuple

import serial
from pymodbus.client.serial import ModbusSerialClient
from pymodbus.client.tcp import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer.base import FramerBase
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from toolkit.modbus.address import SerialAddress, TcpAddress
from toolkit.modbus.errors import NoReplyError, RefusedError, WrongReplyError
from toolkit.untouched_serial import UntouchedSerial

_SILENCE = 0.05
"""Seconds without a byte after which a serial line counts as silent."""

_CHUNK = 512
_EXCEPTION_BYTES = 2
_FOREIGN = -1
"""Instead of a unit: pymodbus passes over a frame with another unit than it has asked."""

_TCP_LENGTHS = range(3, 255)
"""Bytes of unit and reply, as the head of a frame counts them."""
_RTU_OVERHEAD = 3
"""Bytes of unit and checksum around a reply."""


def _at_debug(record: logging.LogRecord) -> bool:
    """Log what pymodbus reports at level debug: our errors say the same with the device's name, once an hour."""
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().isEnabledFor(logging.DEBUG)


logging.getLogger("pymodbus.logging").addFilter(_at_debug)


class _Shape(NamedTuple):
    """What a reply has to look like.

    Attributes:
        unit: that is asked.
        answers_as: that has to be in the reply.
        head: the first bytes of the reply, as far as they are known beforehand: function code, then data.
        size: bytes of the reply, function code included.
    """

    unit: int
    answers_as: int
    head: bytes
    size: int

    def fits(self, reply: bytes) -> bool:
        """Return whether this answers the request."""
        return len(reply) == self.size and reply.startswith(self.head)

    def refuses(self, reply: bytes) -> bool:
        """Return whether this is an exception to the request."""
        return len(reply) == _EXCEPTION_BYTES and reply[0] == self.head[0] | 0x80

    def check(self, reply: bytes) -> None:
        """Raise RefusedError or WrongReplyError unless this answers the request."""
        if self.refuses(reply):
            raise RefusedError(self.head[0], reply[1])
        if not self.fits(reply):
            raise WrongReplyError(_shown(reply))


class _CoilWrite(ModbusPDU):
    """Write single coil, request and reply, with any value: pymodbus' own class knows only on and off."""

    function_code = 5
    rtu_frame_size = 8

    def __init__(self, address: int = 0, value: int = 0, dev_id: int = 0) -> None:
        super().__init__(dev_id=dev_id, address=address)
        self.value = value

    def encode(self) -> bytes:
        """Return the data after the function code."""
        return struct.pack(">HH", self.address, self.value)

    def decode(self, data: bytes) -> None:
        """Take the data after the function code apart; struct.error makes it no frame."""
        self.address, self.value = struct.unpack(">HH", data)


class _Framer(FramerBase):
    """Holds the reply that is waited for, and what pymodbus' own framers forget.

    Attributes:
        timeout: seconds for a reply to be there whole.
        reply: function code and data of the last frame.
        rest: received, but in no frame yet.
    """

    def __init__(self, decoder: DecodePDU, timeout: float) -> None:
        super().__init__(decoder)
        self.timeout = timeout
        self.reply = b""
        self.rest = b""
        self.shape = _Shape(0, 0, b"", 0)
        self._foreign: int | None = None
        self._deadline = 0.0

    def begin(self, shape: _Shape) -> None:
        """Wait for a reply of this shape from now on."""
        self.shape, self.reply, self._foreign = shape, b"", None
        self._deadline = time.monotonic() + self.timeout

    def remaining(self) -> float:
        """Return the seconds that are left; raises NoReplyError when there are none."""
        seconds = self._deadline - time.monotonic()
        if seconds > 0:
            return seconds
        came = f", only {self.rest[-24:].hex(' ')}" if self.rest else ""
        if self._foreign is not None:
            came = f", only a reply of unit {self._foreign}"
        raise NoReplyError(f"nothing whole within {self.timeout:g} s{came}", self._foreign)

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
        """Return how many bytes are done with, and the reply in them."""
        used, pdu = super().handleFrame(data, exp_devid, exp_tid)
        self.rest = data[used:]
        return used, pdu


class _TcpFramer(_Framer, FramerSocket):
    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return the length, unit, number and reply of the first frame; length 0 while it is not whole."""
        # A web server, or another protocol: no more bytes would make a frame of these.
        protocol, length = data[2:4], data[4:6]
        if any(protocol) or (len(length) == 2 and int.from_bytes(length) not in _TCP_LENGTHS):
            raise WrongReplyError("bytes that are not Modbus TCP")
        used, unit, number, self.reply = super().decode(data)
        if unit == self.shape.answers_as:
            return used, self.shape.unit, number, self.reply
        if self.reply:
            self._foreign = unit
        return used, _FOREIGN, number, self.reply


class _RtuFramer(_Framer, FramerRTU):
    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Return the end, unit, 0 and reply of the first frame of the right shape.

        Adapters add bytes at the seams, some repeat what was sent, and a late reply may come first: the frame may
        begin anywhere. FramerRTU takes the first bytes for its beginning and drops all when their checksum fails.
        """
        shape = self.shape
        start = data.find(shape.answers_as)
        while start >= 0:
            for size in (shape.size, _EXCEPTION_BYTES):
                frame = data[start : start + size + _RTU_OVERHEAD]
                self.reply = frame[1:-2]
                shaped = len(self.reply) == size and (shape.fits(self.reply) or shape.refuses(self.reply))
                if shaped and super().decode(frame)[3]:
                    return start + len(frame), shape.unit, 0, self.reply
            start = data.find(shape.answers_as, start + 1)
        # What cannot be the beginning of a whole reply any more is dropped, so that a flood stays small.
        return max(0, len(data) - shape.size - _RTU_OVERHEAD + 1), 0, 0, b""


class _TcpLink(ModbusTcpClient):
    """pymodbus' client over TCP; `framing` is its framer."""

    def __init__(self, address: TcpAddress, timeout: float) -> None:
        # The framer's timeout comes first: after a few of its own, pymodbus would disconnect.
        super().__init__(address.host, port=address.port, timeout=2 * timeout, retries=0)
        self.framing = _TcpFramer(self.framer.decoder, timeout)
        self._pending = b""

    def connect(self) -> bool:
        """Connect unless connected; raises OSError."""
        if self.socket is None:
            address = (self.comm_params.host, self.comm_params.port)
            self.socket = socket.create_connection(address, self.framing.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.framing.rest = b""
        return True

    def send(self, request: bytes, addr: tuple[str, int] | None = None) -> int:  # noqa: ARG002 - pymodbus' signature
        """Send all; raises OSError."""
        # What came after the last reply may be the first half of a late one: pymodbus would forget it.
        self._pending, self.framing.rest = self.framing.rest, b""
        connection = self._connection()
        connection.settimeout(self.framing.timeout)
        connection.sendall(request)
        return len(request)

    def recv(self, size: int | None) -> bytes:  # noqa: ARG002 - pymodbus asks for any number
        """Return what has come, at least a byte; raises OSError or NoReplyError."""
        connection = self._connection()
        data, self._pending = self._pending, b""
        while not data:
            connection.settimeout(self.framing.remaining())
            with contextlib.suppress(TimeoutError):
                data = connection.recv(_CHUNK)
                if not data:
                    raise ConnectionResetError("it closed the connection")
        return data

    def _connection(self) -> socket.socket:
        if self.socket is None:
            raise ConnectionError("it is not connected")
        return self.socket


class _SerialLink(ModbusSerialClient):
    """pymodbus' client on a serial line, which would wake up 1,000 times a second; `framing` is its framer."""

    def __init__(self, address: SerialAddress, timeout: float, *, exclusive: bool, untouched: bool) -> None:
        super().__init__(address.port, timeout=2 * timeout, retries=0)
        self.framing = _RtuFramer(self.framer.decoder, timeout)
        self._address = address
        self._exclusive = exclusive
        self._new = UntouchedSerial if untouched else serial.serial_for_url

    def connect(self) -> bool:
        """Open the port unless it is open; raises OSError or ValueError."""
        if self.socket is None:
            try:
                self.socket = self._new(
                    self._address.port,
                    baudrate=self._address.baudrate,
                    parity=self._address.parity,
                    stopbits=self._address.stopbits,
                    timeout=_SILENCE,
                    write_timeout=self.framing.timeout,
                    exclusive=True if self._exclusive else None,
                )
            except termios.error as error:
                raise OSError(*error.args) from error
        return True

    def send(self, request: bytes, addr: tuple[str, int] | None = None) -> int:  # noqa: ARG002 - pymodbus' signature
        """Throw away what has come, and send; raises OSError, or NoReplyError when there is no end of what comes."""
        port = self._port()
        while port.in_waiting:
            port.read(_CHUNK)
            self.framing.remaining()
        self.framing.rest = b""
        port.write(request)
        return len(request)

    def recv(self, size: int | None) -> bytes:  # noqa: ARG002 - pymodbus asks for any number
        """Return what has come, at least a byte; raises OSError or NoReplyError."""
        port = self._port()
        data = b""
        while not data:
            self.framing.remaining()
            data = port.read(max(1, min(port.in_waiting, _CHUNK)))
        return data

    def settle(self, silence: float, limit: float) -> bool:
        """Throw away what comes until nothing has come for `silence` seconds, at most for `limit`; raises OSError.

        Returns:
            Whether anything has come.
        """
        port = self._port()
        begin = now = received = time.monotonic()
        end = now + limit
        while now < end and now - received < silence:
            if port.read(_CHUNK):
                received = time.monotonic()
            now = time.monotonic()
        return received > begin

    def _port(self) -> serial.Serial:
        if self.socket is None:
            raise ConnectionError("it is not open")
        return self.socket


class Client:
    """Sends one request at a time, and returns what the device answers; each fails in one of these ways.

    Raises:
        OSError: the connection fails.
        NoReplyError: no reply came whole within the timeout, whatever else came.
        WrongReplyError: what came is no reply to the request.
        RefusedError: the device refuses it.
    """

    def __init__(
        self, address: TcpAddress | SerialAddress, *, timeout: float, exclusive: bool, untouched: bool = False
    ) -> None:
        self._link: _TcpLink | _SerialLink
        if isinstance(address, SerialAddress):
            self._link = _SerialLink(address, timeout, exclusive=exclusive, untouched=untouched)
        else:
            self._link = _TcpLink(address, timeout)
        self._link.framer = self._link.transaction.framer = self._link.framing
        self._link.register(_CoilWrite)

    def connect(self) -> None:
        """Connect unless connected; raises OSError or ValueError."""
        self._link.connect()

    def close(self) -> None:
        """Close the connection; raises nothing."""
        connection, self._link.socket = self._link.socket, None
        if connection is not None:
            # An adapter that is gone cannot be asked to drain, and a device may have reset the connection.
            with contextlib.suppress(OSError, termios.error):
                connection.close()

    def peer(self) -> tuple[str, int]:
        """Return the address and port of the other end of a TCP connection; raises OSError."""
        if not isinstance(self._link.socket, socket.socket):
            raise ConnectionError("it is not connected")
        host, port, *_ = self._link.socket.getpeername()
        return host, port

    def settle(self, silence: float, limit: float) -> bool:
        """Wait until a serial line has been silent for so many seconds, at most until the limit; raises OSError.

        Returns:
            Whether it was not silent.
        """
        return isinstance(self._link, _SerialLink) and self._link.settle(silence, limit)

    def read_registers(
        self, unit: int, function: int, address: int, count: int, *, answers_as: int | None = None
    ) -> tuple[int, ...]:
        """Return registers.

        Args:
            unit: the device.
            function: 3 (holding registers) or 4 (input registers).
            address: of the first, as it goes over the wire.
            count: 1 to 125.
            answers_as: the unit in the reply, where it is not the one that was asked.
        """
        kind = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}[function]
        shape = _Shape(unit, unit if answers_as is None else answers_as, bytes((function, 2 * count)), 2 + 2 * count)
        response = self._ask(kind(address=address, count=count, dev_id=unit), shape)
        return tuple(response.registers)

    def read_coil(self, unit: int, coil: int) -> bool:
        """Return whether a coil is set."""
        shape = _Shape(unit, unit, bytes((ReadCoilsRequest.function_code, 1)), 3)
        return bool(self._ask(ReadCoilsRequest(address=coil, count=1, dev_id=unit), shape).bits[0])

    def write_coil(self, unit: int, address: int, value: int) -> None:
        """Write a coil, and receive the same back; 0xFF00 is on, 0 off, and a board may know other values."""
        shape = _Shape(unit, unit, struct.pack(">BHH", _CoilWrite.function_code, address, value), 5)
        self._ask(_CoilWrite(address, value, unit), shape)

    def _ask(self, request: ModbusPDU, shape: _Shape) -> ModbusPDU:
        framing = self._link.framing
        self.connect()
        framing.begin(shape)
        try:
            response = self._link.execute(no_response_expected=False, request=request)
            shape.check(framing.reply)
        except ModbusException as error:
            self.close()
            raise WrongReplyError(_shown(framing.reply)) from error
        except WrongReplyError:
            self.close()
            raise
        return response


def _shown(reply: bytes) -> str:
    return f"{len(reply)} bytes that are no reply to it: {reply[:16].hex(' ')}{' ...' if len(reply) > 16 else ''}"
