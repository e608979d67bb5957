"""Stands in for systemctl where no service manager runs: starts a unit's command as its user, until it serves.

It obeys a unit's conditions, folders, environment files, commands and users. It confines nothing and restarts nothing.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

READY = {"prometheus": "http://127.0.0.1:9090/-/ready", "prometheus-alertmanager": "http://127.0.0.1:9093/-/ready"}
SECONDS = 60.0


def main(verb: str, *arguments: str) -> int:
    """Do what a command of systemctl does; return its exit status."""
    now = "--now" in arguments
    for name in (argument.removesuffix(".service") for argument in arguments if not argument.startswith("-")):
        unit = read(name)
        if unit is None:
            sys.stderr.write(f"Unit {name}.service not found.\n")
            return 5
        if verb in ("stop", "restart") or (verb == "disable" and now):
            stop(name, unit)
        if verb in ("start", "restart") or (verb == "enable" and now):
            start(name, unit)
        if verb == "reload-or-restart" and not running(name):
            start(name, unit)
        elif verb in ("reload", "reload-or-restart"):
            os.kill(running(name), signal.SIGHUP)
    return 0


def read(name: str) -> dict[str, list[str]] | None:
    """Return the settings of a unit, each with all its values; None when there is none."""
    folders = map(Path, ("/etc/systemd/system", "/lib/systemd/system"))
    path = next((folder / f"{name}.service" for folder in folders if (folder / f"{name}.service").exists()), None)
    if path is None:
        return None
    unit: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            unit[key].append(value)
    return unit


def start(name: str, unit: dict[str, list[str]]) -> None:
    """Start a unit whose conditions hold, and return when it is ready."""
    conditions = [(value.startswith("|"), Path(value.lstrip("|")).exists()) for value in unit["ConditionPathExists"]]
    alternatives = [met for either, met in conditions if either]
    if not all(met for either, met in conditions if not either) or (alternatives and not any(alternatives)):
        sys.stderr.write(f"{name}: its file is missing, it does not start\n")
        return
    notices = Path(f"/run/{name}.notify")
    notices.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, Path(f"/var/log/{name}.log").open("a") as log:
        notified.bind(str(notices))
        notices.chmod(0o777)
        notified.settimeout(SECONDS)
        process = run(name, unit, unit["ExecStart"][0], log.fileno())
        Path(f"/run/{name}.pid").write_text(str(process.pid))
        if unit["Type"] == ["notify"]:
            while b"READY=1" not in notified.recv(4096):
                pass
        else:
            wait_for(READY[name])


def stop(name: str, unit: dict[str, list[str]]) -> None:
    """Stop a unit that runs, and return after its last command."""
    process = running(name)
    if process:
        os.kill(process, signal.SIGTERM)
        until = time.monotonic() + SECONDS
        while running(name) and time.monotonic() < until:
            time.sleep(0.05)
        for command in unit["ExecStopPost"]:
            run(name, unit, command, None).wait(SECONDS)


def running(name: str) -> int:
    """Return the process of a unit; 0 while it does not run."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        process = int(Path(f"/run/{name}.pid").read_text())
        os.kill(process, 0)
        if ") Z " not in Path(f"/proc/{process}/stat").read_text():
            return process
    return 0


def run(name: str, unit: dict[str, list[str]], command: str, log: int | None) -> subprocess.Popen[bytes]:
    """Start one command of a unit as its user, with its folders and its environment."""
    user = pwd.getpwnam(unit["User"][0])
    environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": f"/run/{name}.notify", "LANG": "C.UTF-8"}
    for key, root in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
        for folder in unit[key]:
            path = Path(root, folder)
            path.mkdir(exist_ok=True)
            shutil.chown(path, user.pw_uid, user.pw_gid)
            environment[key.replace("Directory", "_directory").upper()] = str(path)
    for file in unit["EnvironmentFile"]:
        for line in Path(file).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                environment[key] = " ".join(shlex.split(value))
    words = [
        word
        for given in shlex.split(command.replace("$MAINPID", "0"))
        for word in (shlex.split(environment.get(given[1:], "")) if given.startswith("$") else [given])
    ]
    return subprocess.Popen(
        words,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[grp.getgrnam(group).gr_gid for group in unit["SupplementaryGroups"]],
        env=environment,
        cwd="/",
        umask=0o077 if unit["UMask"] == ["0077"] else 0o022,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_for(url: str) -> None:
    """Return when a page answers."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address from above
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
