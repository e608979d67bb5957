"""What the exporter's page shows of the site, for people; nothing is decided by it. Pure."""
