"""The status of the last turn, made once for all who ask for it."""

from __future__ import annotations

from aiohttp import hdrs, web

from actuator.history.async_history import AsyncHistory
from actuator.loop.runtime import Runtime
from actuator.report import status
from actuator.report.snapshot import Snapshot
from actuator.report.status import Status
from actuator.report.wording import answers


class LatestStatus:
    """The status of the last turn."""

    def __init__(self, runtime: Runtime, history: AsyncHistory) -> None:
        self._runtime, self._history = runtime, history
        self._last: tuple[Snapshot, Status, bytes] | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Of the last turn; answers 503 before the first one has ended."""
        if self._runtime.snapshot is None:
            raise web.HTTPServiceUnavailable(text=answers.FIRST_TURN)
        return self._runtime.snapshot

    def document(self, snapshot: Snapshot) -> tuple[Status, bytes]:
        """Return the status, also as JSON."""
        if self._last is None or self._last[0] is not snapshot:
            made = status.status(snapshot, engine_today=self._history.engine_today(snapshot))
            self._last = snapshot, made, status.document(made)
        return self._last[1:]

    def response(self) -> web.Response:
        """Return the answer with the status."""
        return web.Response(
            body=self.document(self.snapshot)[1],
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )
