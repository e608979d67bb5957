"""Stands in for the owner, at a simulated site: at the editor, and at the questions of a set-up.

nano FILE             makes the changes that the pages ask for
owner COMMAND...      runs a command in a terminal, and answers its questions
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
import tty
from pathlib import Path

BUS, ADAPTER = Path("/tmp/offgrid-magnum"), Path("/dev/adapter")  # noqa: S108 - in the root
RELAY = '{type: modbus, url: "tcp://127.0.0.1:5020", unit_id: 1, coil: 0, lease: 30s}'
ANSWERS = {
    r"Type yes, or Enter for no: $": "yes",
    r"Its address on the network, .*: $": "127.0.0.1",
    r"The relay as it is written in the file .*: $": RELAY,
    r"Capacity of the whole battery .*: $": "400",
    r"(?s)\n[^\n]+ \[[^\n]*\]: $": "",
}
PASSWORD, USERS = "a-password", ("owner", "prometheus", "alertmanager")
SYSTEMD = Path("/run/systemd/system")
SECONDS = 60.0


def edit(file: str) -> int:
    """Make the next change that a page asks for in a file."""
    path = Path(file)
    text = path.read_text()
    match path.name:
        case "actuator-web.yml":
            text += "basic_auth_users:\n" + "".join(f"  {user}: {hashed(user)}\n" for user in USERS)
        case "actuator.yml":
            text += "access: {read: [prometheus], notify: [alertmanager], command: [owner]}\n"
        case "prometheus.yml":
            text = uncommented(
                text, "    # basic_auth: {username: prometheus, password_file: /etc/prometheus/actuator.password}"
            )
        case "alertmanager.yml" if "\n    # webhook_configs:\n" in text:  # a receiver for people
            text = uncommented(text, "    # webhook_configs:", "    #   - url: http://127.0.0.1:8080/alerts")
        case "alertmanager.yml":
            lines = ("http_config:", "  basic_auth:", "    {username: alertmanager, password_file: generator.password}")
            text = uncommented(text, *(f"        # {line}" for line in lines))
    path.write_text(text)
    return 0


def uncommented(text: str, *lines: str) -> str:
    """Return a file in which lines count that were comments."""
    for line in lines:
        assert f"\n{line}\n" in text, line
        text = text.replace(f"\n{line}\n", f"\n{line.replace('# ', '', 1)}\n")
    return text


def hashed(user: str) -> str:
    """Return the hash that a page has made the owner make."""
    made = subprocess.run(["htpasswd", "-nbBC", "10", user, PASSWORD], capture_output=True, text=True, check=True)
    return made.stdout.strip().partition(":")[2]


def answer(command: list[str]) -> int:
    """Run a command in a terminal; print the dialogue, and return its exit status."""
    if command[0] == "magnum-exporter":
        connect()
        command = [*command, str(ADAPTER)]
    SYSTEMD.mkdir(parents=True, exist_ok=True)  # systemctl stands in
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(command[0], command)  # noqa: S606 - a command of a page
    shown, answered, until = "", 0, time.monotonic() + 2 * SECONDS
    while True:
        assert time.monotonic() < until, f"no end after: {shown[-200:]}"
        if not select.select([terminal], [], [], 0.3)[0]:
            asked = shown[answered:].replace("\r", "")
            reply = next((text for pattern, text in ANSWERS.items() if re.search(pattern, asked)), None)
            if reply is not None:
                answered = len(shown)
                os.write(terminal, f"{reply}\n".encode())
            continue
        try:
            part = os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the command has ended
            break
        shown += part
        sys.stdout.write(part)
        sys.stdout.flush()
    SYSTEMD.rmdir()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def connect() -> None:
    """Start the simulated site, and an adapter on its bus; return when the bus is there for everybody."""
    with Path("/var/log/simulator.log").open("w") as log:
        subprocess.Popen(["offgrid-simulator"], stdout=log, stderr=log, start_new_session=True, cwd="/")
    until = time.monotonic() + SECONDS
    while not BUS.exists():
        assert time.monotonic() < until
        time.sleep(0.1)
    # The simulator holds its own end, as another reader would.
    if os.fork() == 0:
        os.setsid()
        for standard in range(3):
            os.close(standard)
        bus = os.open(BUS, os.O_RDONLY | os.O_NOCTTY)
        plug, socket = pty.openpty()
        tty.setraw(socket)
        ADAPTER.symlink_to(os.ttyname(socket))
        ADAPTER.resolve().chmod(0o666)
        os.close(socket)
        os.set_blocking(plug, False)
        while True:
            received = os.read(bus, 4096)
            try:
                os.write(plug, received)
            except BlockingIOError:  # nobody reads
                continue
    while not ADAPTER.exists():
        assert time.monotonic() < until
        time.sleep(0.1)


if __name__ == "__main__":
    name, *arguments = sys.argv
    sys.exit(edit(*arguments) if Path(name).name == "nano" else answer(arguments))
