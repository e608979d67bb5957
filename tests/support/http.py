"""One HTTP request, as every test of a running program needs it."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping


def request(
    method: str,
    url: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    deadline_seconds: float = 15,
) -> tuple[int, str]:
    """Send a request and return the status and text of the answer.

    Args:
        method: GET, POST, …
        url: http://host:port/path, or https:, without a check of the certificate.
        body: bytes are sent as they are, anything else as JSON.
        headers: without any, a body is sent as application/json.
        deadline_seconds: how long the answer may take.

    Raises:
        OSError: no answer.
        http.client.HTTPException: the answer is not HTTP.
    """
    parts = urllib.parse.urlsplit(url)
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if headers is None:
        headers = {} if body is None else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection(parts.netloc, timeout=deadline_seconds)
    if parts.scheme == "https":
        unchecked = ssl._create_unverified_context()  # noqa: S323 - a test's own certificate
        connection = http.client.HTTPSConnection(parts.netloc, timeout=deadline_seconds, context=unchecked)
    try:
        connection.request(method, urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")), sent, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
