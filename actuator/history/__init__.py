"""The curve of the state of charge and the past runs, for people: kept for 30 days, without Prometheus.

Nothing here decides anything. It runs on the loop of everything from outside, and its file may be lost at any time.
"""
