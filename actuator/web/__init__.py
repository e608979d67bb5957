"""HTTP: the webhook, the status, the operator's requests, the panel."""
