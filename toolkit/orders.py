"""Orders that are obeyed although their client leaves before the answer, if they have arrived whole by then.

A program decides which those are. They must be harmless when they are late: a client that has left cannot take them
back, and one that comes later may be served before them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from toolkit.webconfig import FAILED, WHOLE
from toolkit.webconfig.passwords import origin

MOST_LEFT = 32
"""Orders whose clients have left; beyond this the oldest one of the address with the most is dropped."""

LEFT_SECONDS = 10.0
"""For which an order goes on after its client has left: longer than a check of its password takes."""

IsOrder = Callable[[str, bytes], bool]
"""Returns whether a request with this path and this body is one."""

_Order = asyncio.Task[web.StreamResponse]


class Orders:
    """Those whose clients have left; they go on. Other requests end with their connection."""

    def __init__(self, is_order: IsOrder, most: int) -> None:
        """Make none.

        Args:
            is_order: asked before it is known who has sent a request.
            most: bytes of a body. A longer or compressed one is not read before it is known who has sent it.
        """
        self._is_order, self._most = is_order, most
        self._left: dict[_Order, str] = {}

    def middleware(self) -> Middleware:
        """Return the middleware that lets an order go on when its connection ends, unless its password was wrong."""

        @web.middleware
        async def obey(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != hdrs.METH_POST or not await self._has_arrived(request):
                return await handler(request)
            request[WHOLE] = True
            order = asyncio.create_task(_handled(handler, request))
            try:
                return await asyncio.shield(order)
            except asyncio.CancelledError:
                self._leave(order, request)
                raise

        return obey

    async def end(self, _app: web.Application) -> None:
        """End them all; for `app.on_cleanup`."""
        for order in tuple(self._left):
            order.cancel()

    async def _has_arrived(self, request: web.Request) -> bool:
        """Return whether an order is there whole. Its body is then read: it is lost with the connection."""
        length = request.content_length
        if not request.content.is_eof() or length is None or length > self._most:
            return False
        if hdrs.CONTENT_ENCODING in request.headers:
            return False
        return self._is_order(request.path, await request.read())

    def _leave(self, order: _Order, request: web.Request) -> None:
        order.add_done_callback(self._ended)
        if FAILED in request:
            order.cancel()
            return
        too_long = asyncio.get_running_loop().call_later(LEFT_SECONDS, order.cancel)
        # Else it keeps the order, and what was sent with it, until then.
        order.add_done_callback(lambda _: too_long.cancel())
        self._left[order] = origin(request.remote or "")[0]
        if len(self._left) > MOST_LEFT:
            crowd = Counter(self._left.values()).most_common(1)[0][0]
            oldest = next(one for one, address in self._left.items() if address == crowd)
            del self._left[oldest]
            oldest.cancel()

    def _ended(self, order: _Order) -> None:
        self._left.pop(order, None)
        if not order.cancelled():
            order.exception()  # nobody waits for it; retrieved so that asyncio does not log it


async def _handled(handler: Handler, request: web.Request) -> web.StreamResponse:
    return await handler(request)
