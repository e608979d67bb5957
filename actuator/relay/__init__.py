"""The contact that starts the engine: one module for each kind of relay, one small protocol."""

from __future__ import annotations

from actuator.relay.config import GpioRelay, HidRelay, ModbusRelay, RelayConfig, SerialRelay, SimulatedRelay
from actuator.relay.gpio import Gpio
from actuator.relay.hid import Hid
from actuator.relay.lcus import Lcus
from actuator.relay.modbus import Modbus
from actuator.relay.protocol import Relay, RelayError, RelayHeldError
from actuator.relay.simulated import Simulated

__all__ = [
    "GpioRelay",
    "HidRelay",
    "ModbusRelay",
    "Relay",
    "RelayConfig",
    "RelayError",
    "RelayHeldError",
    "SerialRelay",
    "SimulatedRelay",
    "driver",
]


def driver(config: RelayConfig, *, exclusive: bool = True) -> Relay:
    """Return the relay that the configuration describes, not yet connected.

    Args:
        config: the `relay:` part.
        exclusive: hold the relay against other controllers; `release` does not, so that it works beside one (a GPIO
            line is held by the kernel itself, whatever is asked for here).
    """
    match config:
        case ModbusRelay():
            return Modbus(config, exclusive=exclusive)
        case HidRelay():
            return Hid(config, exclusive=exclusive)
        case GpioRelay():
            return Gpio(config, exclusive=exclusive)
        case SerialRelay():
            return Lcus(config, exclusive=exclusive)
        case SimulatedRelay():
            return Simulated()
