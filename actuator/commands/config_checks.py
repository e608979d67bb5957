"""Check what `actuator.yml` names outside of itself: folders, the exporter's page, and the ports of its sources.

Each part is read by itself, so that it is checked also in a file that is wrong elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from actuator.config import Broker, Exporter
from actuator.intake import page, page_reader
from toolkit.config import ConfigError, decode, locate, near, read_mapping
from toolkit.config.named_files import unreadable
from toolkit.durable_file import cannot_write
from toolkit.flags import is_loopback
from toolkit.formatting import redacted
from toolkit.homeassistant.config import wrong_files
from toolkit.modbus import serial_port
from toolkit.worker_thread import Worker

EXPORTER = "exporter.yml"
"""The file of the exporter, in the same folder if it runs on the same machine."""

_AS_USER = "of the user that runs the actuator (check as that user)"


class Outside(NamedTuple):
    """What is wrong outside of the file, and what may be."""

    errors: tuple[ConfigError, ...]
    warnings: tuple[ConfigError, ...]


def outside(path: Path) -> Outside:
    """Check everything that a file names, for `--config.check`; waits for the exporter's page for a few seconds."""
    document = read_mapping(path)
    exporter = _exporter(document)
    devices, warnings = _neighbours_devices(path, exporter), []
    password = () if exporter is None else tuple(_password(exporter))
    if exporter is not None and not password:
        try:
            devices = asyncio.run(_devices_of_page(exporter))
        except page_reader.FAULTS as error:
            got = f"{redacted(exporter.url)}, which cannot be read now: {page_reader.fault(error, exporter)}"
            warnings.append(locate(ConfigError("exporter.url", got, "the page of a running exporter"), document))
    errors = (*password, *_journal(document), *_mirror(document), *_evidence(document, devices), *_mqtt(document))
    return Outside((*source_port(path), *(locate(error, document) for error in errors)), tuple(warnings))


def source_port(path: Path) -> Iterator[ConfigError]:
    """Yield an error if a source of the exporter on this machine has the relay's serial port.

    Args:
        path: of the file; such an exporter has its own next to it.
    """
    document = read_mapping(path)
    relay = serial_port(document.get("relay"))
    if relay is None:
        return
    for name, source in _neighbours_sources(path, _exporter(document)).items():
        if serial_port(source) == relay:
            got = f"{relay}, the port of the source {name} in {path.with_name(EXPORTER)}"
            yield locate(ConfigError("relay", got, "a port of its own"), document)


def _exporter(document: dict[Any, Any]) -> Exporter | None:
    with contextlib.suppress(ConfigError):
        return decode(document.get("exporter"), Exporter)
    return None


def _password(exporter: Exporter) -> Iterator[ConfigError]:
    if exporter.password_file is not None:
        yield from unreadable("exporter.password_file", exporter.password_file)


def _neighbours_sources(path: Path, exporter: Exporter | None) -> dict[Any, Any]:
    """Return the sources of the exporter's file; none if its page, and so its ports, are another machine's."""
    try:
        here = exporter is not None and is_loopback(urllib.parse.urlsplit(exporter.url).hostname or "")
    except ValueError:
        here = False
    sources = read_mapping(path.with_name(EXPORTER)).get("sources") if here else None
    return sources if isinstance(sources, dict) else {}


def _neighbours_devices(path: Path, exporter: Exporter | None) -> tuple[str, ...] | None:
    sources = _neighbours_sources(path, exporter)
    magnum = (name for name, source in sources.items() if isinstance(source, dict) and source.get("type") == "magnum")
    return tuple(map(str, magnum)) if sources else None


def _mqtt(document: dict[Any, Any]) -> Iterator[ConfigError]:
    if "mqtt" in document:
        with contextlib.suppress(ConfigError):
            yield from wrong_files(decode(document["mqtt"], Broker))


async def _devices_of_page(exporter: Exporter) -> tuple[str, ...]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        names = (page.UP, page.STAMP)
        return page.magnum_devices(await page_reader.fetch(session, exporter, names, Worker("page")))


def _evidence(document: dict[Any, Any], devices: tuple[str, ...] | None) -> Iterator[ConfigError]:
    """Refuse evidence of a device that the exporter does not have; None: which it has is not known."""
    evidence = document.get("evidence")
    device = evidence.get("device") if isinstance(evidence, dict) else None
    if isinstance(device, str) and devices is not None and device not in devices:
        expected = f"one of the exporter's Magnum sources: {', '.join(devices) or 'it has none'}{near(device, devices)}"
        yield ConfigError("evidence.device", f'"{device}"', expected)


def _journal(document: dict[Any, Any]) -> Iterator[ConfigError]:
    path = document.get("journal")
    if not isinstance(path, str) or not path:
        return
    reason = cannot_write(Path(path).parent, made_if_missing=True)
    with contextlib.suppress(OSError):
        if reason is None and Path(path).is_dir():
            reason = "it is a folder"
        elif reason is None and Path(path).exists() and not os.access(path, os.W_OK):
            reason = "this user cannot write it"
    if reason is not None:
        yield ConfigError("journal", f"{path}: {reason}", f"a file in a folder {_AS_USER}")


def _mirror(document: dict[Any, Any]) -> Iterator[ConfigError]:
    """Refuse a mirror that cannot be written; the service manager may make a missing folder."""
    path = document.get("mirror")
    if not isinstance(path, str) or not Path(path).exists():
        return
    reason = cannot_write(Path(path))
    if reason is not None:
        expected = f"a folder in memory {_AS_USER}, such as /run/generator-actuator"
        yield ConfigError("mirror", f"{path}: {reason}", expected)
