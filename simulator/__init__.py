"""A whole off-grid site on pseudo-terminals and loopback, for demonstrations and tests."""
