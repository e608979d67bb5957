"""Victron battery monitors (SmartShunt, BMV) on their VE.Direct port, which send text unasked once a second.

`framing` finds whole blocks, `fields` declares what their lines mean, `source` reads the port.
"""
