"""The Magnum Energy network: a listener on its RS-485 line that never sends.

A byte becomes a volt in five steps, one module each: `source` reads the port, `framing` finds packets by their content,
`voting` lets through only what was received twice alike, `inverter`, `remote`, `accessories` and `solar` say what the
bytes mean, and `bus` ties these to readings.
"""
