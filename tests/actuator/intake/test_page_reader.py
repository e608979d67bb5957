"""What a page may look like before it is parsed: large, odd, or none."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from actuator.config import Config, Exporter
from actuator.core.settings import Settings
from actuator.intake import page, page_reader
from actuator.site.values import NOTHING
from tests.actuator.harness.page_server import PageServer
from tests.actuator.test_config_warnings import BASE
from tests.support import free_port, run_command
from toolkit.config import ConfigError, decode
from toolkit.worker_thread import Worker

SETTINGS = Settings()


def test_what_was_not_asked_for_changes_nothing() -> None:
    with PageServer() as served:
        served.fresh = False
        text = served.text()
    more = f"# HELP x\n\n# TYPE battery_soc_ratio gauge\nmagnum_up_seconds 3\n{text}python_gc 1\nx{{{'y' * 9000}\n"
    read, _ = page_reader.parse(more, SETTINGS)
    assert read == page.parse(text, SETTINGS)
    assert read.soc == 0.5


def test_a_wrong_line_that_is_only_shown_costs_no_decision() -> None:
    text = 'battery_soc_ratio 0.5\nbattery_soc_lead{source="a"} 1\nmagnum_bmk_amperes{device="a"} much\n'
    read, site = page_reader.parse(text, SETTINGS)
    assert (read.soc, site) == (0.5, NOTHING)
    long = f'battery_soc_ratio 0.5\nmagnum_bmk_amperes{{device="{"a" * 5000}"}} 1\n'
    assert page_reader.parse(long, SETTINGS)[0].soc == 0.5


def test_a_wrong_line_that_is_only_shown_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    wrong = f'magnum_bmk_amperes{{device="{"a" * 1000}"}} much\n'
    for text in (wrong, wrong, "magnum_bmk_amperes 1\n", "magnum_bmk_amperes 1\n"):
        page_reader.parse(text, SETTINGS)
    first, last = caplog.records
    assert "much" in first.__dict__["fields"]["error"]
    assert len(first.__dict__["fields"]["error"]) <= page_reader.LONGEST_FAULT + 1
    assert (first.levelname, last.levelname) == ("WARNING", "INFO")
    assert "cannot be read" in first.getMessage()
    assert "read again" in last.getMessage()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><body>log in</body></html>", "line 1 of the page is not a sample: '<html>"),
        ("magnum_up 1\n= 3\n", "line 2 of the page is not a sample: '= 3'"),
        ('battery_soc_ratio{a="' + '\\"' * 100_000 + '"} 1\n', "line 1 of the page is longer than 4096 characters"),
    ],
)
def test_what_is_no_page_is_refused_at_once(text: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match=said):
        page_reader.parse(text, SETTINGS)
    assert time.monotonic() - began < 1


def test_the_largest_page_takes_a_moment() -> None:
    began = time.monotonic()
    page_reader.parse('x{a="b"} 1\n' * (page_reader.LARGEST // 11), SETTINGS)
    assert time.monotonic() - began < 1
    line = 'battery_soc_ratio{a="' + '\\"' * 2000 + '"} 1\n'
    assert len(line) < page_reader.LONGEST_LINE
    page_reader.parse(line * (page_reader.LARGEST // len(line)), SETTINGS)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@127.0.0.1:1/metrics", "http://***@127.0.0.1:1/metrics"),
        ("https://secret@h/", "https://***@h/"),
        ("http://user:se/cret@h/", "http://***@h/"),
        ("http:/user:secret@h/?a=b", "http:/***@h/?***"),
        ("ftp://user:secret@h/", "ftp://***@h/"),
    ],
)
def test_password_in_the_url_is_refused_and_not_shown(url: str, shown: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode({"url": url}, Exporter)
    assert refused.value.got == f'"{shown}"'
    if url.startswith(("http://", "https://")):
        assert refused.value.expected.endswith("username: and password_file: beside url:")


async def test_secret_in_the_query_is_not_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}/metrics?token=secret"
    config = decode(BASE | {"exporter": {"url": url}}, Config)
    reader = page_reader.PageReader(lambda: config, lambda _: None)
    async with aiohttp.ClientSession() as session:
        await reader._once(session, config)
    assert reader.fault
    (record,) = caplog.records
    assert record.__dict__["fields"]["url"] == url.replace("token=secret", "***")
    assert "secret" not in f"{reader.fault} {record.__dict__['fields']}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 \xff\xfe\x1b[2J\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 " + b"R" * 7000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 \xff\r\n\r\n",
        b"\xff" * 20_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"\xff" * 20_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"\xff" * 9000,
    ],
    ids=["no text", "long", "no status", "no HTTP", "header", "chunk"],
)
async def test_whatever_is_answered_its_fault_can_be_shown(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, aiohttp.ClientSession() as session:
        port = server.sockets[0].getsockname()[1]
        config = decode(BASE | {"exporter": {"url": f"http://127.0.0.1:{port}/metrics"}}, Config)
        reader = page_reader.PageReader(lambda: config, lambda _: None)
        await reader._once(session, config)
    assert reader.fault
    assert reader.fault.isprintable()
    assert len(reader.fault) <= page_reader.LONGEST_FAULT + 1


async def test_an_https_page_is_read_with_the_certificates_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    new = ("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
    assert run_command(*new, *names).returncode == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="battery_soc_ratio 0.5\n")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        (_, port) = runner.addresses[0]
        exporter = decode({"url": f"https://localhost:{port}/"}, Exporter)
        async with aiohttp.ClientSession() as session:
            page_reader._context.cache_clear()
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await page_reader.fetch(session, exporter, (), Worker("page"))
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            page_reader._context.cache_clear()
            assert await page_reader.fetch(session, exporter, (), Worker("page")) == "battery_soc_ratio 0.5\n"
    finally:
        page_reader._context.cache_clear()
        await runner.cleanup()
