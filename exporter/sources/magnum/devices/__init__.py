"""What the bytes of each device's packets mean: one module a device."""
