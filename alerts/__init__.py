"""Prometheus' and Alertmanager's side: rules, their tests, samples of both configurations, and a page per alert."""
