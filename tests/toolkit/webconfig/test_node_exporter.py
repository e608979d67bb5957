"""Debian's node exporter and our server with the same web configuration: who is let in, and with which headers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import pytest
from aiohttp import ClientError, ClientSession

from tests.support import ROOT, free_port
from tests.support.plain_application import plain_application
from toolkit import web
from toolkit.webconfig import WebConfig

pytestmark = pytest.mark.slow

FOLDER = ROOT / ".local" / "node-exporter"
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
LONG = "x" * 80
LONG_HASH = bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{anne: {HASH}, 7: {HASH}, 007: {HASH}, true: {HASH}, lång: {HASH}, long: {LONG_HASH}}}\n"
HEADERS = "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}\n"
TLS = "tls_server_config: {cert_file: a.crt, key_file: a.key, %s}\n"
HTTP1 = "http_server_config: {http2: false}\n"
VERIFY = "client_auth_type: %s, client_ca_file: ca.crt"
FILES = {
    "nothing": "",
    "empty sections": "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
    "users": USERS,
    "headers": HEADERS,
    "users and headers": USERS + HEADERS,
    "tls": TLS % "",
    "tls with users": TLS % "" + USERS,
    "tls 1.3": TLS % "min_version: TLS13",
    "tls 1.2": TLS % "max_version: TLS12",
    "one cipher suite": TLS % "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]" + HTTP1,
    "a cipher suite for another key": TLS % "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]" + HTTP1,
    "required client": TLS % (VERIFY % "RequireAndVerifyClientCert"),
    "optional client": TLS % (VERIFY % "VerifyClientCertIfGiven"),
}
RIGHT = ("anne", "7", "007", "true", "lång", "bob", "ANNE", "")
CREDENTIALS = {"none": None} | {f"{user} right": f"{user}:right" for user in RIGHT}
CREDENTIALS |= {"wrong": "anne:wrong", "empty": "anne:", "no colon": "anne"}
CREDENTIALS |= {"long": f"long:{LONG}", "long wrong": "long:" + "y" * 80}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def node_exporter() -> str:
    name = "prometheus-node-exporter"
    program = shutil.which(name) or shutil.which(FOLDER / "usr" / "bin" / name)
    if program is None:
        fetch: list[str | Path] = [ROOT / "deploy" / "debian-packages", FOLDER, name]
        if subprocess.run(fetch, capture_output=True, timeout=120, check=False).returncode:
            pytest.skip(f"{name} is not installed and cannot be fetched from Debian's packages")
        program = str(FOLDER / "usr" / "bin" / name)
    return program


@contextlib.asynccontextmanager
async def there(program: str) -> AsyncIterator[int]:
    port = free_port()
    arguments = [f"--web.listen-address=127.0.0.1:{port}", "--web.config.file=web.yml", "--collector.disable-defaults"]
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def here() -> AsyncIterator[int]:
    web_config = WebConfig.load(Path("web.yml"))
    async with web.serve(plain_application(web_config), ["127.0.0.1:0"], web_config) as [(_, port)]:
        yield port


async def answers(port: int, certificates: Path, *, tls: bool) -> dict[str, str]:
    """Return what each client gets: the status and the configured headers, or that it is refused."""
    found = {}
    async with ClientSession() as session:
        for name, credentials in CREDENTIALS.items():
            auth = {} if credentials is None else {"Authorization": f"Basic {_encoded(credentials)}"}
            found[name] = await _answer(session, port, auth, _context(certificates) if tls else None)
        for scheme in ("basic", "BASIC", "Bearer"):
            auth = {"Authorization": f"{scheme} {_encoded('anne:right')}"}
            found[scheme] = await _answer(session, port, auth, _context(certificates) if tls else None)
        for version in VERSIONS if tls else ():
            for client in (None, "client", "stranger"):
                context = _context(certificates, version, client)
                auth = {"Authorization": f"Basic {_encoded('anne:right')}"}
                found[f"TLS {version}, certificate {client}"] = await _answer(session, port, auth, context)
    return found


def _encoded(credentials: str) -> str:
    return base64.b64encode(credentials.encode()).decode()


def _context(certificates: Path, version: str | None = None, client: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / "a.crt"))
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    if client is not None:
        context.load_cert_chain(certificates / f"{client}.crt", certificates / f"{client}.key")
    return context


async def _answer(session: ClientSession, port: int, auth: dict[str, str], context: ssl.SSLContext | None) -> str:
    url = f"{'http' if context is None else 'https'}://127.0.0.1:{port}/metrics"
    try:
        async with session.get(url, headers=auth | {"Connection": "close"}, ssl=context or True) as response:
            configured = [
                f"{key}={response.headers.get(key)}" for key in ("X-Frame-Options", "Strict-Transport-Security")
            ]
            return " ".join([str(response.status), *configured])
    except (ClientError, OSError):
        return "refused"


@pytest.mark.parametrize("name", FILES)
async def test_clients_are_let_in_as_by_the_node_exporter(
    node_exporter: str, certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("a.crt", "a.key", "ca.crt"):
        shutil.copy(certificates / file, file)
    (tmp_path / "web.yml").write_text(FILES[name], encoding="utf-8")
    tls = "cert_file" in FILES[name]
    async with there(node_exporter) as port:
        expected = await answers(port, certificates, tls=tls)
    async with here() as port:
        assert await answers(port, certificates, tls=tls) == expected
