"""Broken sites, each in one way, and what both doctors find there: the tables of docs/doctor.md.

    python -m tests.support.broken_sites

writes the tables into the page, between its markers; a test compares the two.
"""

from __future__ import annotations

import os
import pty
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import msgspec

from actuator.commands import doctor as chain_doctor
from actuator.commands.diagnosis import ACTING, Answers, Samples, diagnose
from actuator.commands.upsmon import Upsmon
from actuator.config import Access
from exporter.tools import doctor
from exporter.tools.doctor import Page, Refused
from tests.support import ROOT, free_port
from toolkit.config import read
from toolkit.findings import Finding

PAGE: Final = ROOT / "docs" / "doctor.md"

STATUS: Final[dict[str, Any]] = {
    "severity": "ok",
    "headline": "Ready. Battery 80 %.",
    "reason": "",
    "remedy": "",
    "mode": "auto",
    "path": "alerts",
    "contact": {
        "relay": "channel 1 of USB relay board BITFT",
        "fault": "",
        "can_read_back": True,
        "read_back": False,
        "wanted": False,
    },
    "clock_sane": True,
    "last_beat": 970.0,
    "time": 1000.0,
}
METRICS: Final[Samples] = {
    f"generator_{name}": [({}, 1.0)] for name in ("journal_writable", "journal_mirrored", "history_writable")
}
DEVICES: Final[Samples] = {
    "magnum_up": [({"device": "main"}, 1.0)],
    "classic_up": [({"device": "sun"}, 1.0)],
    "battery_soc_ratio": [({}, 0.8)],
    "battery_soc_lead": [({"source": "main"}, 1.0), ({"source": "sun"}, 0.0)],
    "battery_soc_refused": [({"source": "main", "reason": "stale"}, 0.0)],
}
TARGETS: Final[dict[str, Any]] = {
    "activeTargets": [
        {"labels": {"job": job}, "health": "up", "lastError": ""} for job in ("magnum-exporter", "generator-actuator")
    ]
}
RULES: Final = {"groups": [{"rules": [{"name": name, "health": "ok"} for name in (*ACTING, "GeneratorActuatorDown")]}]}
ALERTMANAGERS: Final = {"activeAlertmanagers": [{"url": "http://127.0.0.1:9093/api/v2/alerts"}]}
RECEIVERS: Final[dict[str, tuple[str, ...]]] = {
    "generator": ("http://127.0.0.1:10049/api/v1/alerts",),
    "people": ("email_configs",),
}
ROUTE: Final[dict[str, Any]] = dict(read(ROOT / "alerts" / "alertmanager.yml"))["route"]  # type: ignore[call-overload]
ACCESS: Final = Access(read=("prometheus",), notify=("alertmanager",), command=("owner",))

HEALTHY: Final = Answers(
    heartbeat_timeout=300.0,
    status=STATUS,
    metrics=METRICS,
    page=DEVICES,
    targets=TARGETS,
    rules=RULES,
    alertmanagers=ALERTMANAGERS,
    receivers=RECEIVERS,
    route=ROUTE,
    thresholds={"result": [{"value": [0, "0.25"]}]},
    access=ACCESS,
    users=("prometheus", "alertmanager", "owner"),
    clients={"read": "prometheus", "notify": "alertmanager"},
)


def site(**parts: object) -> Answers:
    """Return the healthy site with other answers."""
    return msgspec.structs.replace(HEALTHY, **parts)


def status(**parts: object) -> Answers:
    """Return the healthy site with another status of the actuator."""
    return site(status={**STATUS, **parts})


def contact(**parts: object) -> Answers:
    """Return the healthy site with another contact."""
    return status(contact={**STATUS["contact"], **parts})


def devices(**parts: object) -> Answers:
    """Return the healthy site with another page of the exporter."""
    return site(page={**DEVICES, **parts})


def metric(name: str, value: float, **parts: object) -> Answers:
    """Return the healthy site with another metric of the actuator."""
    return site(metrics={**METRICS, f"generator_{name}": [({}, value)]}, **parts)


def rules(health: str, *names: str) -> dict[str, Any]:
    """Return rules of Prometheus with this health."""
    return {"groups": [{"rules": [{"name": name, "health": health, "lastError": "many-to-many"} for name in names]}]}


