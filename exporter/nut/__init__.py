"""The exporter as a driver of Network UPS Tools: whatever runs its `upsmon` shuts down in time.

`status` decides, `variables` takes the values from the site, `protocol` has the lines, `driver` is the socket. A
running exporter loads them only when `nut:` is configured.
"""
