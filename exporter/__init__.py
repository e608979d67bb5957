"""Reads the devices of an off-grid site, judges the battery's state of charge, and serves both to Prometheus."""

NAME = "magnum-exporter"
DESCRIPTION = "Reads the devices of an off-grid site and judges the battery's state of charge."