def routed(**changes: object) -> dict[str, Any]:
    """Return the shipped route with its first child, that of the alerts which act, changed."""
    first, *others = ROUTE["routes"]
    return {**ROUTE, "routes": [{**first, **changes}, *others]}


def unscraped(**target: object) -> dict[str, Any]:
    """Return targets of which that of the actuator is changed; without a change it is missing."""
    first, second = TARGETS["activeTargets"]
    return {"activeTargets": [first, {**second, **target}] if target else [first]}


Row = tuple[str, Answers, str]


def rows() -> Iterator[Row]:
    """Yield what is broken, the answers, and the check of `generator-actuator doctor` that finds it."""
    key = "actuator.yml:9: start_sco: got an unknown key, did you mean start_soc?"
    yield "a mistyped setting", site(config_errors=(key,)), "configuration"
    exposed = "exporter.password_file: got exporter.password with mode 0644, which everybody may read, expected 0640"
    exposed += ": chmod 0640 exporter.password"
    yield "wrong rights of a password file", site(exposed=(exposed,)), "secrets"
    yield "Alertmanager's user lacks its role", site(access=Access(read=("prometheus",), command=("owner",))), "roles"
    yield "NUT shuts the machine down", site(upsmon=Upsmon({"cabin@localhost": 1})), "upsmon"
    yield "the exporter does not run", site(page="Connection refused"), "exporter"
    yield "a silent device", devices(classic_up=[({"device": "sun"}, 0.0)]), "devices"
    swapped = {"magnum_up": [({"device": "main"}, 0.0)], "magnum_wires_swapped": [({"device": "main"}, 1.0)]}
    yield "a swapped pair", devices(**swapped), "devices"
    frozen = [({"source": "main", "reason": "frozen"}, 1.0)]
    yield (
        "a battery monitor that is stuck",
        devices(battery_soc_ratio=[], battery_soc_refused=frozen),
        "state of charge",
    )
    yield "the actuator does not run", site(status="no actuator answers at http://127.0.0.1:10049"), "actuator"
    password = "the actuator requires a user name and a password: set GENERATOR_ACTUATOR_USERNAME and …"
    yield "no password given", site(status=password, metrics="401"), "actuator"
    words = {"headline": "Locked out: failed to start 3 times. Battery 6 %.", "remedy": "Check the engine, then …"}
    yield "a lock-out", status(severity="act_now", **words), "actuator"
    yield "no clock", status(clock_sane=False), "clock"
    yield "automation is off", status(mode="off"), "mode"
    yield "the relay board is unplugged", contact(fault="no USB relay board 16c0:05df is plugged in"), "relay"
    yield "a welded contact", contact(read_back=True), "relay"
    for broken, disk in (("a full disk", {"f_bavail": 0}), ("a read-only card", {"f_flag": os.ST_RDONLY})):
        found = {"f_flag": 0, "f_bavail": 1, "f_files": 0, "f_favail": 0, **disk}
        with mock.patch.object(os, "statvfs", return_value=SimpleNamespace(**found)):
            card = chain_doctor.card(Path("/var/lib/generator-actuator"))
        yield broken, metric("journal_writable", 0, card=card), "journal"
    yield "no mirror", metric("journal_mirrored", 0), "mirror"
    yield "Prometheus does not run", site(targets="Connection refused", rules="-", thresholds="-"), "Prometheus"
    yield "Prometheus lacks the actuator's job", site(targets=unscraped()), "Prometheus"
    wrong = {"health": "down", "lastError": "server returned HTTP status 401 Unauthorized"}
    yield "Prometheus has a wrong password", site(targets=unscraped(**wrong)), "Prometheus"
    yield "no rules", site(rules=rules("ok", "GeneratorActuatorDown")), "rules"
    yield "a failing rule", site(rules=rules("err", *ACTING, "GeneratorActuatorDown")), "rules"
    yield "missing thresholds", site(thresholds={"result": []}), "thresholds"
    yield "Prometheus has no Alertmanager", site(alertmanagers={}), "Alertmanager"
    yield "a silent Alertmanager", site(receivers="Connection refused", route=None), "Alertmanager"
    yield "no receiver for the actuator", site(receivers={"people": ("email_configs",)}), "Alertmanager"
    elsewhere = ['alertname=~"BatterySocLow|BatterySocRecovered"']
    yield "the heartbeat goes elsewhere", site(route=routed(matchers=elsewhere)), "route"
    yield "heartbeats are too rare", site(route=routed(repeat_interval="4h")), "route"
    yield "no one gets messages", site(receivers={**RECEIVERS, "people": ()}), "people"
    yield "a wrong password of Alertmanager", status(last_beat=100.0), "heartbeat"


