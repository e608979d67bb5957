"""Reads the devices of an off-grid site, judges the battery's state of charge, and serves both to Prometheus."""
