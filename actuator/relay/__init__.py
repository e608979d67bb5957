"""The relays that can start the engine, and what `relay:` in the configuration may contain.

To add a kind of relay:

1. Add one module here. Write in its docstring what is sent to the board and read from it, with the source, and what the
   contact does when this program dies.
2. Write its options as a `RelayConfig` with a tag: `class ShellyRelay(RelayConfig, frozen=True, kw_only=True,
   forbid_unknown_fields=True, tag="shelly")`. Refuse impossible values in `__post_init__` with a `ConfigError`. Its
   `make_relay` returns the driver. Where two configurations may mean one contact, `contact` returns what they have in
   common: without a lease, and with the path of a device by `os.path.realpath`. A start then opens it once, by the name
   in the file.
3. Write the driver as a `Relay`: `open_contact`, `close_contact`, `read_back`, `disconnect`, and a `description`. Its
   `__init__` calls `super().__init__(exclusive=exclusive)`, which makes the lock of step 4. A method opens the device
   when it has to, blocks for a few seconds at most, and raises `RelayError` with a sentence for a person. After an
   error close the device, so that the next call opens it again. `can_read_back = False` if the board cannot report its
   contact; `lease` and `renew` if the board opens the contact by itself.
4. Hold the relay before the first byte is sent: `self._lock.acquire(name)` where the device is opened, with a name that
   is the same in every process. So every method that asks the board holds it, `read_back` too. `release` works without
   the lock.
5. Below, import the struct, and add it to `AnyRelay`. `HINTS` has the words that a person may write as its `type`
   instead.

Configuration, `release`, start-up, the loop and the journal's sidecar then know it. What else must know it is in
CONTRIBUTING.md, *Add a relay driver*: `setup`, `relays`, the pages and the access rights.
"""

from __future__ import annotations

from actuator.relay.errors import RelayError, RelayHeldError
from actuator.relay.gpio import GpioRelay
from actuator.relay.hid import HidRelay
from actuator.relay.modbus import ModbusRelay
from actuator.relay.protocol import Relay, RelayConfig
from actuator.relay.serial import SerialRelay
from actuator.relay.simulated import SimulatedRelay

AnyRelay = (
    ModbusRelay  # a coil of a Modbus board
    | HidRelay  # a channel of a USB board 16c0:05df
    | GpioRelay  # a line of a GPIO chip
    | SerialRelay  # a channel of an LCUS board
    | SimulatedRelay  # a contact in memory
)

__all__ = [
    "AnyRelay",
    "GpioRelay",
    "HidRelay",
    "ModbusRelay",
    "Relay",
    "RelayConfig",
    "RelayError",
    "RelayHeldError",
    "SerialRelay",
    "SimulatedRelay",
]
