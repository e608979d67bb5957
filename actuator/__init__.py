"""Receives alerts, decides whether the generator is requested, and drives the relay that starts it."""
