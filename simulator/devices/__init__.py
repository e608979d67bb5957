"""The site's other devices: a charge controller, a battery's own electronics, a small inverter; each can lie."""
