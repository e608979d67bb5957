"""The shipped alertmanager.yml as it is, with Debian's Alertmanager and the actuator on its default port."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from simulator.demo.deployment import USUAL_PORTS, Options, prepare
from tests.support import ROOT, Process, command, prometheus_tool, run_command, wait_until
from tests.support.http import request
from tests.support.metrics_page import samples_by_series
from tests.support.own_network import uses_default_ports

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ACTUATOR = "http://127.0.0.1:10049"
ALERTMANAGER = "http://127.0.0.1:9093"
SHIPPED = ROOT / "alerts" / "alertmanager.yml"


def fetch(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    with contextlib.suppress(OSError):
        return request("GET", url, headers=headers)
    return 0, ""


def last_beat(headers: Mapping[str, str] | None = None) -> float | None:
    return samples_by_series(fetch(f"{ACTUATOR}/metrics", headers)[1]).get("generator_heartbeat_timestamp_seconds")


@contextlib.contextmanager
def actuator(folder: Path, *flags: str, headers: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the actuator on its default address, with a simulated relay and an exporter on its default port."""
    config = folder / "actuator.yml"
    exporter = 'exporter: {url: "http://127.0.0.1:10048/metrics"}'
    config.write_text(f"{exporter}\nrelay: {{type: simulated}}\njournal: {folder / 'journal.db'}\n")
    with Process([command("generator-actuator"), f"--config.file={config}", *flags]) as process:
        wait_until(lambda: fetch(f"{ACTUATOR}/-/ready", headers)[0] == 200, 60, "the actuator is ready")
        yield process


@contextlib.contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[Process]:
    arguments = (f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address=")
    with Process([prometheus_tool("alertmanager"), *arguments]) as process:
        wait_until(lambda: fetch(f"{ALERTMANAGER}/-/ready")[0] == 200, 60, "Alertmanager is ready")
        yield process


def beat() -> None:
    added = run_command(
        prometheus_tool("amtool"),
        *("alert", "add", f"--alertmanager.url={ALERTMANAGER}", "alertname=GeneratorHeartbeat", "severity=none"),
    )
    assert added.returncode == 0, added.stderr


@uses_default_ports(10049, 9093)
def test_a_heartbeat_arrives_with_the_file_as_it_is(tmp_path: Path) -> None:
    with actuator(tmp_path), alertmanager(tmp_path, SHIPPED) as process:
        assert last_beat() is None
        beat()
        wait_until(last_beat, 30, f"the heartbeat arrives\n{process.output}")


@uses_default_ports(*USUAL_PORTS.values())
def test_a_whole_site_with_the_shipped_files_beats_within_a_minute(tmp_path: Path) -> None:
    programs = prepare(tmp_path, Options(), USUAL_PORTS).programs
    with contextlib.ExitStack() as stack:
        stack.enter_context(Process(programs["simulator"].command, cwd=tmp_path))
        wait_until(lambda: fetch(programs["simulator"].ready)[0] == 200, 60, "the site is there")
        stack.enter_context(Process(programs["exporter"].command, cwd=tmp_path))
        stack.enter_context(actuator(tmp_path))
        stack.enter_context(alertmanager(tmp_path, SHIPPED))
        storage = f"--storage.tsdb.path={tmp_path / 'prometheus'}"
        config = f"--config.file={ROOT / 'alerts' / 'prometheus.yml'}"
        stack.enter_context(Process([prometheus_tool("prometheus"), config, storage]))
        began = time.monotonic()
        wait_until(last_beat, 60, "Prometheus, Alertmanager and the actuator agree that all is well")
        sys.stdout.write(f"first heartbeat after {time.monotonic() - began:.0f} s\n")


@uses_default_ports(10049, 9093)
def test_the_commented_commands_make_a_user_that_alertmanager_signs_in_as(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    web_config = tmp_path / "web.yml"
    commands = re.findall(r"^ +#   (\S.*(?:openssl|bcrypt).*)$", text, re.MULTILINE)
    assert len(commands) == 2
    script = "\n".join(commands)
    for there, here in (
        ("/opt/magnum-exporter/bin/python", sys.executable),
        ("/etc/magnum-exporter/actuator-web.yml", str(web_config)),
        ("chown prometheus:", f"chown {os.getuid()}"),
    ):
        assert there in script
        script = script.replace(there, here)
    done = run_command("sh", "-ec", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "generator.password").stat().st_mode & 0o777 == 0o600

    config = tmp_path / "alertmanager.yml"
    block = re.search(r"^ +# http_config:\n(?: +# .*\n){2}", text, re.MULTILINE)
    assert block
    config.write_text(text.replace(block[0], block[0].replace("# ", "")))
    password = (tmp_path / "generator.password").read_text().strip()
    signed_in = {"Authorization": f"Basic {base64.b64encode(f'alertmanager:{password}'.encode()).decode()}"}
    web = f"--web.config.file={web_config}"
    with actuator(tmp_path, web, headers=signed_in), alertmanager(tmp_path, config) as process:
        assert fetch(f"{ACTUATOR}/metrics")[0] == 401
        beat()
        wait_until(lambda: last_beat(signed_in), 30, f"the heartbeat arrives\n{process.output}")
