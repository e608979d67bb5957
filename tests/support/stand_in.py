"""A stand-in for somebody's HTTP service: keeps what it receives, over HTTP, TLS, or as a proxy to one fixed host."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support import run_command


@dataclass(frozen=True)
class Received:
    """One request."""

    host: str
    path: str
    query: dict[str, str]
    body: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class StandIn:
    """Where it listens, and what it has received."""

    port: int = 0
    received: list[Received] = field(default_factory=list)


def certificate(folder: Path, *names: str) -> Path:
    """Return a file with a new certificate for these names (`DNS:a.example`, `IP:127.0.0.1`), and its key."""
    file = folder / "stand-in.pem"
    new = ("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subject = ("-subj", "/CN=stand-in", "-addext", f"subjectAltName={','.join(names)}")
    made = run_command(*new, *subject, "-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    assert made.returncode == 0, made.stderr
    file.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return file


def server_side(pem: Path) -> ssl.SSLContext:
    """Return the context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@contextmanager
def stand_in(*, behind_proxy: ssl.SSLContext | None = None, answer: object = None) -> Iterator[StandIn]:
    """Run it; `behind_proxy` makes it a proxy that answers, with this certificate, for whatever host is asked for."""
    it = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            assert behind_proxy is not None
            self.send_response(200)
            self.end_headers()
            with behind_proxy.wrap_socket(self.connection, server_side=True) as inside:
                Handler(inside, self.client_address, self.server)
            self.close_connection = True

        def do_POST(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            query = dict(urllib.parse.parse_qsl(parts.query))
            it.received.append(Received(self.headers["Host"], parts.path, query, body))
            text = json.dumps({} if answer is None else answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        it.port = server.server_address[1]
        try:
            yield it
        finally:
            server.shutdown()
            thread.join(5)
