"""Alertmanager's notifications, without Alertmanager."""

from __future__ import annotations

import zlib
from typing import Any

NOT_ENDED = "0001-01-01T00:00:00Z"


def notification(
    name: str, status: str = "firing", *, starts: str = "2026-01-01T00:00:00Z", **labels: str
) -> dict[str, Any]:
    """Return the webhook body of one alert; like Alertmanager's, its fingerprint follows from its labels."""
    alert = {
        "status": status,
        "labels": {"alertname": name, "severity": "none", **labels},
        "annotations": {"summary": f"{name} for people"},
        "startsAt": starts,
        "endsAt": NOT_ENDED if status == "firing" else "2026-01-01T01:00:00Z",
        "generatorURL": "",
        "fingerprint": f"{zlib.crc32(repr((name, sorted(labels.items()))).encode()):016x}",
    }
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "generator",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }
