"""Alert rules with their tests and runbooks, and sample configurations of Prometheus and Alertmanager."""
