"""`make run`: the whole loop on loopback, from a simulated battery to the engine and back, and prints what happens.

It works in the source tree only, with the rules of `alerts/` and the programs that `deploy/fetch-prometheus` fetches.
"""
