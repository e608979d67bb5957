"""The format of the file. Source: prometheus/exporter-toolkit, docs/web-configuration.md and web/handler.go.

Keys of that format that are not supported here are errors with an explanation, never ignored.
"""

from __future__ import annotations

import dataclasses
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import msgspec

from toolkit import config
from toolkit.config import ConfigError

_BCRYPT = re.compile(r"\$2[abxy]?\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_UNSUPPORTED: Mapping[str, Mapping[str, str]] = {
    "": {"rate_limit": "no rate_limit: a reverse proxy can limit requests"},
    "http_server_config": {},
    "tls_server_config": {
        "cert": "cert_file, with the certificate in a file",
        "key": "key_file, with the key in a file",
        "client_ca": "client_ca_file, with the certificates in a file",
        "client_allowed_sans": "no client_allowed_sans: let client_ca_file be a CA that signs the allowed clients only",
        "cipher_suites": "no cipher_suites: min_version TLS13 leaves only the strong ones",
        "curve_preferences": "no curve_preferences: OpenSSL chooses",
        "prefer_server_cipher_suites": "no prefer_server_cipher_suites: the server's order is always preferred",
    },
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tls_server_config`; relative paths are relative to the file."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that contradict each other."""
        if self.client_auth_type == "NoClientCert" and self.client_ca_file is not None:
            raise ConfigError("client_ca_file", "client_auth_type NoClientCert", "RequireAndVerifyClientCert with it")
        if self.client_auth_type != "NoClientCert" and self.client_ca_file is None:
            raise ConfigError("client_auth_type", "no client_ca_file", "one to verify clients with")
        if self.min_version > self.max_version:
            raise ConfigError("min_version", self.min_version, f"at most max_version ({self.max_version})")


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`http_server_config`."""

    http2: bool = False
    headers: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raise ConfigError for headers that Prometheus' server does not accept either, and for HTTP/2."""
        if self.http2:
            raise ConfigError("http2", "true", "false: HTTP/2 is not supported")
        for name, value in self.headers.items():
            where = f"headers.{name}"
            if name not in _HEADERS:
                raise ConfigError(where, "a header that cannot be set", f"one of {', '.join(_HEADERS)}")
            if _HEADERS[name] and value.lower() not in _HEADERS[name]:
                raise ConfigError(where, config.described(value), " or ".join(_HEADERS[name]))
            if not value.isprintable():
                raise ConfigError(where, "unprintable characters", "one line of text")


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    tls_server_config: Tls | None = None
    http_server_config: Http = Http()
    basic_auth_users: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raise ConfigError for user names and hashes that cannot work."""
        for user, written in self.basic_auth_users.items():
            where = f"basic_auth_users.{user}"
            if not user or ":" in user:
                raise ConfigError(where, f'the user name "{user}"', "a name without colons")
            if not _BCRYPT.fullmatch(written):
                hint = "one that begins with $2b$ or $2y$, from `htpasswd -nBC 10 USER`"
                raise ConfigError(where, "no bcrypt hash", hint)


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of the server; empty without a file.

    Attributes:
        users: bcrypt hash of each user's password.
        headers: of every response.
        tls: None for plain HTTP.
        secret_files: where each is named, and its path.
    """

    users: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    secret_files: tuple[tuple[str, Path], ...] = ()


@dataclasses.dataclass(frozen=True)
class File:
    """A valid file; the files that it names are not read yet."""

    path: Path
    source: object
    document: Document

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the file at the path; an empty one is valid.

        Raises:
            ConfigError: it is not in Prometheus' format, or has unsupported keys.
        """
        source = config.read(path)
        if source is None:
            return cls(path, source, Document())
        for section, keys in _UNSUPPORTED.items():
            within = source if not section else source.get(section) if isinstance(source, dict) else None
            for key in keys:
                if isinstance(within, dict) and key in within:
                    where = f"{section}.{key}" if section else key
                    raise config.locate(ConfigError(where, "an unsupported key", keys[key]), source)
        return cls(path, source, config.decode(source, Document))

    @property
    def named(self) -> tuple[Path, ...]:
        """The paths of the files that this one names."""
        tls = self.document.tls_server_config
        if tls is None:
            return ()
        return tuple(self.path.parent / file for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file)

    def settings(self) -> Settings:
        """Return the settings for the server.

        Raises:
            ConfigError: a certificate or a key is invalid.
        """
        users = {user: written.encode() for user, written in self.document.basic_auth_users.items()}
        headers, tls = self.document.http_server_config.headers, self.document.tls_server_config
        if tls is None:
            return Settings(users, headers)
        keys = (("tls_server_config.key_file", self.path.parent / tls.key_file),)
        return Settings(users, headers, self._context(tls), keys)

    def _context(self, tls: Tls) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[tls.min_version]
        context.maximum_version = _VERSIONS[tls.max_version]
        certificate, key = self.path.parent / tls.cert_file, self.path.parent / tls.key_file
        self._readable("cert_file", certificate)
        self._readable("key_file", key)
        try:
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            got = f"{certificate} and {key}, which OpenSSL rejects ({error.reason or error})"
            raise self._error("cert_file", got, "a certificate and its unencrypted key, in PEM") from None
        context.verify_mode = _CLIENTS[tls.client_auth_type]
        if tls.client_ca_file is not None:
            authority = self.path.parent / tls.client_ca_file
            self._readable("client_ca_file", authority)
            try:
                context.load_verify_locations(authority)
            except ssl.SSLError as error:
                got = f"{authority}, which OpenSSL rejects ({error.reason or error})"
                raise self._error("client_ca_file", got, "certificates in PEM") from None
        return context

    def _readable(self, key: str, path: Path) -> None:
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            got = f"{path}, which cannot be read ({error.strerror})"
            raise self._error(key, got, "a file that this program may read") from None

    def _error(self, key: str, got: str, expected: str) -> ConfigError:
        return config.locate(ConfigError(f"tls_server_config.{key}", got, expected), self.source)
