"""`magnum-exporter doctor`: check the configuration, every port and device, and the page of the running exporter."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
import urllib.error
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from exporter import config
from exporter.sources.config import SourceConfig
from toolkit.config import ConfigError
from toolkit.fetch import OPENER
from toolkit.findings import Finding, count_wrong, report, secrets
from toolkit.flags import default_config_file
from toolkit.formatting import percent
from toolkit.modbus import TcpAddress, parse
from toolkit.port_holder import holder
from toolkit.webconfig.file_format import exposed

DESCRIPTION = (
    "Checks the configuration, the port or address of each device, the page of the running exporter and its state of "
    "charge, and names what corrects each fault."
)
EXAMPLE = "magnum-exporter doctor"

_EXPORTER = re.compile(r"(^|[/ (])magnum-exporter([ )]|$)")
"""The program in a process's command; the folder of the installation has the same name."""

CONNECT_SECONDS = 3.0
PAGE_SECONDS = 5.0


class Page(NamedTuple):
    """What the running exporter's page has.

    Attributes:
        up: of each device, whether it answers.
        soc: the leading state of charge, 0 to 1; None: none is trusted.
        refused: of each source that is refused, the reason.
        swapped: the devices whose data wires look swapped.
    """

    up: Mapping[str, bool]
    soc: float | None
    refused: Mapping[str, str]
    swapped: frozenset[str] = frozenset()


class Refused(str):
    """The status with which a running exporter has refused its page."""

    __slots__ = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        default=default_config_file("exporter.yml"),
        help="the exporter's configuration file (default: exporter.yml here, else the installed one)",
    )
    parser.add_argument("--url", default="http://127.0.0.1:10048/metrics", help="the page (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print a list of findings for scripts")


def run(arguments: argparse.Namespace) -> int:
    """Examine; return 1 when something is wrong."""
    found = tuple(examine(arguments.config_file, read_page(arguments.url)))
    sys.stdout.write(report(found, for_scripts=arguments.json))
    return 1 if count_wrong(found) else 0


def examine(file: Path, page: Page | str) -> Iterator[Finding]:
    """Yield what is found; `page`: the reason why there is none."""
    try:
        options = config.load(file)
    except ConfigError as error:
        for line in str(error).splitlines():
            remedy = "Correct the file, then check it: magnum-exporter --config.check"
            yield Finding(check="configuration", state="wrong", text=line, remedy=remedy)
        return
    yield Finding(check="configuration", state="well", text=f"{file} is valid.")
    yield from secrets((*exposed(file.with_name("exporter-web.yml")), *config.exposed(options, file)))
    if isinstance(page, Refused):
        text = f"Its page answers {page}: whether its devices answer is not known here."
        yield Finding(check="exporter", state="note", text=text, remedy="See generator-actuator doctor, or the panel.")
        return
    if isinstance(page, str):
        yield Finding(
            check="exporter",
            state="wrong",
            text=f"It does not answer: {page}",
            remedy="systemctl status magnum-exporter; journalctl -u magnum-exporter",
        )
    for name, source in options.sources.items():
        if not isinstance(page, str) and name in page.swapped:
            text, remedy = "A and B are swapped.", "Swap the two data wires at the adapter."
            yield Finding(check=name, state="wrong", text=text, remedy=remedy)
        elif not isinstance(page, str) and page.up.get(name):
            yield Finding(check=name, state="well", text="It answers.")
        else:
            yield _silent(name, source, running=not isinstance(page, str))
    if not isinstance(page, str):
        yield _charge(page)
    if options.nut is not None:
        yield _shutdown(options.nut.socket)


def _silent(name: str, source: SourceConfig, *, running: bool) -> Finding:
    """Return why a device may be silent: by its port, or by its address."""
    for fault in (_port_fault(source.line, running=running), _network_fault(source)):
        if fault is not None:
            text, remedy = fault
            return Finding(check=name, state="wrong", text=text, remedy=remedy)
    if not running:
        return Finding(check=name, state="note", text="Its port is there and free; whether it answers is not known.")
    return Finding(
        check=name,
        state="wrong",
        text="Its port opens, but it does not answer.",
        remedy="Check its power, the cable (A and B may be swapped), the speed and the address of the device. To see "
        "what arrives, stop the exporter: systemctl stop magnum-exporter; magnum-exporter listen PORT",
    )


