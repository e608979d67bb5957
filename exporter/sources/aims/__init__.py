"""AIMS inverters and other devices with the Megatec protocol on a serial port at 2400 baud.

`reply` parses a line, `fields` declares what its words mean, `source` polls the device.
"""
