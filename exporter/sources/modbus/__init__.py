"""Batteries and monitors that answer Modbus, over TCP or a serial line (RTU), by profile or by the owner's own list.

A register becomes a metric in these steps, one module each: `source` asks, `plan` says which registers in how few
requests, `tcp` and `rtu` send a request and return its reply, `protocol` declares a request, `registers` where a
number is, and `profiles` what it means. Only reading functions exist here: nothing in this room can write a register.
"""
