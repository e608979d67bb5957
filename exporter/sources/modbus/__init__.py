"""Batteries and monitors that answer Modbus, over TCP or a serial line (RTU), by profile or by the owner's own list.

How a register becomes a metric, one module each step:

1. `source` polls the device.
2. `plan` decides which registers to read in how few requests.
3. `tcp` and `rtu` send a request and return its reply; `protocol` declares a request.
4. `registers` is where a number is in the registers; `profiles` is what it means, with the metrics of `quantities`.

`config` has the options of a `modbus` source, and `register_list` makes a profile of the owner's own list. There are
only reading functions here: no code can write a register.
"""
