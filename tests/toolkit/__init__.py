"""The toolkit, alone."""
