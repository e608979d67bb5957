"""Tests, one folder for each room, and the rooms together."""
