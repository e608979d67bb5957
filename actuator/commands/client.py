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

from toolkit.fetch import OPENER
from toolkit.formatting import redacted

TIMEOUT = 15.0
"""Seconds to wait for an answer; a command is answered after the relay has moved."""


class ClientError(Exception):
    """The actuator could not be reached, or refused; the text gives the reason and what to do."""


class RefusedError(ClientError):
    """The server has answered, but not with what was asked for; `status` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class UnansweredError(ClientError):
    """No answer has come that can be read: a request made later may get one."""


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
    sent = credentials(url)
    try:
        return json.loads(fetch(url, path, body=body, credentials=sent))
    except RefusedError as error:
        if error.status != 401:
            raise
        where = "GENERATOR_ACTUATOR_USERNAME and GENERATOR_ACTUATOR_PASSWORD, or the netrc file"
        if sent:
            user = sent.partition(":")[0]
            raise RefusedError(401, f"Wrong user name or password (got user {user}): correct {where}") from error
        raise RefusedError(
            401, f"The actuator requires a user name and a password, and got none: set {where}"
        ) from error
    except (UnansweredError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UnansweredError(
            f"no actuator answers at {redacted(url)}: {reason}. Is it running? At another address, use --url."
        ) from error


def fetch(url: str, path: str, *, body: bytes | None = None, credentials: str = "") -> bytes:
    """Return what a server answers.

    Args:
        url: of the server.
        path: of the request.
        body: of a POST, JSON; None for a GET.
        credentials: "user:password"; empty: none. A password is sent to the server that it is meant for alone.

    Raises:
        RefusedError: the answer has another status than 200.
        ClientError: none has come.
    """
    try:
        request = urllib.request.Request(url.rstrip("/") + path, data=body)  # noqa: S310 - the scheme is checked below
        if request.type not in ("http", "https"):
            raise ClientError(f"got {redacted(url)}, expected an address that begins with http:// or https://")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if credentials:
            request.add_header("Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}")
        with OPENER.open(request, timeout=TIMEOUT) as response:
            answer: bytes = response.read()
            return answer
    except urllib.error.HTTPError as error:
        raise RefusedError(
            error.code, _body(error) or f"{redacted(url)} answers {error.code} {error.reason}"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UnansweredError(str(error.reason if isinstance(error, urllib.error.URLError) else error)) from error


def _body(error: urllib.error.HTTPError) -> str:
    """Return the text of a refusal; what there is of it if it was cut short."""
    try:
        body = error.read()
    except http.client.IncompleteRead as cut:
        body = cut.partial
    return body.decode(errors="replace").strip()


def credentials(url: str) -> str:
    """Return "user:password" for the actuator: from the environment, or the netrc file (NETRC, ~/.netrc); else empty.

    Raises:
        ClientError: the netrc file cannot be read.
    """
    user, password = os.environ.get("GENERATOR_ACTUATOR_USERNAME"), os.environ.get("GENERATOR_ACTUATOR_PASSWORD")
    if user is not None and password is not None:
        return f"{user}:{password}"
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urllib.parse.urlsplit(url).hostname or "")
    except FileNotFoundError:
        return ""
    except ValueError:
        return ""  # no host in the URL: the request reports what is wrong
    except (netrc.NetrcParseError, OSError) as error:
        raise ClientError(f"the netrc file cannot be read: {error}") from error
    return f"{found[0]}:{found[2]}" if found else ""
