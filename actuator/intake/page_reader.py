"""Read the exporter's page at an interval, and only the metrics that the decision needs and the site's for people."""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import aiohttp

from actuator.config import Config, Exporter
from actuator.core.inputs import Page
from actuator.core.settings import Settings
from actuator.intake import page, site_page
from actuator.site.values import NOTHING, SiteValues
from toolkit import file_reader, log
from toolkit.formatting import printable, redacted
from toolkit.worker_thread import DeadlineError, Worker

LARGEST = 256 * 1024
"""Bytes. The requested metrics take a few thousand."""

LONGEST_LINE = 4096
LONGEST_FAULT = 200
FAULTS = (aiohttp.ClientError, DeadlineError, TimeoutError, OSError, ValueError, LookupError)
"""What any answer that is not a page, or none, may raise."""

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)[{ \t]")

_log = log.get(__name__)


class PageReader:
    """Reads the page again and again; not on the turn's loop, which no answer and no name server may hold up.

    Attributes:
        fault: why the last reading failed, empty when it succeeded.
        site: of the last reading, for people alone; empty when it failed.
    """

    def __init__(self, config: Callable[[], Config], deliver: Callable[[Page], None]) -> None:
        self._config, self._deliver = config, deliver
        # Not the default executor: names are resolved there, and name servers may hang.
        self._worker = Worker("page")
        self.fault = ""
        self.site = NOTHING

    async def run(self) -> None:
        """Read at the configured interval until cancelled."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                began = time.monotonic()
                await self._once(session, self._config())
                await asyncio.sleep(max(0.05, began + self._config().exporter.interval - time.monotonic()))

    async def _once(self, session: aiohttp.ClientSession, config: Config) -> None:
        try:
            names = dict.fromkeys((*page.names(config), *sorted(site_page.NAMES)))
            text = await fetch(session, config.exporter, names, self._worker)
            read, site = await self._worker.do(partial(parse, text, config), _timeout(config.exporter))
        except FAULTS as error:
            self.fault, self.site = fault(error, config.exporter), NOTHING
            url = redacted(config.exporter.url)
            _log.limited("exporter", "exporter's page cannot be read", url=url, error=self.fault)
            return
        self.fault, self.site = "", site
        _log.recovered("exporter", "exporter's page is read again", url=redacted(config.exporter.url))
        self._deliver(read)


async def fetch(session: aiohttp.ClientSession, exporter: Exporter, names: Iterable[str], worker: Worker) -> str:
    """Return the text of the page with the metrics of these names; raises one of FAULTS."""
    auth = None
    if exporter.username is not None and exporter.password_file is not None:
        password = await worker.do(partial(file_reader.read_text, exporter.password_file), _timeout(exporter))
        auth = aiohttp.BasicAuth(exporter.username, password.rstrip("\r\n"))
    async with session.get(
        exporter.url,
        params=[("name[]", name) for name in names],
        ssl=_context(exporter.url),
        headers={"Accept": "text/plain; version=0.0.4"},
        auth=auth,
        timeout=aiohttp.ClientTimeout(total=_timeout(exporter)),
        allow_redirects=False,
    ) as response:
        if response.status != 200:
            raise ValueError(f"got status {response.status} {response.reason}, expected 200")
        body = bytearray()
        async for part in response.content.iter_chunked(65536):
            body += part
            if len(body) > LARGEST:
                raise ValueError(f"the page is larger than {LARGEST} bytes")
        return body.decode()


@functools.cache
def _context(url: str) -> ssl.SSLContext | bool:
    """Return what verifies a server; aiohttp's own default has no certificates, see `toolkit.web_import`."""
    return ssl.create_default_context() if url.startswith("https:") else True


def fault(error: Exception, exporter: Exporter) -> str:
    """Return why the page could not be read, without a password that its URL may have; printable, and not long."""
    text = str(error) or f"no answer within {_timeout(exporter):g} s"
    return _short(text.replace(exporter.url, redacted(exporter.url)))


def _short(text: str) -> str:
    text = printable(" ".join(text.split()))
    # An answer's own words may be in it: bytes that are no text, with which no status could be sent, or thousands.
    return text if len(text) <= LONGEST_FAULT else f"{text[:LONGEST_FAULT]}…"


def parse(text: str, config: Settings) -> tuple[Page, SiteValues]:
    """Return the values of the page that the decision needs, and those that people are shown.

    Raises:
        ValueError: the text is not Prometheus' text format.
    """
    wanted = frozenset(page.names(config))
    # Other metrics are dropped first: parsing takes far longer than comparing a name.
    kept: list[str] = []
    of_people: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line[0] in "#\r":
            continue
        sample = _SAMPLE.match(line)
        if sample is None:
            raise ValueError(f"line {number} of the page is not a sample: {line[:40]!r}")
        if sample[1] in site_page.NAMES and len(line) <= LONGEST_LINE:
            of_people.append(line)
        if sample[1] not in wanted:
            continue
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} of the page is longer than {LONGEST_LINE} characters")
        kept.append(line)
    return page.parse("\n".join([*kept, ""]), config), _site(of_people)


def _site(lines: Sequence[str]) -> SiteValues:
    """Return what people are shown; nothing if its lines are wrong, so that the decision keeps its values."""
    try:
        read = site_page.read("\n".join([*lines, ""]))
    except ValueError as error:
        _log.limited("site", "site's values on the exporter's page cannot be read", error=_short(str(error)))
        return NOTHING
    _log.recovered("site", "site's values on the exporter's page are read again")
    return read


def _timeout(exporter: Exporter) -> float:
    return float(exporter.interval) * 0.8
