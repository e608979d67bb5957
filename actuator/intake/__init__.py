"""What comes in: Alertmanager's notifications, the exporter's page, and the queue of inputs between two turns."""
