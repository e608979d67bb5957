"""What a request asks for: its body and its parameters, or the answer that names what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import datetime
from typing import Any

from aiohttp import web


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that a request carries; answer 415 or 400 if it carries none."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text=f"Got {request.content_type}, expected application/json.")
    try:
        document = json.loads(await request.read())
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair could not be sent back
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"Got a body that is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise web.HTTPBadRequest(text="Expected a JSON object.")
    return document


def expect_only(body: dict[str, Any], *keys: str) -> None:
    """Answer 400 if the body has other keys."""
    unknown = sorted(body.keys() - set(keys))
    if unknown:
        *others, last = (f'"{key}"' for key in keys)
        expected = f"{', '.join(others)} and {last}" if others else last
        raise web.HTTPBadRequest(text=f"Got {json.dumps(unknown[0])}, expected only {expected}.")


def moment(text: str | None) -> float | None:
    """Return the Unix time of a time in RFC 3339, without a zone at the site, or in Unix seconds."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if math.isfinite(seconds := float(text)):
            return seconds
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        expected = "a time such as 2026-01-31T08:00:00Z, or Unix seconds"
        raise web.HTTPBadRequest(text=f'Got since "{text}", expected {expected}.') from None


def whole(request: web.Request, name: str, otherwise: int, expected: str) -> int:
    """Return a parameter of the request that is a whole number."""
    text = request.query.get(name)
    if not text:
        return otherwise
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise web.HTTPBadRequest(text=f'Got {name} "{text}", expected {expected}.')
    return int(text)
