"""The format of the file. Source: prometheus/exporter-toolkit, docs/web-configuration.md and web/handler.go.

Keys of that format that are not supported here are errors with an explanation, never ignored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

import msgspec

from toolkit import config, file_reader
from toolkit.config import ConfigError
from toolkit.exposed_files import exposed_secret, exposed_settings
from toolkit.webconfig.passwords import cost

_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
HIGHEST_COST = 16
"""Of a hash: a check takes four seconds on a good computer."""

SLOW_COST = 14
"""Beyond this a check takes seconds on a small computer."""

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_UNSUPPORTED: Mapping[str, Mapping[str, str]] = {
    "": {"rate_limit": "no rate_limit: a reverse proxy can limit requests"},
    "tls_server_config": {
        "cert": "cert_file, with the certificate in a file",
        "key": "key_file, with the key in a file",
        "client_ca": "client_ca_file, with the certificates in a file",
        "curve_preferences": "no curve_preferences: Python's ssl cannot set an order, and OpenSSL's begins with X25519",
    },
}
_NOT_VERIFIED = "RequireAndVerifyClientCert: Python's ssl asks for a certificate only to verify it"
_TOO_OLD = "TLS12 or TLS13: OpenSSL refuses older versions"
_UNSUPPORTED_VALUES: Mapping[str, Mapping[str, str]] = {
    "client_auth_type": dict.fromkeys(
        ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _NOT_VERIFIED
    ),
    "min_version": dict.fromkeys(("TLS10", "TLS11"), _TOO_OLD),
    "max_version": dict.fromkeys(("TLS10", "TLS11"), _TOO_OLD),
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    # TLS 1.3 always has these.
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
}
"""Go's name of each secure cipher suite (crypto/tls, CipherSuites), and OpenSSL's."""


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tls_server_config`; relative paths are relative to the file."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    client_allowed_sans: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that contradict each other."""
        if self.client_auth_type == "NoClientCert" and self.client_ca_file is not None:
            raise ConfigError("client_ca_file", "client_auth_type NoClientCert", "RequireAndVerifyClientCert with it")
        if self.client_auth_type != "NoClientCert" and self.client_ca_file is None:
            raise ConfigError("client_auth_type", "no client_ca_file", "one to verify clients with")
        if self.min_version > self.max_version:
            raise ConfigError("min_version", self.min_version, f"at most max_version ({self.max_version})")
        if self.client_allowed_sans and self.client_auth_type == "NoClientCert":
            raise ConfigError(
                "client_allowed_sans", "client_auth_type NoClientCert", "RequireAndVerifyClientCert with it"
            )
        for index, name in enumerate(self.cipher_suites):
            if name not in _CIPHERS:
                raise ConfigError(f"cipher_suites[{index}]", f'"{name}"', f"one of {', '.join(_CIPHERS)}")
        if self.cipher_suites and not any(map(_CIPHERS.get, self.cipher_suites)) and self.max_version == "TLS12":
            raise ConfigError("cipher_suites", "none for TLS 1.2", "one, or no max_version TLS12")


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
            if cost(written.encode()) > HIGHEST_COST:
                got = f"a hash of cost {cost(written.encode())}"
                raise ConfigError(where, got, f"at most {HIGHEST_COST}: each step doubles the time of a check")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of the server; empty without a file.

    Attributes:
        users: bcrypt hash of each user's password.
        headers: of every response.
        tls: None for plain HTTP.
        exposed: yields a sentence for each file of TLS that every user may read or write and should not.
        allowed_sans: alternative names of which a client's certificate must have one; empty: any will do.
    """

    users: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    exposed: Callable[[], Iterable[str]] = tuple
    allowed_sans: frozenset[str] = frozenset()


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
        source = config.read(path, text_keys=True)
        if source is None:
            return cls(path, source, Document())
        if isinstance(source, dict):
            _refuse_unsupported(source)
            _drop_nothing(source, Document)
            _drop_nothing(source.get("tls_server_config"), Tls)
            _drop_nothing(source.get("http_server_config"), Http)
            if source.get("tls_server_config") == {}:
                del source["tls_server_config"]
        return cls(path, source, config.decode(source, Document))

    @property
    def named(self) -> tuple[Path, ...]:
        """The paths of the files that this one names."""
        tls = self.document.tls_server_config
        if tls is None:
            return ()
        return tuple(self.path.parent / file for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file)

    def exposed(self) -> Iterator[str]:
        """Yield a sentence for each named file that every user of the machine may read or write and should not."""
        tls, folder = self.document.tls_server_config, self.path.parent
        if tls is not None:
            yield from exposed_settings("tls_server_config.cert_file", folder / tls.cert_file)
            yield from exposed_secret("tls_server_config.key_file", folder / tls.key_file)
            if tls.client_ca_file is not None:
                yield from exposed_settings("tls_server_config.client_ca_file", folder / tls.client_ca_file)

    def settings(self) -> Settings:
        """Return the settings for the server.

        Raises:
            ConfigError: a certificate or a key is invalid.
        """
        users = {user: written.encode() for user, written in self.document.basic_auth_users.items()}
        headers, tls = self.document.http_server_config.headers, self.document.tls_server_config
        if tls is None:
            return Settings(users, headers)
        return Settings(users, headers, self._context(tls), self.exposed, frozenset(tls.client_allowed_sans))

    def _context(self, tls: Tls) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[tls.min_version]
        context.maximum_version = _VERSIONS[tls.max_version]
        if tls.cipher_suites:
            suites = ":".join(filter(None, map(_CIPHERS.get, tls.cipher_suites)))
            if suites:
                context.set_ciphers(suites)
            else:
                context.minimum_version = ssl.TLSVersion.TLSv1_3
        if not tls.prefer_server_cipher_suites:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
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
            file_reader.read_bytes(path)
        except OSError as error:
            got = f"{path}, which cannot be read ({error.strerror})"
            raise self._error(key, got, "a file that this program may read") from None

    def _error(self, key: str, got: str, expected: str) -> ConfigError:
        return config.locate(ConfigError(f"tls_server_config.{key}", got, expected), self.source)


def exposed(path: Path) -> Iterator[str]:
    """Yield a sentence for each of a file and those it names that everybody may read or write and should not.

    For a command; a program asks its `WebConfig`. Without a file there is none, and nothing of a wrong one is read.
    """
    yield from exposed_settings("--web.config.file", path)
    with contextlib.suppress(ConfigError):
        yield from File.read(path).exposed()


def _refuse_unsupported(source: dict[str, object]) -> None:
    for section, keys in _UNSUPPORTED.items():
        within = source.get(section) if section else source
        for key in keys:
            if isinstance(within, dict) and key in within:
                where = f"{section}.{key}" if section else key
                raise config.locate(ConfigError(where, "an unsupported key", keys[key]), source)
    tls = source.get("tls_server_config")
    for key, values in _UNSUPPORTED_VALUES.items():
        value = tls.get(key) if isinstance(tls, dict) else None
        if isinstance(value, str) and value in values:
            raise config.locate(ConfigError(f"tls_server_config.{key}", value, values[value]), source)


def _drop_nothing(section: object, kind: type[msgspec.Struct]) -> None:
    """Remove keys without a value, which count as absent for Prometheus; unknown ones stay, and are refused."""
    if isinstance(section, dict):
        for key in kind.__struct_fields__:
            if section.get(key, "") is None:
                del section[key]
