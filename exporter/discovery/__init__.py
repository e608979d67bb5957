"""What is on the ports and hosts of a site: listening, read requests, and the configuration that follows.

`ports` lists the serial ports, `listening` recognises what sends on its own, `probing` asks a silent port, `network` a
Modbus TCP host, `configuration` writes what was found as a file. Nothing here writes a register, a coil or a setting.
"""
