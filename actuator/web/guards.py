"""Who may ask what: refuse an exposed address without users, pages of other sites, and scripts that are not ours."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import urllib.parse
from collections.abc import Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from actuator.report.metrics import Counts
from toolkit import flags
from toolkit.webconfig import WebConfig

_REFUSED = {400: "malformed", 401: "unauthenticated", 413: "too_large", 415: "content_type"}


def exposure(addresses: Sequence[str], web_config: WebConfig, *, allow_anonymous: bool) -> str:
    """Return why these addresses may not be listened on without users; empty when they may."""
    open_to_others = [address for address in addresses if not flags.is_loopback(address)]
    if not open_to_others or web_config.has_users or allow_anonymous:
        return ""
    return (
        f"--web.listen-address={open_to_others[0]} lets others start the engine: expected a loopback address such as "
        "127.0.0.1:10049, or basic_auth_users in --web.config.file, or --web.allow-anonymous if that is what you want"
    )


def content_security_policy(page: str) -> str:
    """Return the policy that lets the page's own style and script work, and nothing else."""

    def own(tag: str) -> str:
        inside = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {own('style')}; script-src {own('script')}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def count_refusals(counts: Counts, webhook: str) -> Middleware:
    """Count what the webhook refuses, by the status that goes out."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if request.path == webhook and request.method == hdrs.METH_POST and response.status in _REFUSED:
            counts.rejected[_REFUSED[response.status]] += 1
        return response

    return count


def refuse_other_sites(guarded: Callable[[], bool]) -> Middleware:
    """Refuse what a page of another site makes a browser send: it would come with the operator's own rights.

    A browser says where a request comes from; other programs say nothing and are let through. Where nobody is asked
    for a password the name must be an address or localhost too, lest another site's name be made to point here.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            return await handler(request)
        origin, fetch_site = request.headers.get(hdrs.ORIGIN), request.headers.get("Sec-Fetch-Site")
        foreign = fetch_site not in (None, "same-origin", "none")
        if origin is not None:
            parts = urllib.parse.urlsplit(origin)
            foreign |= parts.netloc != request.host
            foreign |= not guarded() and not _is_address(parts.hostname or "")
        if foreign:
            raise web.HTTPForbidden(text="This came from a page of another site.")
        return await handler(request)

    return check


def _is_address(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
