"""The programs and their units in the guest, installed as `deploy/install` does."""

from __future__ import annotations

import compileall
import contextlib
import sys
import sysconfig
from typing import TYPE_CHECKING

from tests.support import ROOT
from tests.vm.harness.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where the units expect the programs, and readable by the users they run as, wherever the tests' own environment lies.
ACTUATOR = "/opt/magnum-exporter/bin/generator-actuator"
_CONFIG_FILE = "/etc/magnum-exporter/actuator.yml"
_STATE = "/var/lib/generator-actuator"
_MIRROR = "/run/generator-actuator"
SPAN = 400
"""Seconds for the service to start, or to open the contact after its end, on an emulated processor."""
_PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
_INSTALL = f"""set -e
mkdir -p /opt/python /opt/packages /opt/source /opt/magnum-exporter/bin /etc/magnum-exporter
mountpoint -q /opt/python || mount --bind {sys.base_prefix} /opt/python
mountpoint -q /opt/packages || mount --bind {sysconfig.get_paths()["purelib"]} /opt/packages
mountpoint -q /opt/source || mount --bind {ROOT} /opt/source
for command in magnum-exporter:exporter generator-actuator:actuator; do
cat >/opt/magnum-exporter/bin/${{command%:*}} <<PROGRAM
#!/usr/bin/env -S LD_LIBRARY_PATH=/opt/python/lib {_PYTHON}
import sys
sys.path[:0] = ["/opt/source", "/opt/packages"]
from ${{command#*:}}.cli import main
sys.exit(main())
PROGRAM
done
chmod +x /opt/magnum-exporter/bin/*
cp deploy/systemd/*.service /etc/systemd/system/
mkdir -p /etc/systemd/system/generator-actuator.service.d
cat >/etc/systemd/system/generator-actuator.service.d/emulated.conf <<UNIT
[Service]
TimeoutStartSec={SPAN}s
TimeoutStopSec={SPAN}s
WatchdogSec=60s
UNIT
cp deploy/udev/*.rules /etc/udev/rules.d/
systemd-sysusers $PWD/deploy/sysusers/magnum-exporter.conf
for program in exporter:magnum-exporter actuator:generator-actuator; do
install -m 640 -g ${{program#*:}} deploy/web/${{program%:*}}-web.yml /etc/magnum-exporter/
done
udevadm control --reload
cat >/etc/magnum-exporter/exporter.yml <<YAML
sources:
  main: {{type: magnum, port: /dev/serial/by-id/not-there}}
YAML
systemctl daemon-reload
"""
_CONFIG = f"""
exporter: {{url: "http://127.0.0.1:10048/metrics", interval: 5s}}
journal: {_STATE}/journal.db
"""


def install(machine: Machine) -> None:
    """Install in the guest; compiled beforehand, which an emulated processor is slow at."""
    for package in ("actuator", "exporter", "toolkit"):
        compileall.compile_dir(ROOT / package, quiet=1)
    machine.check(_INSTALL, deadline_seconds=SPAN)


@contextlib.contextmanager
def running_actuator(machine: Machine, relay: str) -> Iterator[None]:
    """Run the actuator's service with a relay; leave nothing of it behind, and print its journal if the test fails."""
    machine.check(f"cat >{_CONFIG_FILE} <<YAML{_CONFIG}relay: {relay}\nYAML")
    try:
        machine.check("systemctl start generator-actuator", deadline_seconds=SPAN)
        yield
    except BaseException:
        sys.stderr.write(machine.run("journalctl --no-pager -u generator-actuator | tail -60").output)
        raise
    finally:
        machine.run(f"systemctl stop generator-actuator; systemctl reset-failed; rm -rf {_STATE}/* {_MIRROR}")


def main_process(machine: Machine, service: str = "generator-actuator") -> int:
    """Return the process number of a service; 0 while it does not run."""
    return int(machine.check(f"systemctl show --property=MainPID --value {service}"))
