"""The commands: what asks a running actuator, measures a site, and checks its files."""
