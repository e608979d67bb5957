"""The actuator's HTTP: Alertmanager's webhook, status, commands, journal, and the live event stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from actuator.core.inputs import Command
from actuator.core.overlay import DEFAULT, EDITABLE
from actuator.history import documents
from actuator.history.async_history import AsyncHistory, HistoryError
from actuator.intake import alertmanager
from actuator.intake.input_queue import Answer, FullError, Outcome
from actuator.journal import MAX_ROWS, JournalError, as_csv, as_json, as_object
from actuator.loop.runtime import Runtime
from actuator.report import settings, status, wording
from actuator.report.metrics import Counts
from actuator.report.site import Powers
from actuator.report.snapshot import Snapshot
from actuator.report.status import Status
from actuator.report.status_changes import changed
from actuator.web import guards, openapi, panel_page, runbooks
from toolkit import log
from toolkit.config import ConfigError, Duration, decode
from toolkit.formatting import span
from toolkit.web import application
from toolkit.webconfig import USER, WebConfig
from toolkit.worker_thread import DeadlineError, Worker

ALERTS = "/api/v1/alerts"
TURN_TIMEOUT = 8.0
"""Seconds that a request waits for its turn; Alertmanager waits ten."""

READ_SECONDS = 5.0
"""For reading one notification; the longest takes a twentieth of a second on a fast machine."""

MOST_CHANGES = 10
CHANGES_WITHIN = 3600.0
"""Seconds. A program that changes thresholds without end wears the card, and makes an engine start and stop."""

KEEP_ALIVE = 15.0
"""Seconds after which a stream without a change gets a comment: a client that gets none for longer has lost it."""

BETWEEN_STATUSES = 1.0
"""Seconds between two statuses of a stream, at least."""

BETWEEN_POWERS = 10.0
"""Seconds between two events with the powers alone: they move all the time, and a day of them must stay small."""

MOST_MISSED = 1_000
"""Rows that a stream gets at once when it connects again."""

_log = log.get(__name__)


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
        guards=(
            guards.check_access(lambda: runtime.config.access, ALERTS),
            guards.refuse_other_sites(lambda: web_config.has_users or allow_anonymous),
        ),
    )
    routes = _Routes(runtime, counts, watchers, history)
    app.middlewares.insert(0, guards.count_refusals(counts, ALERTS))
    app.router.add_get("/", routes.panel)
    app.router.add_get("/manifest.webmanifest", routes.manifest)
    app.router.add_get("/icon.svg", routes.icon)
    app.router.add_get("/runbooks/{name}", routes.runbook)
    app.router.add_post(ALERTS, routes.alerts)
    app.router.add_get("/api/v1/status", routes.status)
    app.router.add_get(openapi.PATH, _openapi)
    app.router.add_post("/api/v1/mode", routes.mode)
    app.router.add_post("/api/v1/reset", routes.reset)
    app.router.add_post("/api/v1/acknowledge", routes.acknowledge)
    app.router.add_get("/api/v1/journal", routes.journal)
    app.router.add_get("/api/v1/settings", routes.settings)
    app.router.add_post("/api/v1/settings", routes.edit)
    app.router.add_post("/api/v1/profile", routes.profile)
    app.router.add_get("/api/v1/history", routes.history)
    app.router.add_get("/api/v1/runs", routes.runs)
    app.router.add_get("/api/v1/events", routes.events, allow_head=False)
    return app


class Watchers:
    """Wakes those who wait for the next snapshot. Made on their loop; the turn, on another one, waits for nobody."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watchers: set[asyncio.Event] = set()
        self._asked = False

    def wake(self) -> None:
        """Have every watcher woken. From any thread; one call waits at a time, also when the loop is stuck."""
        if not self._asked:
            self._asked = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._asked = False  # first: a snapshot from here on wakes them once more
        for watcher in self._watchers:
            watcher.set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set after each turn."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)