def worst(broken: Answers) -> list[Finding]:
    """Return what is wrong at a site; where nothing is, what its owner should know."""
    found = diagnose(broken)
    return [one for one in found if one.state == "wrong"] or [one for one in found if one.state == "note"]


_HELD = "process 812 (minicom -D /dev/ttyUSB0)"
_UP = Page(up={"main": False}, soc=0.8, refused={})


def exporter_rows() -> Iterator[tuple[str, Finding]]:
    """Yield what is broken, and what `magnum-exporter doctor` finds, on a real port and address of this machine."""
    ours, theirs = pty.openpty()
    port, closed = os.ttyname(theirs), free_port()
    os.close(theirs)
    names = {port: "/dev/ttyUSB0", f"127.0.0.1, port {closed}": "192.168.1.20, port 502", "127.0.0.1": "192.168.1.20"}
    try:
        for broken, source, page, changed in _exporters(port, closed):
            with tempfile.TemporaryDirectory() as folder, changed:
                file = Path(folder) / "exporter.yml"
                file.write_text(f"sources: {{main: {source}}}\n")
                (found,) = (one for one in doctor.examine(file, page) if one.state != "well")
                texts = {"text": found.text.replace(folder, "/etc/magnum-exporter"), "remedy": found.remedy}
                for ours_is, usual in names.items():
                    texts = {key: text.replace(ours_is, usual) for key, text in texts.items()}
                yield broken, msgspec.structs.replace(found, **texts)
    finally:
        os.close(ours)


def _exporters(port: str, closed: int) -> Iterator[tuple[str, str, Page | str, AbstractContextManager[object]]]:
    """Yield what is broken, the source, the page of the running exporter, and what is changed meanwhile."""
    magnum, as_it_is = f"{{type: magnum, port: {port}}}", nullcontext()
    yield "a mistyped setting", f"{{type: magnum, prt: {port}}}", _UP, as_it_is
    yield "the adapter is unplugged", "{type: magnum, port: /dev/serial/by-id/usb-FTDI-if00-port0}", _UP, as_it_is
    # The tests may run as root, who may open every port.
    yield "wrong rights of the port", magnum, _UP, mock.patch.object(os, "access", return_value=False)
    yield "another program has the port", magnum, _UP, mock.patch.object(doctor, "holder", return_value=_HELD)
    yield "a swapped pair", magnum, _UP._replace(swapped=frozenset({"main"})), as_it_is
    yield "a silent device", magnum, _UP, as_it_is
    yield "a host that is off", f"{{type: classic, host: 127.0.0.1, port: {closed}}}", _UP, as_it_is
    untrusted = Page(up={"main": True}, soc=None, refused={"main": "jump"})
    yield "no trusted state of charge", magnum, untrusted, as_it_is
    yield "the exporter's page asks for a password", magnum, Refused("401 Unauthorized"), as_it_is


def table(program: str) -> Iterator[str]:
    """Yield the lines of a program's table."""
    yield "| what is broken | check | what doctor reports | remedy |"
    yield "|---|---|---|---|"
    found = (
        [(broken, worst(answers)[0]) for broken, answers, _ in rows()]
        if program == "generator-actuator"
        else [*exporter_rows()]
    )
    for broken, one in found:
        cells = (broken, one.check, one.text, one.remedy)
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"


def render(page: str) -> str:
    """Return the page with its tables made anew."""
    for program in ("magnum-exporter", "generator-actuator"):
        before, begin, rest = page.partition(f"<!-- generated {program} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        page = before + begin + "\n".join(table(program)) + "\n" + end + after
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
