"""The settings: what is in force, edits and profiles."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from actuator.core.inputs import Command
from actuator.core.overlay import DEFAULT, EDITABLE
from actuator.loop.runtime import Runtime
from actuator.report import settings
from actuator.report.wording import answers
from actuator.web.latest_status import LatestStatus
from actuator.web.outcomes import in_time, refuse_disobeyed, refuse_unwritten
from actuator.web.requests import expect_only, json_object
from toolkit.config import ConfigError
from toolkit.tasks import finish
from toolkit.webconfig import USER

MOST_CHANGES = 10
CHANGES_WITHIN = 3600.0
"""Seconds. A program that changes thresholds without end wears the card, and makes an engine start and stop."""


class SettingsRoutes:
    """Answers about the settings, and changes of them."""

    def __init__(self, runtime: Runtime, latest: LatestStatus) -> None:
        self._runtime, self._latest = runtime, latest
        self._changes: list[float] = []
        self._changing = asyncio.Lock()  # a change builds on the one before it

    async def settings(self, _request: web.Request) -> web.Response:
        """Return the settings in force."""
        return self._answer()

    def _answer(self) -> web.Response:
        durable = self._latest.snapshot.state.durable
        return web.Response(
            body=settings.document(
                self._runtime.file,
                self._runtime.config,
                profile=durable.profile,
                edits=durable.edits,
                dropped=durable.dropped,
            ),
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )

    async def edit(self, request: web.Request) -> web.Response:
        """Change single settings."""
        body = await json_object(request)
        expect_only(body, "set", "clear")
        given, cleared = body.get("set", {}), body.get("clear", [])
        if not isinstance(given, dict) or not isinstance(cleared, list):
            raise web.HTTPBadRequest(text='Expected {"set": {name: value, …}, "clear": [name, …]}.')
        unknown = [json.dumps(name) for name in cleared if name not in EDITABLE]
        if unknown:
            raise web.HTTPBadRequest(text=f"clear: got {unknown[0]}, expected one of {', '.join(EDITABLE)}.")
        async with self._changing:
            durable = self._latest.snapshot.state.durable
            edits = {name: value for name, value in durable.edits.items() if name not in cleared} | given
            return await finish(self._change(request, durable.profile, edits))

    async def profile(self, request: web.Request) -> web.Response:
        """Put a profile in force."""
        body = await json_object(request)
        expect_only(body, "name")
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise web.HTTPBadRequest(text=f'Got name {json.dumps(name)}, expected a text such as "{DEFAULT}".')
        async with self._changing:
            edits = self._latest.snapshot.state.durable.edits
            return await finish(self._change(request, "" if name == DEFAULT else name, edits))

    async def _change(self, request: web.Request, profile: str, edits: Mapping[str, Any]) -> web.Response:
        """Put a profile and edits in force, if they fit the file and there were not too many changes."""
        try:
            new = self._runtime.file.overlaid(profile, edits)
        except ConfigError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        run = self._latest.snapshot.state.durable.run
        if run is not None and "exercise" in run.causes and new.exercise != self._runtime.config.exercise:
            raise web.HTTPConflict(text=answers.EXERCISE_RUNS)
        now = time.monotonic()
        self._changes = [at for at in self._changes if now - at < CHANGES_WITHIN]
        if len(self._changes) >= MOST_CHANGES:
            left = CHANGES_WITHIN - (now - self._changes[0])
            raise web.HTTPTooManyRequests(
                text=answers.too_many_changes(MOST_CHANGES, CHANGES_WITHIN, left),
                headers={hdrs.RETRY_AFTER: f"{left:.0f}"},
            )
        command = Command(action="settings", profile=profile, edits=edits, who=request.get(USER, ""))
        outcome = await in_time(self._runtime.input_queue.command(command))
        if dropped := self._latest.snapshot.state.durable.dropped:
            raise web.HTTPConflict(text=answers.file_changed(dropped))
        self._changes.append(now)  # it is in force, also when the relay or the journal fails
        refuse_disobeyed(outcome, answers.DONE[command.action], self._latest.snapshot.relay_fault)
        refuse_unwritten(outcome, answers.DONE[command.action], forbids=False)
        return self._answer()
