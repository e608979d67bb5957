"""The simulated site: its model, its bus, its devices."""
