"""An AIMS inverter with the Megatec protocol on its serial port: text requests and text replies at 2400 baud.

Source: AIMS InverterSerialSpec.pdf; Network UPS Tools, nutdrv_qx. Q1 (or QS, in the other dialect) asks for the state,
F for the ratings, I for the maker. The answer to anything else is NAK, and it is counted: some commands switch a real
inverter.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from simulator.device_faults import SerialDeviceFaults
from simulator.inverter import AC_VOLTS
from simulator.site import Site

STATE, STATE_IN_THE_OTHER_DIALECT, RATINGS, MAKER = b"Q1", b"QS", b"F", b"I"
RATED_WATTS = 2000.0


class Aims:
    """A small inverter on the same battery, with the same AC input."""

    def __init__(self, site: Site, faults: SerialDeviceFaults, *, dialect: str = "Q1") -> None:
        self._site = site
        self._faults = faults
        self._dialect = dialect.encode()
        self._received = b""
        self._frozen = b""
        self.commands: Counter[str] = Counter()

    async def receive(self, data: bytes) -> bytes:
        """Add received bytes and return the bytes to send, which may be none."""
        self._received += data
        replies = b""
        while b"\r" in self._received:
            command, self._received = self._received.split(b"\r", 1)
            self.commands[command.decode("ascii", "replace")] += 1
            if self._faults.slow is not None:
                await asyncio.sleep(self._faults.slow)
            if not self._faults.silent:
                replies += self._answer(command)
        return replies

    def _answer(self, command: bytes) -> bytes:
        if command == RATINGS:
            amperes = round(RATED_WATTS / AC_VOLTS)
            return f"#{AC_VOLTS:05.1f} {amperes:03d} {self._site.settings.bus.nominal_volts:05.2f} 60.0\r".encode()
        if command == MAKER:
            return f"#{'AIMS Power':15} {'PICOGLF12W':10} {'V1.00':10}\r".encode()
        if command == self._dialect:
            return self._in_form(command, self._state())
        return command + b"\r" if command in (STATE, STATE_IN_THE_OTHER_DIALECT) else b"NAK\r"

    def _state(self) -> bytes:
        if not (self._faults.frozen and self._frozen):
            site = self._site
            inverter = site.inverter
            utility = site.ac_input_volts
            output = AC_VOLTS if inverter.has_output else 0.0
            load = min(999, round(inverter.load_watts / RATED_WATTS * 100))
            low = site.battery.volts < 11.0 * site.settings.bus.nominal_volts / 12
            bits = f"{utility == 0:d}{low:d}00100{utility == 0:d}"
            self._frozen = (
                f"({utility:05.1f} {utility or 110.0:05.1f} {output:05.1f} {load:03d} 60.0 "
                f"{site.battery.volts:04.1f} 00.0 {bits}\r"
            ).encode()
        return self._frozen

    def _in_form(self, command: bytes, state: bytes) -> bytes:  # noqa: PLR0911 - a form each
        match self._faults.reply:
            case "nak":
                return b"NAK\r"
            case "(nak":
                return b"(NAK\r"
            case "ack":
                return b"(ACK\r"
            case "echo":
                return command + b"\r"
            case "dashes":
                parts = state.split(b" ")
                return b" ".join((b"(---.-", *parts[1:4], b"--.-", parts[5], b"--.-", parts[7]))
            case "nul":
                return state + b"\x00"
            case "padded":
                return b" " + state[:-1] + b"  \r"
            case "truncated":
                return state[:40]
            case None:
                return state
