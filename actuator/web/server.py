"""The actuator's HTTP: Alertmanager's webhook, status, commands, journal, history and the panel."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from actuator.core.inputs import Command
from actuator.core.settings import AlertSettings
from actuator.history import documents
from actuator.history.async_history import AsyncHistory, HistoryError
from actuator.intake import alertmanager
from actuator.intake.input_queue import Outcome
from actuator.journal import MAX_ROWS, JournalError, as_csv, as_json
from actuator.loop.runtime import Runtime
from actuator.report.metrics import Counts
from actuator.report.wording import answers, resets
from actuator.web import guards, openapi, panel_page, runbooks
from actuator.web.event_stream import EventStream, Watchers
from actuator.web.latest_status import LatestStatus
from actuator.web.outcomes import in_time, refuse_disobeyed, refuse_unwritten
from actuator.web.requests import expect_only, json_object, moment, whole
from actuator.web.settings import SettingsRoutes
from toolkit import log
from toolkit.config import ConfigError, Duration, decode
from toolkit.formatting import span
from toolkit.other_sites import refuse_other_sites
from toolkit.replace import replace
from toolkit.tasks import finish
from toolkit.web import application
from toolkit.webconfig import USER, WebConfig
from toolkit.worker_thread import DeadlineError, Worker

ALERTS = "/api/v1/alerts"
MODE = "/api/v1/mode"
READ_SECONDS = 5.0
"""For reading one notification; the longest takes a twentieth of a second on a fast machine."""

_log = log.get(__name__)


class _Mode(msgspec.Struct):
    mode: str = ""


def _is_order(path: str, body: bytes) -> bool:
    """Return whether this is obeyed although its client leaves: *off*, and notifications, which have times."""
    if path != MODE:
        return path == ALERTS
    try:
        return msgspec.json.decode(body, type=_Mode).mode == "off"
    except (msgspec.DecodeError, RecursionError):
        return False


def build(
    runtime: Runtime,
    counts: Counts,
    registry: CollectorRegistry,
    *,
    version: str,
    web_config: WebConfig,
    reload: Callable[[], Awaitable[None]] | None,
    watchers: Watchers,
    history: AsyncHistory,
    allow_anonymous: bool = False,
) -> web.Application:
    """Return the application. Called on the loop that serves it, which is not the turn's.

    Args:
        runtime: receives the inputs and has the last snapshot; what is used of it is for any thread.
        counts: counters of notifications for the metrics.
        registry: the metrics of `/metrics`.
        version: the distribution's.
        web_config: users, TLS and headers.
        reload: loads the configuration again; None when the lifecycle is not enabled.
        watchers: woken after each turn.
        history: the curve and the past runs.
        allow_anonymous: everybody who reaches the address may command, by any host name.
    """
    app = application(
        name="generator-actuator",
        description="Starts and stops the generator on alerts, and by itself when the alerts stop.",
        version=version,
        links=(),
        registry=registry,
        ready=lambda: runtime.snapshot is not None and not runtime.ended,
        reload=reload,
        web_config=web_config,
        landing=False,
        large=frozenset({ALERTS}),
        is_order=_is_order,
        guards=(
            guards.check_access(lambda: runtime.config.access, ALERTS),
            refuse_other_sites(lambda: web_config.has_users or allow_anonymous),
        ),
    )
    latest = LatestStatus(runtime, history)
    routes = _Routes(runtime, counts, latest, history)
    changes = SettingsRoutes(runtime, latest)
    events = EventStream(runtime, latest, watchers, lambda: (web_config.in_force, runtime.config.access))
    app.middlewares.insert(0, guards.count_refusals(counts, ALERTS))
    app.router.add_get("/", routes.panel)
    app.router.add_get("/manifest.webmanifest", routes.manifest)
    app.router.add_get("/icon.svg", routes.icon)
    for path in ("/runbooks", "/runbooks/"):
        app.router.add_get(path, routes.runbooks)
    app.router.add_get("/runbooks/{name}", routes.runbook)
    app.router.add_post(ALERTS, routes.alerts)
    app.router.add_get("/api/v1/status", routes.status)
    app.router.add_get(openapi.PATH, _openapi)
    app.router.add_post(MODE, routes.mode)
    app.router.add_post("/api/v1/reset", routes.reset)
    app.router.add_post("/api/v1/acknowledge", routes.acknowledge)
    app.router.add_get("/api/v1/journal", routes.journal)
    app.router.add_get("/api/v1/settings", changes.settings)
    app.router.add_post("/api/v1/settings", changes.edit)
    app.router.add_post("/api/v1/profile", changes.profile)
    app.router.add_get("/api/v1/history", routes.history)
    app.router.add_get("/api/v1/runs", routes.runs)
    app.router.add_get("/api/v1/events", events.respond, allow_head=False)
    return app


class _Routes:
    def __init__(self, runtime: Runtime, counts: Counts, latest: LatestStatus, history: AsyncHistory) -> None:
        self._runtime, self._counts, self._latest, self._history = runtime, counts, latest, history
        self._reader, self._reading = Worker("notifications"), asyncio.Lock()
        self._panel = panel_page.html()
        self._manifest, self._icon = (
            (panel_page.FOLDER / name).read_text(encoding="utf-8") for name in ("manifest.webmanifest", "icon.svg")
        )
        self._runbooks = runbooks.load()

    async def panel(self, _request: web.Request) -> web.Response:
        return _page(self._panel)

    async def manifest(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._manifest, content_type="application/manifest+json")

    async def icon(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._icon, content_type="image/svg+xml")

    async def runbooks(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound("/runbooks/README")

    async def runbook(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._runbooks:
            raise web.HTTPNotFound
        return _page(runbooks.page(name, self._runbooks[name]))

    async def alerts(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text=f"Got {request.content_type}, expected application/json.")
        notified = await self._read(await request.read())
        if notified.refused:
            _log.limited("malformed", "notification is malformed", remote=request.remote, error=notified.refused)
        self._count(notified)
        if notified.truncated:
            _log.limited(
                "truncated",
                "Alertmanager left alerts out: set max_alerts to 0 for this receiver",
                left_out=notified.truncated,
            )
        if notified.notices or notified.beats:
            outcome = await in_time(self._runtime.input_queue.notices(notified.notices, notified.beats))
            if notified.refused:
                raise web.HTTPBadRequest(text=answers.refused_except_inhibits(notified.refused))
            if not outcome.obeyed:
                raise web.HTTPServiceUnavailable(text=answers.ACCEPTED_NOT_OBEYED)
            inhibits = [notice.firing for notice in notified.notices if notice.kind == "inhibit"]
            if inhibits:
                refuse_unwritten(outcome, answers.INHIBIT_ACCEPTED, forbids=all(inhibits))
        elif notified.refused:
            raise web.HTTPBadRequest(text=answers.refused(notified.refused))
        return web.Response(text=f"{answers.ACCEPTED}\n")

    async def _read(self, body: bytes) -> alertmanager.Notification:
        """Return what a notification means; one at a time, in a thread, so that other requests are served meanwhile."""
        async with self._reading:
            try:
                reading = partial(_notification, body, self._runtime.config.alerts)
                return await finish(self._reader.do(reading, READ_SECONDS))
            except DeadlineError as error:
                raise web.HTTPServiceUnavailable(text=answers.unread(error)) from error

    def _count(self, notified: alertmanager.Notification) -> None:
        self._counts.notifications["firing"] += notified.firing
        self._counts.notifications["resolved"] += notified.resolved
        self._counts.rejected["unknown_alert"] += notified.unknown
        self._counts.rejected["other_site"] += notified.other_site
        self._counts.rejected["malformed"] += notified.malformed

    async def status(self, _request: web.Request) -> web.Response:
        return self._latest.response()

    async def mode(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        mode, duration = body.get("mode"), body.get("for")
        if mode not in ("auto", "on", "off"):
            raise web.HTTPBadRequest(text=f'Got mode {json.dumps(mode)}, expected "auto", "on" or "off".')
        if mode != "off":
            expect_only(body, "mode", "for")
        seconds = None
        if mode == "on":
            seconds = self._seconds(duration)
        elif mode == "auto" and duration is not None:
            raise web.HTTPBadRequest(text='"for" is allowed only with mode "on".')
        return await self._command(request, Command(action=mode, seconds=seconds))

    def _seconds(self, duration: object) -> float | None:
        if duration is None:
            return None
        try:
            seconds = float(decode(duration, Duration))
        except ConfigError as error:
            raise web.HTTPBadRequest(text=f"for: {error}") from error
        longest = self._runtime.config.limits.max_run
        if not 0 < seconds <= longest:
            raise web.HTTPBadRequest(
                text=f"Got {span(seconds)}, expected more than 0 s and at most limits.max_run, {span(longest)}."
            )
        return seconds

    async def reset(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        match body.get("what"):
            case "lockout":
                expect_only(body, "what")
                return await self._command(request, Command(action="reset_lockout"))
            case "journal":
                expect_only(body, "what")
                return await self._command(request, Command(action="reset_journal"))
            case "service":
                expect_only(body, "what")
                return await self._command(request, Command(action="reset_service"))
            case "inhibit":
                expect_only(body, "what", "name", "fingerprint")
                return await self._reset_inhibit(request, body)
            case what:
                raise web.HTTPBadRequest(
                    text=f'Got what {json.dumps(what)}, expected "lockout", "journal", "service" or "inhibit".'
                )

    async def _reset_inhibit(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        """Reset the one inhibit that the body names; without name and fingerprint: the only one there is."""
        given = sorted(body.keys() & {"name", "fingerprint"})
        if len(given) > 1:
            raise web.HTTPBadRequest(text='Got both "name" and "fingerprint", expected one of them.')
        for key in given:
            if not isinstance(body[key], str):
                raise web.HTTPBadRequest(text=f"Got {key} {json.dumps(body[key])}, expected a text.")
        inhibits = self._latest.snapshot.state.durable.inhibits
        chosen = [
            fingerprint
            for fingerprint, inhibit in inhibits.items()
            if body.get("fingerprint", fingerprint) == fingerprint and body.get("name", inhibit.name) == inhibit.name
        ]
        if len(chosen) != 1:
            asked = "".join(f"{key} {json.dumps(body[key])}" for key in given)
            matching = {fingerprint: inhibits[fingerprint] for fingerprint in chosen}
            raise web.HTTPConflict(
                text=resets.inhibits_match(asked, matching) if chosen else resets.no_inhibit_matches(asked, inhibits)
            )
        (fingerprint,) = chosen
        command = Command(action="reset_inhibit", fingerprint=fingerprint)
        outcome = await self._obeyed(request, command, answers.RESET_ACCEPTED)
        snapshot = self._latest.snapshot
        if (kept := snapshot.state.durable.inhibits.get(fingerprint)) is not None:
            left = snapshot.reset_from(fingerprint) - snapshot.now
            raise web.HTTPConflict(text=resets.inhibit_kept(kept.summary, snapshot.config.alerts.lease, left))
        refuse_unwritten(outcome, answers.DONE[command.action], forbids=False)
        return self._latest.response()

    async def acknowledge(self, request: web.Request) -> web.Response:
        if request.can_read_body:
            await json_object(request)
        return await self._command(request, Command(action="reset_lockout"))

    async def _command(self, request: web.Request, command: Command) -> web.Response:
        done = answers.DONE[command.action]
        outcome = await self._obeyed(request, command, done)
        refuse_unwritten(outcome, done, forbids=command.action == "off")
        return self._latest.response()

    async def _obeyed(self, request: web.Request, command: Command, done: str) -> Outcome:
        """Return the outcome of the turn that uses the command; answer 503 if the relay fails in it."""
        command = replace(command, who=request.get(USER, ""))
        outcome = await in_time(self._runtime.input_queue.command(command))
        refuse_disobeyed(outcome, done, self._latest.snapshot.relay_fault)
        return outcome

    async def journal(self, request: web.Request) -> web.Response:
        form = request.query.get("format", "json")
        if form not in ("json", "csv"):
            raise web.HTTPBadRequest(text=f'Got format "{form}", expected json or csv.')
        render = as_csv if form == "csv" else as_json
        try:
            body = await self._runtime.journal.read(
                render,
                since=moment(request.query.get("since")),
                after=whole(request, "after", 0, "the number of a row"),
                most=whole(request, "most", MAX_ROWS, "a number of rows"),
            )
        except JournalError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        if form == "csv":
            headers = {hdrs.CONTENT_DISPOSITION: 'attachment; filename="generator-journal.csv"'}
            return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
        return web.Response(body=body, content_type="application/json")

    async def history(self, request: web.Request) -> web.Response:
        name = request.query.get("range", "24h")
        if name not in documents.RANGES:
            raise web.HTTPBadRequest(text=f'Got range "{name}", expected {" or ".join(documents.RANGES)}.')
        snapshot = self._latest.snapshot
        try:
            samples = await self._history.samples(since=snapshot.wall - documents.RANGES[name])
        except HistoryError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        config = snapshot.config
        return _document(
            documents.curve(samples, name, start_soc=float(config.start_soc), stop_soc=float(config.stop_soc))
        )

    async def runs(self, request: web.Request) -> web.Response:
        text = request.query.get("limit", "20")
        limit = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
        if not 1 <= limit <= documents.MOST_RUNS:
            raise web.HTTPBadRequest(text=f'Got limit "{text}", expected a number from 1 to {documents.MOST_RUNS}.')
        try:
            return _document(documents.Runs(runs=tuple(await self._history.runs(limit=limit))))
        except HistoryError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error


def _notification(body: bytes, alerts: AlertSettings) -> alertmanager.Notification:
    # Caught in the thread: the frames of an error that crossed to the loop would keep the parsed body until the next
    # full collection.
    try:
        return alertmanager.read(body, alerts)
    except ValueError as error:
        return alertmanager.Notification(refused=str(error))


def _page(html: str) -> web.Response:
    headers = {"Content-Security-Policy": guards.content_security_policy(html), hdrs.CACHE_CONTROL: "no-store"}
    response = web.Response(text=html, content_type="text/html", headers=headers)
    response.enable_compression()
    return response


def _document(answer: msgspec.Struct) -> web.Response:
    response = web.Response(
        body=msgspec.json.encode(answer), content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
    response.enable_compression()
    return response


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(openapi.document())
