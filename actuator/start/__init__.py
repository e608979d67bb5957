"""What happens before the service: signals are caught, and every contact that can be closed is opened."""
