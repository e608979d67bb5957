"""Tools for a person at the bus: listen to it, record it, replay a recording; and write the files to copy."""
