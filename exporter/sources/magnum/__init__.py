"""The Magnum Energy network: listens on its RS-485 line and never sends.

How a byte becomes a volt, one module each step:

1. `source` reads the `port` in a thread.
2. `framing` cuts the stream into packets by their content (`synchronisation`, then `recognition`).
3. `voting` accepts only what was received twice alike, since the bus has no checksum.
4. `devices` declare what the bytes of each packet mean: one module a device.
5. `bus` ties the steps together and returns readings.

`packet_kinds` is the table of all kinds of packet; a new device is an entry there.
"""
