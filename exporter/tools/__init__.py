"""Tools for somebody who stands at the bus: listen to it, record it, replay a recording."""
