"""The MidNite Classic charge controller, over Modbus TCP, and the Whizbang Jr battery monitor that it may have.

`registers` declares what its registers mean, `whizbang` those of the battery monitor, `source` asks for them.
"""
