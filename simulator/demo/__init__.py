"""`make run`: the whole loop on loopback, from a simulated battery to the engine and back, told as it happens.

Lives in the source tree only: it runs the rules of `alerts/` and what `deploy/fetch-prometheus` has fetched.
"""
