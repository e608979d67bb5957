"""Prometheus' `web.config.file`: TLS, users and response headers.

The file, the certificate, the key and the client CA are read again when they change, at the next request or handshake.
An invalid edit is logged once and changes nothing; it is tried again every 10 s, because what prevented reading may be
over although no file has changed. Switching TLS on or off and removing the last user need a restart,
so that a half-written file never removes protection.
"""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Gauge

from toolkit import log
from toolkit.config import ConfigError
from toolkit.exposed_files import exposed_settings
from toolkit.webconfig.file_format import SLOW_COST, File, Settings
from toolkit.webconfig.passwords import Passwords, cost

USER = web.RequestKey("user", str)
"""Where a request has its user's name, once the password was checked."""

FAILED = web.RequestKey("failed", bool)
"""Set in a request whose user name or password is wrong, also when its client leaves before the answer."""

WHOLE = web.RequestKey("whole", bool)
"""Set in a request whose password is checked although its client leaves before the answer."""

_log = log.get(__name__)
_Stamp = tuple[int, ...] | None
_RETRY_SECONDS = 10.0


class WebConfig:
    """The current content of a web configuration file."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._stamps: dict[Path, _Stamp] = {}
        self._settings = Settings() if path is None else self._read(path)
        self._passwords = Passwords()
        self._rejected: str | None = None
        self._rejected_at = 0.0

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Return the configuration in a file; without a file there are no users and no TLS.

        Raises:
            ConfigError: the file, or a certificate in it, is invalid.
        """
        return cls(path)

    @property
    def has_users(self) -> bool:
        """Whether a request needs a user name and a password."""
        return bool(self._current().users)

    def register(self, registry: CollectorRegistry, *, prefix: str) -> None:
        """Add the metric of this file to a program's registry.

        Args:
            registry: of the program.
            prefix: the prefix of its metric names.
        """
        Gauge(
            f"{prefix}_web_config_last_reload_successful",
            "Whether the web configuration file was valid when it was last read; 0: the one before it is in use.",
            registry=registry,
        ).set_function(self._last_reload_successful)

    def _last_reload_successful(self) -> float:
        self._current()
        return float(self._rejected is None)

    def exposed(self) -> Iterator[str]:
        """Yield a sentence for each of the files that every user of the machine may read or write and should not."""
        if self._path is not None:
            yield from exposed_settings("--web.config.file", self._path)
            yield from self._current().exposed()

    @property
    def users(self) -> tuple[str, ...]:
        """The names of the users."""
        return tuple(self._current().users)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every response."""
        return self._current().headers

    @property
    def in_force(self) -> object:
        """What is in force; not equal to what it was once something of it has changed."""
        return self._current()

    @property
    def has_tls(self) -> bool:
        """Whether it serves with TLS."""
        return self._settings.tls is not None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context to listen with, None for plain HTTP; each handshake uses the current certificate."""
        if self._settings.tls is None:
            return None
        return _CurrentContext(lambda: self._current().tls)

    def admits(self, certificate: dict[str, Any] | None) -> bool:
        """Return whether `client_allowed_sans` lets a client in.

        Args:
            certificate: the client's, verified, as `ssl.SSLSocket.getpeercert` returns it; None or empty without one.
        """
        allowed = self._current().allowed_sans
        if not allowed or not certificate:
            return True  # without one: `client_auth_type` has decided
        return any(_san(kind, name) in allowed for kind, name in certificate.get("subjectAltName", ()))

    def middleware(self) -> Middleware:
        """Return the middleware that answers 401 to a request without a valid user name and password."""

        @web.middleware
        async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
            users = self._current().users
            credentials = request.headers.get(hdrs.AUTHORIZATION)
            if users:
                connected, failed = partial(_is_connected, request), partial(_note_failure, request)
                user = await self._passwords.match(
                    users, credentials, request.remote, connected, failed, leaves=WHOLE not in request
                )
                if user is not None and self._current().users.get(user) != users[user]:
                    user = None  # changed or removed while its password was being checked
                    failed()
                if user is None:
                    challenge = {hdrs.WWW_AUTHENTICATE: 'Basic realm="web.config.file", charset="UTF-8"'}
                    raise web.HTTPUnauthorized(text="Wrong user name or password.", headers=challenge)
                request[USER] = user
            return await handler(request)

        return authenticate

    async def end(self, _app: web.Application) -> None:
        """Answer everybody whose password is not checked yet; for `app.on_shutdown`: the end waits for no stranger."""
        self._passwords.end()

    def _current(self) -> Settings:
        now = self._clock()
        unchanged = all(_stamp(path) == stamp for path, stamp in self._stamps.items())
        if self._path is None or (unchanged and (self._rejected is None or now - self._rejected_at < _RETRY_SECONDS)):
            return self._settings
        try:
            fresh = self._read(self._path)
            self._check_protection(fresh)
        except ConfigError as error:
            if not unchanged or str(error) != self._rejected:
                _log.error("invalid web configuration, the old one stays", error=error)
            self._rejected, self._rejected_at = str(error), now
        else:
            self._settings, self._rejected = fresh, None
            _log.info("web configuration reloaded", file=self._path)
        return self._settings

    def _read(self, path: Path) -> Settings:
        self._stamps = {watched: _stamp(watched) for watched in (path, *self._stamps)}
        file = File.read(path)
        for user, written in file.document.basic_auth_users.items():
            if (high := cost(written.encode())) > SLOW_COST:
                text = "each check of this password takes seconds on a small computer; 10 to 12 is usual"
                _log.limited(f"cost {user}", "password hash has a high cost", user=user, cost=high, text=text)
        self._stamps = {path: self._stamps[path]} | {named: _stamp(named) for named in file.named}
        return file.settings()

    def _check_protection(self, fresh: Settings) -> None:
        if self._settings.users and not fresh.users:
            raise ConfigError(
                "basic_auth_users",
                "no users",
                "at least one, or a restart to remove the last one",
                file=str(self._path),
            )
        if (self._settings.tls is None) != (fresh.tls is None):
            turned = "off" if fresh.tls is None else "on"
            raise ConfigError(
                "tls_server_config", f"TLS turned {turned}", "a restart for this change", file=str(self._path)
            )


class _CurrentContext(ssl.SSLContext):
    """Passes each handshake to the current context; asyncio calls `wrap_bio` for every server connection."""

    _current: Callable[[], ssl.SSLContext | None]

    def __new__(cls, current: Callable[[], ssl.SSLContext | None]) -> Self:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._current = current
        return made

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 - passed on unchanged
        """Wrap a connection with the current context."""
        context = self._current()
        if context is None:
            raise ssl.SSLError("TLS is off")
        return context.wrap_bio(*arguments, **options)


def _san(kind: str, name: str) -> str:
    """Return an alternative name as Go writes it."""
    return str(ipaddress.ip_address(name)) if kind == "IP Address" else name


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _note_failure(request: web.Request) -> None:
    request[FAILED] = True
    _log.limited("unauthorized", "wrong user name or password", remote=request.remote, path=request.path)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
