"""Batteries with Pylontech's ASCII protocol or one of its dialects.

`frame` encodes and decodes frames, `dialects` declares what their data means in each dialect and what it must agree
with, `modules` has the metrics of one battery, `line` is the serial line, which sources may share, `source` polls.
"""
