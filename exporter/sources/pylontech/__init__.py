"""Batteries with Pylontech's ASCII protocol or one of its dialects: Pylontech, Pace (version 25) and Seplos V2.

`frame` encodes and decodes frames, `modules` declares what their data means in each dialect, `source` polls.
"""
