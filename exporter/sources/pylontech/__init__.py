"""Batteries that speak Pylontech's ASCII protocol or one of its kin: Pylontech, Pace (version 25) and Seplos V2.

`frame` knows a whole frame, `modules` what its bytes say in each dialect and which metrics come of it, `source` asks.
"""
