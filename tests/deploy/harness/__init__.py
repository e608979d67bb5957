"""Files of `deploy/` and `docs/` that are made from the programs."""
