"""The simulated site: its model, its bytes, its boards."""
