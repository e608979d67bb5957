"""The contact that starts the engine: one module for each kind of relay, one small protocol."""

from __future__ import annotations

from actuator.relay.config import HidRelay, ModbusRelay, RelayConfig, SimulatedRelay
from actuator.relay.contact import Relay, RelayError, RelayHeldError
from actuator.relay.hid import Hid
from actuator.relay.modbus import Modbus
from actuator.relay.simulated import Simulated

__all__ = [
    "HidRelay",
    "ModbusRelay",
    "Relay",
    "RelayConfig",
    "RelayError",
    "RelayHeldError",
    "SimulatedRelay",
    "driver",
]


def driver(config: RelayConfig, *, exclusive: bool = True) -> Relay:
    """Return the relay that the configuration describes, not yet connected.

    Args:
        config: the `relay:` part.
        exclusive: hold the relay against other controllers; `release` does not, so that it works beside one.
    """
    match config:
        case ModbusRelay():
            return Modbus(config, exclusive=exclusive)
        case HidRelay():
            return Hid(config, exclusive=exclusive)
        case SimulatedRelay():
            return Simulated()
