"""Victron battery monitors (SmartShunt, BMV) on their VE.Direct port, which talk unasked, in text, once a second.

`framing` finds whole blocks, `fields` says what their lines mean, `source` listens.
"""
