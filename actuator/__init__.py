"""Receives alerts, decides whether the generator is wanted, and drives the relay that starts it."""
