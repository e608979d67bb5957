"""Refuse requests that pages of other sites make a browser send."""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware


def refuse_other_sites(guarded: Callable[[], bool]) -> Middleware:
    """Refuse a request that a page of another site makes a browser send: it would have the operator's rights.

    A browser names the origin of a command; other programs do not, and pass. Unless that is guarded, the host must also
    be an address or localhost: the name of another site could be made to resolve to this address.

    Args:
        guarded: whether a password is needed, or everybody may ask by any name.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall(hdrs.HOST, ())
        names = [_parts(f"//{host}").hostname for host in hosts]
        if not guarded() and not all(map(_is_address, names)):
            text = "Without users in --web.config.file, only an address or localhost is accepted as the host."
            raise web.HTTPForbidden(text=text)
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            return await handler(request)
        origin, fetch_site = request.headers.get(hdrs.ORIGIN), request.headers.get("Sec-Fetch-Site")
        foreign = fetch_site not in (None, "same-origin", "none")
        if origin is not None:
            parts = _parts(origin)
            foreign |= [parts.netloc] != [*hosts]
            foreign |= not guarded() and not _is_address(parts.hostname)
        if foreign:
            raise web.HTTPForbidden(text="This request is from a page of another site.")
        return await handler(request)

    return check


def _parts(url: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        raise web.HTTPBadRequest(text="Origin or Host is not valid.") from None


def _is_address(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True
