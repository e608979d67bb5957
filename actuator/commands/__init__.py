"""The command line's own work: asking a running actuator, and measuring a site."""
