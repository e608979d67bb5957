"""Prometheus' `web.config.file`: who may come in, over what, and which headers go out.

Source: prometheus/exporter-toolkit, docs/web-configuration.md. What of that format is not supported is refused with a
sentence, never passed over. The file, the certificate and the key are read again when they change; an edit that cannot
be used leaves everything as it was and is said once.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import hashlib
import hmac
import re
import secrets
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Self

import bcrypt
import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from toolkit import config, log
from toolkit.config import ConfigError

_log = log.get(__name__)
_HASH = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_REMEMBERED = 100
_WAITING = 16


class _Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    def __post_init__(self) -> None:
        if (self.client_ca_file is None) != (self.client_auth_type == "NoClientCert"):
            raise ValueError("client_ca_file and a client_auth_type other than NoClientCert belong together")
        if self.min_version > self.max_version:
            raise ValueError(f"min_version {self.min_version} is above max_version {self.max_version}")


class _Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    headers: dict[str, str] = {}


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tls_server_config: _Tls | None = None
    http_server_config: _Http = _Http()
    basic_auth_users: dict[str, str] = {}

    def __post_init__(self) -> None:
        for user, written in self.basic_auth_users.items():
            if not _HASH.fullmatch(written):
                raise ConfigError(f"basic_auth_users.{user}", "no bcrypt hash", "one: `htpasswd -nBC 10 USER` makes it")


@dataclasses.dataclass(frozen=True)
class _State:
    users: Mapping[str, bytes]
    headers: Mapping[str, str]
    context: ssl.SSLContext | None
    seen: tuple[object, ...]


class WebConfig:
    """What a web configuration file says, kept up to date."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._state = _State({}, {}, None, ()) if path is None else _read(path)
        self._refused: tuple[object, ...] | None = None
        self._remembered: dict[bytes, None] = {}
        self._key = secrets.token_bytes(32)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._waiting = 0

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Return the configuration of a file; without one nobody is asked and nothing is encrypted.

        Raises:
            ConfigError: the file, or a certificate that it names, cannot be used.
        """
        return cls(path)

    @property
    def has_users(self) -> bool:
        """Whether a request must bring a user and a password."""
        return bool(self._current().users)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that every response carries."""
        return self._current().headers

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context to listen with, None for plain HTTP."""
        return self._state.context

    def middleware(self) -> Middleware:
        """Return the middleware that answers 401 to who does not bring a known user and their password."""

        @web.middleware
        async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
            users = self._current().users
            if users and not await self._known(users, request.headers.get(hdrs.AUTHORIZATION, "")):
                _log.limited("unauthorized", "a request was not authorized", remote=request.remote, path=request.path)
                raise web.HTTPUnauthorized(text="Unauthorized", headers={hdrs.WWW_AUTHENTICATE: "Basic"})
            return await handler(request)

        return authenticate

    async def _known(self, users: Mapping[str, bytes], header: str) -> bool:
        user, password = _credentials(header)
        written = users.get(user, next(iter(users.values())))
        proof = hmac.digest(self._key, written + b"\0" + user.encode() + b"\0" + password, hashlib.sha256)
        if proof in self._remembered:
            return user in users
        if self._waiting >= _WAITING:
            raise web.HTTPServiceUnavailable(text="Too many passwords are being checked.", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            matches = await asyncio.get_running_loop().run_in_executor(self._executor, _matches, password, written)
        finally:
            self._waiting -= 1
        if not matches or user not in users:
            return False
        self._remembered[proof] = None
        while len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return True

    def _current(self) -> _State:
        if self._path is None:
            return self._state
        return self._state


def _matches(password: bytes, written: bytes) -> bool:
    return bcrypt.checkpw(password[:72], written)


def _credentials(header: str) -> tuple[str, bytes]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return user.decode(), password
    except (binascii.Error, UnicodeDecodeError):
        return "", b""


def _read(path: Path) -> _State:
    document = config.read(path)
    web_config = config.decode({} if document is None else document, _File)
    users = {user: written.encode() for user, written in web_config.basic_auth_users.items()}
    context = None
    if web_config.tls_server_config is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            path.parent / web_config.tls_server_config.cert_file, path.parent / web_config.tls_server_config.key_file
        )
    return _State(users, web_config.http_server_config.headers, context, ())