class _Routes:
    def __init__(self, runtime: Runtime, counts: Counts, watchers: Watchers, history: AsyncHistory) -> None:
        self._runtime, self._counts, self._watchers, self._history = runtime, counts, watchers, history
        self._last: tuple[Snapshot, Status, bytes] | None = None
        self._reader, self._reading = Worker("notifications"), asyncio.Lock()
        self._changes: list[float] = []
        self._changing = asyncio.Lock()  # a change builds on the one before it
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
            outcome = await _in_time(self._runtime.input_queue.notices(notified.notices, notified.beats))
            if notified.refused:
                raise web.HTTPBadRequest(text=f"Refused, except its inhibits: {notified.refused}")
            if not outcome.obeyed:
                raise web.HTTPServiceUnavailable(text="Accepted, but the relay did not obey.")
            inhibits = [notice.firing for notice in notified.notices if notice.kind == "inhibit"]
            if inhibits:
                _refuse_unwritten(outcome, "The inhibit is accepted", forbids=all(inhibits))
        elif notified.refused:
            raise web.HTTPBadRequest(text=f"Refused: {notified.refused}")
        return web.Response(text="Accepted.\n")

    async def _read(self, body: bytes) -> alertmanager.Notification:
        """Return what a notification means; one at a time, in a thread, so that other requests are served meanwhile."""
        async with self._reading:
            try:
                return await self._reader.do(
                    partial(alertmanager.read, body, self._runtime.config.alerts), READ_SECONDS
                )
            except ValueError as error:
                return alertmanager.Notification(refused=str(error))
            except DeadlineError as error:
                raise web.HTTPServiceUnavailable(text=f"The notification could not be read: {error}.") from error

    def _count(self, notified: alertmanager.Notification) -> None:
        self._counts.notifications["firing"] += notified.firing
        self._counts.notifications["resolved"] += notified.resolved
        self._counts.rejected["unknown_alert"] += notified.unknown
        self._counts.rejected["other_site"] += notified.other_site
        self._counts.rejected["malformed"] += notified.malformed

    async def status(self, _request: web.Request) -> web.Response:
        return self._status()

    async def mode(self, request: web.Request) -> web.Response:
        body = await _json(request)
        mode, duration = body.get("mode"), body.get("for")
        if mode not in ("auto", "on", "off"):
            raise web.HTTPBadRequest(text=f'Got mode {json.dumps(mode)}, expected "auto", "on" or "off".')
        if mode != "off":
            _expect_only(body, "mode", "for")
        seconds = None
        if mode == "on":
            seconds = self._seconds(duration)
        elif mode == "auto" and duration is not None:
            raise web.HTTPBadRequest(text='"for" is allowed only with mode "on".')
        return await self._command(Command(action=mode, seconds=seconds), f"Mode {mode} is in force")

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
        body = await _json(request)
        match body.get("what"):
            case "lockout":
                _expect_only(body, "what")
                return await self._command(Command(action="reset_lockout"), "The lock-out is reset")
            case "journal":
                _expect_only(body, "what")
                return await self._command(Command(action="reset_journal"), "The journal alarm is reset")
            case "service":
                _expect_only(body, "what")
                return await self._command(Command(action="reset_service"), "The service is recorded")
            case "inhibit":
                _expect_only(body, "what", "name", "fingerprint")
                return await self._reset_inhibit(body)
            case what:
                raise web.HTTPBadRequest(
                    text=f'Got what {json.dumps(what)}, expected "lockout", "journal", "service" or "inhibit".'
                )

    async def _reset_inhibit(self, body: dict[str, Any]) -> web.Response:
        """Reset the one inhibit that the body names; without name and fingerprint: the only one there is."""
        given = sorted(body.keys() & {"name", "fingerprint"})
        if len(given) > 1:
            raise web.HTTPBadRequest(text='Got both "name" and "fingerprint", expected one of them.')
        for key in given:
            if not isinstance(body[key], str):
                raise web.HTTPBadRequest(text=f"Got {key} {json.dumps(body[key])}, expected a text.")
        inhibits = self._snapshot().state.durable.inhibits
        chosen = [
            fingerprint
            for fingerprint, inhibit in inhibits.items()
            if body.get("fingerprint", fingerprint) == fingerprint and body.get("name", inhibit.name) == inhibit.name
        ]
        if len(chosen) != 1:
            asked = "".join(f"{key} {json.dumps(body[key])}" for key in given)
            matching = {fingerprint: inhibits[fingerprint] for fingerprint in chosen}
            raise web.HTTPConflict(
                text=wording.resets.inhibits_match(asked, matching)
                if chosen
                else wording.resets.no_inhibit_matches(asked, inhibits)
            )
        (fingerprint,) = chosen
        command = Command(action="reset_inhibit", fingerprint=fingerprint)
        outcome = await self._obeyed(command, "The reset is accepted")
        snapshot = self._snapshot()
        if (kept := snapshot.state.durable.inhibits.get(fingerprint)) is not None:
            lease, started_at = snapshot.config.alerts.lease, snapshot.state.started_at
            left = snapshot.state.alerts.reset_from(fingerprint, lease, started_at=started_at) - snapshot.now
            raise web.HTTPConflict(text=wording.resets.inhibit_kept(kept.summary, lease, left))
        _refuse_unwritten(outcome, "The inhibit is reset", forbids=False)
        return self._status()

    async def settings(self, _request: web.Request) -> web.Response:
        return self._settings()

    def _settings(self) -> web.Response:
        durable = self._snapshot().state.durable
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
        body = await _json(request)
        _expect_only(body, "set", "clear")
        given, cleared = body.get("set", {}), body.get("clear", [])
        if not isinstance(given, dict) or not isinstance(cleared, list):
            raise web.HTTPBadRequest(text='Expected {"set": {name: value, …}, "clear": [name, …]}.')
        unknown = [json.dumps(name) for name in cleared if name not in EDITABLE]
        if unknown:
            raise web.HTTPBadRequest(text=f"clear: got {unknown[0]}, expected one of {', '.join(EDITABLE)}.")
        async with self._changing:
            durable = self._snapshot().state.durable
            edits = {name: value for name, value in durable.edits.items() if name not in cleared} | given
            return await self._change(request, durable.profile, edits)

    async def profile(self, request: web.Request) -> web.Response:
        body = await _json(request)
        _expect_only(body, "name")
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise web.HTTPBadRequest(text=f'Got name {json.dumps(name)}, expected a text such as "{DEFAULT}".')
        async with self._changing:
            edits = self._snapshot().state.durable.edits
            return await self._change(request, "" if name == DEFAULT else name, edits)

    async def _change(self, request: web.Request, profile: str, edits: Mapping[str, Any]) -> web.Response:
        """Put a profile and edits in force, if they fit the file and there were not too many changes."""
        try:
            new = self._runtime.file.overlaid(profile, edits)
        except ConfigError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        run = self._snapshot().state.durable.run
        if run is not None and "exercise" in run.causes and new.exercise != self._runtime.config.exercise:
            raise web.HTTPConflict(text="An exercise is running: its settings can be changed when it has ended.")
        now = time.monotonic()
        self._changes = [at for at in self._changes if now - at < CHANGES_WITHIN]
        if len(self._changes) >= MOST_CHANGES:
            left = CHANGES_WITHIN - (now - self._changes[0])
            raise web.HTTPTooManyRequests(
                text=f"At most {MOST_CHANGES} changes in {span(CHANGES_WITHIN)}: try again in {span(left)}.",
                headers={hdrs.RETRY_AFTER: f"{left:.0f}"},
            )
        command = Command(action="settings", profile=profile, edits=edits, who=request.get(USER, ""))
        outcome = await _in_time(self._runtime.input_queue.command(command))
        if dropped := self._snapshot().state.durable.dropped:
            raise web.HTTPConflict(text=f"The configuration file has changed meanwhile: {dropped}")
        self._changes.append(now)  # it is in force, also when the relay or the journal fails
        self._refuse_disobeyed(outcome, "The change is in force")
        _refuse_unwritten(outcome, "The change is in force", forbids=False)
        return self._settings()

    async def acknowledge(self, request: web.Request) -> web.Response:
        if request.can_read_body:
            await _json(request)
        return await self._command(Command(action="reset_lockout"), "The lock-out is reset")

    async def _command(self, command: Command, done: str) -> web.Response:
        outcome = await self._obeyed(command, done)
        _refuse_unwritten(outcome, done, forbids=command.action == "off")
        return self._status()

    async def _obeyed(self, command: Command, done: str) -> Outcome:
        """Return the outcome of the turn that uses the command; answer 503 if the relay fails in it."""
        outcome = await _in_time(self._runtime.input_queue.command(command))
        self._refuse_disobeyed(outcome, done)
        return outcome

    def _refuse_disobeyed(self, outcome: Outcome, done: str) -> None:
        if not outcome.obeyed:
            raise web.HTTPServiceUnavailable(
                text=f"{done}, but the relay did not obey: {self._snapshot().relay_fault}."
            )

    async def journal(self, request: web.Request) -> web.Response:
        form = request.query.get("format", "json")
        if form not in ("json", "csv"):
            raise web.HTTPBadRequest(text=f'Got format "{form}", expected json or csv.')
        render = as_csv if form == "csv" else as_json
        try:
            body = await self._runtime.journal.read(
                render,
                since=_moment(request.query.get("since")),
                after=_whole(request, "after", 0, "the number of a row"),
                most=_whole(request, "most", MAX_ROWS, "a number of rows"),
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
        snapshot = self._snapshot()
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

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send the status when it changes, and the journal rows after the last one that the client has received.

        Between two statuses the powers are sent by themselves. A status in which only the clock or a power moved is not
        sent: a comment shows every 15 s that turns still end. A client that has missed many rows gets the newest of
        them; all rows are at `/api/v1/journal`.
        """
        journal = self._runtime.journal
        # A number beyond the newest row is from a journal that was lost: rows are counted from 1 again.
        newest = journal.memory.newest
        seen = min(newest, _number(request.headers.get("Last-Event-ID"), newest))
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"})
        await response.prepare(request)
        with self._watchers.watching() as watcher, contextlib.suppress(ConnectionError):
            watcher.set()
            sent: Status | None = None
            powers: Powers | None = None
            loop = asyncio.get_running_loop()
            written = loop.time()
            while not self._runtime.ended:
                await watcher.wait()
                watcher.clear()
                try:
                    rows = await journal.rows(after=seen, most=MOST_MISSED)
                except JournalError as error:
                    _log.limited("events", "event stream continues without the rows it has missed", error=error)
                    rows = journal.memory.since(seen)
                for row in rows:
                    await response.write(_event("journal", as_object(row), row.id))
                    seen = row.id
                if self._runtime.snapshot is None:
                    continue
                now, body = self._document(self._runtime.snapshot)
                if sent is None or changed(sent, now):
                    sent, powers, written = now, now.site.powers, loop.time()
                    await response.write(_event("status", body))
                    await asyncio.sleep(BETWEEN_STATUSES)
                elif powers != now.site.powers and loop.time() - written >= BETWEEN_POWERS:
                    powers, written = now.site.powers, loop.time()
                    await response.write(_event("powers", msgspec.json.encode(powers)))
                elif loop.time() - written >= KEEP_ALIVE:
                    written = loop.time()
                    await response.write(b":\n\n")
        return response

    def _document(self, snapshot: Snapshot) -> tuple[Status, bytes]:
        """Return the status, also as JSON, made once for all who ask for it."""
        if self._last is None or self._last[0] is not snapshot:
            made = status.status(snapshot, engine_today=self._history.engine_today(snapshot))
            self._last = snapshot, made, status.document(made)
        return self._last[1:]

    def _status(self) -> web.Response:
        return web.Response(
            body=self._document(self._snapshot())[1],
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )

    def _snapshot(self) -> Snapshot:
        if self._runtime.snapshot is None:
            raise web.HTTPServiceUnavailable(text="The first turn has not ended yet. Try again in a second.")
        return self._runtime.snapshot


def _page(html: str) -> web.Response:
    headers = {"Content-Security-Policy": guards.content_security_policy(html), hdrs.CACHE_CONTROL: "no-store"}
    response = web.Response(text=html, content_type="text/html", headers=headers)
    response.enable_compression()
    return response


def _refuse_unwritten(outcome: Outcome, done: str, *, forbids: bool) -> None:
    """Answer 503 while something is unwritten that would be lost by a restart."""
    # What forbids a run is safe in the sidecar alone. A sidecar that is ahead of its database makes the next start
    # torn, and a torn start keeps the inhibits of both, and mode off of either.
    if not outcome.durable and not (forbids and outcome.in_sidecar):
        raise web.HTTPServiceUnavailable(
            text=f"{done}, but it could not be written: a restart would lose it. {outcome.journal_fault}."
        )


def _document(answer: msgspec.Struct) -> web.Response:
    response = web.Response(
        body=msgspec.json.encode(answer), content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
    response.enable_compression()
    return response


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(openapi.document())


async def _in_time(awaited: Awaitable[Answer]) -> Outcome:
    """Return the outcome of the turn; answer 503 when no turn ends in time, or too much waits for it."""
    try:
        async with asyncio.timeout(TURN_TIMEOUT):
            outcome = await awaited
    except TimeoutError:
        raise web.HTTPServiceUnavailable(
            text=f"Accepted, not known to be done: no turn has ended within {TURN_TIMEOUT:g} s. "
            "It is done with the next turn."
        ) from None
    except FullError as error:
        raise web.HTTPServiceUnavailable(text=str(error), headers={hdrs.RETRY_AFTER: "1"}) from None
    if outcome is None:
        raise web.HTTPServiceUnavailable(text="The actuator is ending: not known to be done.")
    return outcome


async def _json(request: web.Request) -> dict[str, Any]:
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


def _expect_only(body: dict[str, Any], *keys: str) -> None:
    unknown = sorted(body.keys() - set(keys))
    if unknown:
        *others, last = (f'"{key}"' for key in keys)
        expected = f"{', '.join(others)} and {last}" if others else last
        raise web.HTTPBadRequest(text=f"Got {json.dumps(unknown[0])}, expected only {expected}.")


def _moment(text: str | None) -> float | None:
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


def _whole(request: web.Request, name: str, otherwise: int, expected: str) -> int:
    """Return a parameter of the request that is a whole number."""
    text = request.query.get(name)
    if not text:
        return otherwise
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise web.HTTPBadRequest(text=f'Got {name} "{text}", expected {expected}.')
    return int(text)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 18 else otherwise


def _event(kind: str, data: bytes, number: int | None = None) -> bytes:
    head = b"" if number is None else f"id: {number}\n".encode()
    return head + f"event: {kind}\n".encode() + b"data: " + data + b"\n\n"
