"""Send the command line's requests to a running actuator over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import netrc
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from toolkit.formatting import redacted

TIMEOUT = 15.0
"""Seconds to wait for an answer; a command is answered after the relay has moved."""


class ClientError(Exception):
    """The actuator could not be reached, or refused; the text gives the reason and what to do."""


def ask(url: str, path: str, command: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
    """Return the actuator's answer, a JSON document.

    Args:
        url: of the actuator, such as http://127.0.0.1:10049.
        path: of the request, such as /api/v1/status.
        command: the body of a POST; None for a GET.

    Raises:
        ClientError: the actuator does not answer, or refuses.
    """
    if "@" in url:
        raise ClientError(
            f"got {redacted(url)}, expected no user name and password in it: set GENERATOR_ACTUATOR_USERNAME and "
            "GENERATOR_ACTUATOR_PASSWORD, or write them into a netrc file"
        )
    body = None if command is None else json.dumps(command).encode()
    try:
        request = urllib.request.Request(url.rstrip("/") + path, data=body)  # noqa: S310 - the scheme is checked below
        if request.type not in ("http", "https"):
            raise ClientError(f"got {redacted(url)}, expected an address that begins with http:// or https://")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        credentials = _credentials(request.host)
        if credentials:
            request.add_header("Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - checked above
            return json.load(response)
    except urllib.error.HTTPError as error:
        answer = _body(error)
        if error.code == 401:
            answer = (
                "the actuator requires a user name and a password: set GENERATOR_ACTUATOR_USERNAME and "
                "GENERATOR_ACTUATOR_PASSWORD, or write them into a netrc file"
            )
        raise ClientError(answer or f"{redacted(url)} answers {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else " ".join(str(error).split())
        raise ClientError(
            f"no actuator answers at {redacted(url)}: {reason}. Is it running? At another address, use --url."
        ) from error


def _body(error: urllib.error.HTTPError) -> str:
    """Return the text of a refusal; what there is of it if it was cut short."""
    try:
        body = error.read()
    except http.client.IncompleteRead as cut:
        body = cut.partial
    return body.decode(errors="replace").strip()


def _credentials(host: str) -> str:
    """Return "user:password" from the environment or the netrc file (NETRC, ~/.netrc); empty when neither has one."""
    user, password = os.environ.get("GENERATOR_ACTUATOR_USERNAME"), os.environ.get("GENERATOR_ACTUATOR_PASSWORD")
    if user is not None and password is not None:
        return f"{user}:{password}"
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urllib.parse.urlsplit(f"//{host}").hostname or host)
    except FileNotFoundError:
        return ""
    except (netrc.NetrcParseError, OSError) as error:
        raise ClientError(f"the netrc file cannot be read: {error}") from error
    return f"{found[0]}:{found[2]}" if found else ""
