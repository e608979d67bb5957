"""What the command line asks of a running actuator, over its HTTP."""

from __future__ import annotations

import base64
import json
import netrc
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT = 15.0
"""Seconds for an answer; an order is answered once the relay has obeyed."""


class ClientError(Exception):
    """The actuator could not be asked, or refused; the text says why and what to do."""


def ask(url: str, path: str, order: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
    """Return the JSON document that the actuator answers.

    Args:
        url: of the actuator, such as http://127.0.0.1:10049.
        path: of the question.
        order: sent with POST; None: a GET.

    Raises:
        ClientError: there is no answer, or a refusal.
    """
    body = None if order is None else json.dumps(order).encode()
    try:
        request = urllib.request.Request(url.rstrip("/") + path, data=body)  # noqa: S310 - the scheme is checked below
        if request.type not in ("http", "https"):
            raise ClientError(f"{url} is no http:// or https:// address")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        credentials = _credentials(request.host)
        if credentials:
            request.add_header("Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - checked above
            return json.load(response)
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace").strip()
        if error.code == 401:
            said = (
                "the actuator wants a user and a password: set GENERATOR_ACTUATOR_USERNAME and "
                "GENERATOR_ACTUATOR_PASSWORD, or put them into a netrc file"
            )
        raise ClientError(said or f"{url} answers {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ClientError(f"no actuator answers at {url}: {reason}; is it running, or elsewhere (--url)?") from error


def _credentials(host: str) -> str:
    """Return "user:password" from the environment, else from the netrc file (NETRC, ~/.netrc); empty without any."""
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
