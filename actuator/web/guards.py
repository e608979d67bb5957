"""Guard the HTTP: refuse an exposed address without users, and what a user may not do."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from actuator.config import Access, Role
from actuator.report.metrics import Counts
from actuator.report.wording import answers
from toolkit import flags, log
from toolkit.webconfig import FAILED, USER, WebConfig

_log = log.get(__name__)

_REFUSED = {400: "malformed", 401: "unauthenticated", 403: "unauthenticated", 413: "too_large", 415: "content_type"}
_REFUSED_COMMANDS = _REFUSED | {403: "forbidden", 409: "conflict", 429: "too_many"}


def exposure(addresses: Sequence[str], web_config: WebConfig, *, allow_anonymous: bool) -> str:
    """Return why the server must not listen on these addresses without users; empty when it may."""
    open_to_others = [address for address in addresses if not flags.is_loopback(address)]
    if not open_to_others or web_config.has_users or allow_anonymous:
        return ""
    return (
        f"--web.listen-address={open_to_others[0]} lets others start the engine, expected a loopback address such as "
        "127.0.0.1:10049, or basic_auth_users in --web.config.file, or --web.allow-anonymous if everybody may command"
    )


def content_security_policy(page: str) -> str:
    """Return the content security policy that allows the page's own style and script, and nothing else.

    Only a page with a script may ask this server for anything, and be installed as an app.
    """

    def own(tag: str) -> str:
        inside = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        return f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"

    script = f"script-src {own('script')}; connect-src 'self'; manifest-src 'self'; " if "<script>" in page else ""
    return (
        f"default-src 'none'; style-src {own('style')}; {script}img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def count_refusals(counts: Counts, webhook: str) -> Middleware:
    """Count the requests that the webhook refuses, and the refused commands of people, each by status."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 0
        try:
            response = await handler(request)
            status = response.status
        finally:
            if FAILED in request:
                status = web.HTTPUnauthorized.status_code  # also if the client has left
            if request.method == hdrs.METH_POST:
                of_webhook = request.path == webhook
                counted, reasons = (counts.rejected, _REFUSED) if of_webhook else (counts.commands, _REFUSED_COMMANDS)
                if status in reasons:
                    counted[reasons[status]] += 1
        return response

    return count


def check_access(access: Callable[[], Access | None], webhook: str) -> Middleware:
    """Refuse what `access` does not allow the request's user; health and readiness need no role."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        user, allowed = request.get(USER), access()
        if user is None or allowed is None or request.path in ("/-/healthy", "/-/ready"):
            return await handler(request)
        role: Role = "command"
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            role = "read"
        elif request.path == webhook:
            role = "notify"
        if not allowed.permits(user, role):
            _log.limited("forbidden", "user may not do this", user=user, role=role, path=request.path)
            raise web.HTTPForbidden(text=answers.may_not(user, role))
        return await handler(request)

    return check
