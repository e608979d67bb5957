"""Tests of the actuator."""
