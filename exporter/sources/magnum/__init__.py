"""The Magnum Energy network: listens on its RS-485 line and never sends.

How a byte becomes a volt, one module each step:

1. `source` reads the `port` in a thread.
2. `framing` cuts the stream into packets by their content (`synchronisation`, then `recognition`).
3. `voting` accepts a packet that was received twice alike, since the bus has no checksum. Numbers that change with
   every packet are confirmed one by one.
4. `devices` declare what the bytes of each packet mean: one module a device. `energy` integrates the inverter's power.
5. `bus` ties the steps together and returns readings.

`packet_kinds` is the table of all kinds of packet; a new device is an entry there. `packet` has a packet and the place
of a number in it, `units` the factors of such numbers, `config` the options of a `magnum` source. `capture` reads and
writes recordings of a bus.
"""
