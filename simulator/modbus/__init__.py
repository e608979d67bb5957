"""Modbus from the side of the device that answers: TCP, RTU, and registers that can be read."""