def _port_fault(port: str | None, *, running: bool) -> tuple[str, str] | None:
    if port is None or not port.startswith("/"):
        return None
    path = Path(port)
    if not path.exists():
        return (f"{port} is not there.", "Plug the adapter in; its name is in: ls -l /dev/serial/by-id/")
    if not os.access(port, os.R_OK | os.W_OK):
        return (f"{port} is closed to this user.", "usermod -aG dialout USER; the service has this group already")
    held_by = holder(path)
    if held_by is not None and not (running and _EXPORTER.search(held_by)):
        return (f"{port} is held by {held_by}.", "End that program: two readers would each get a part of the bytes")
    return None


def _network_fault(source: SourceConfig) -> tuple[str, str] | None:
    address = _address(source)
    if address is None:
        return None
    try:
        socket.create_connection((address.host, address.port), CONNECT_SECONDS).close()
    except OSError as error:
        text = f"{address.host}, port {address.port}, cannot be reached: {error}."
        return (text, f"Check its address, its cable and that it is on: ping {address.host}")
    return None


def _address(source: SourceConfig) -> TcpAddress | None:
    host, url = getattr(source, "host", None), getattr(source, "url", None)
    if isinstance(host, str):
        return TcpAddress(host, getattr(source, "port", 502))
    if isinstance(url, str):
        parsed = parse(url)
        return parsed if isinstance(parsed, TcpAddress) else None
    return None


def _charge(page: Page) -> Finding:
    check = "state of charge"
    if page.soc is not None:
        return Finding(check=check, state="well", text=f"{percent(page.soc)}.")
    why = ", ".join(f"{source}: {reason}" for source, reason in page.refused.items()) or "no device has one"
    remedy = "A device with a state of charge must answer, and its value must be plausible: runbook BatterySocAbsent"
    return Finding(check=check, state="wrong", text=f"No source is trusted ({why}).", remedy=remedy)


def _shutdown(path: Path) -> Finding:
    """Return what the driver of Network UPS Tools sends to upsd."""
    from exporter.nut.protocol import words  # noqa: PLC0415 - most sites have no such clients

    check = "nut"
    try:
        with socket.socket(socket.AF_UNIX) as driver:
            driver.settimeout(CONNECT_SECONDS)
            driver.connect(os.fspath(path))
            driver.sendall(b"NOBROADCAST\nDUMPALL\n")
            received = b""
            while not received.endswith(b"DUMPDONE\n") and (part := driver.recv(65536)):
                received += part
    except PermissionError:
        text = f"{path} is closed to this user: the status for upsd is not known."
        return Finding(check=check, state="note", text=text, remedy="Look as root: sudo magnum-exporter doctor")
    except OSError as error:
        text = f"upsd cannot connect to {path}: {error.strerror or error}."
        remedy = (
            "Install nut-server and deploy/systemd/magnum-exporter.service.d/nut.conf; then: "
            "journalctl -u magnum-exporter | grep upsd"
        )
        return Finding(check=check, state="wrong", text=text, remedy=remedy)
    lines = [words(line) for line in received.decode("ascii", "replace").splitlines()]
    status = next((line[2] for line in lines if line[:2] == ["SETINFO", "ups.status"] and len(line) > 2), None)
    if status is None:
        text = "The data for upsd is stale: no machine knows the state of the battery."
        return Finding(check=check, state="wrong", text=text, remedy="See the findings above, and docs/nut.md")
    return Finding(check=check, state="well", text=f"Status for upsd: {status}.")


def read_page(url: str) -> Page | str:
    """Return the page of the running exporter, or why there is none."""
    if urlsplit(url).scheme not in ("http", "https"):
        return f"got {url}, expected an address that begins with http:// or https://"
    try:
        with OPENER.open(url, timeout=PAGE_SECONDS) as response:
            text = response.read().decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except urllib.error.HTTPError as error:
        return Refused(f"{error.code} {error.reason}")
    except (OSError, ValueError) as error:
        return str(error.reason if isinstance(error, urllib.error.URLError) else error)
    return Page(
        up={
            sample.labels["device"]: sample.value == 1
            for sample in samples
            if sample.name.endswith("_up") and "device" in sample.labels
        },
        soc=next((sample.value for sample in samples if sample.name == "battery_soc_ratio"), None),
        refused={
            sample.labels["source"]: sample.labels["reason"]
            for sample in samples
            if sample.name == "battery_soc_refused" and sample.value == 1
        },
        swapped=frozenset(
            sample.labels["device"] for sample in samples if sample.name == "magnum_wires_swapped" and sample.value == 1
        ),
    )
