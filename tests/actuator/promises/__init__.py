"""What an owner is promised of a bad day, each shown on the real program: its process, a board, an exporter's page."""
