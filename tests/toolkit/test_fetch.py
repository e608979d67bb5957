"""A password reaches the server that it is meant for, and no other."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.support.raw_answers import server
from toolkit.fetch import OPENER

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_redirect_is_not_followed() -> None:
    with server(OK) as (elsewhere, stolen):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode()
        with server(moved) as (url, _):
            request = urllib.request.Request(url, headers={"Authorization": "Basic c2VjcmV0"})  # noqa: S310 - ours
            with pytest.raises(urllib.error.HTTPError, match="302"):
                OPENER.open(request, timeout=10)
    assert stolen == []


def test_a_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(OK) as (proxy, stolen), server(OK) as (url, received):
        monkeypatch.setenv("http_proxy", proxy)
        with OPENER.open(url, timeout=10) as response:
            assert response.read() == b"ok"
        assert (len(received), stolen) == (1, [])
