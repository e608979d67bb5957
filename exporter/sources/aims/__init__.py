"""AIMS inverters and everything else that speaks the Megatec protocol on a serial port at 2400 baud.

`reply` takes a line apart, `fields` says what its words mean, `source` asks.
"""
