"""In the guest: runs the commands that come over a serial port, one JSON object a line; each answer has its number."""

from __future__ import annotations

import json
import subprocess
import sys
import tty
from pathlib import Path


def answer(request: dict[str, object]) -> dict[str, object]:
    """Run one command and return its exit status (124 when it took too long) and output."""
    try:
        done = subprocess.run(  # noqa: S602 (a shell is what is asked for)
            str(request["run"]),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=float(str(request["timeout"])),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        code, output = 124, error.stdout or b""
    else:
        code, output = done.returncode, done.stdout
    return {"number": request["number"], "code": code, "output": output.decode(errors="replace")}


def main() -> None:
    """Serve until the machine ends."""
    with Path(sys.argv[1]).open("r+b", buffering=0) as port:
        tty.setraw(port.fileno())
        port.write(b'{"agent": "ready"}\n')
        pending = b""
        while True:
            pending += port.read(4096) or b""
            *lines, pending = pending.split(b"\n")
            for line in lines:
                reply = json.dumps(answer(json.loads(line))).encode() + b"\n"
                while reply:
                    reply = reply[port.write(reply) :]


if __name__ == "__main__":
    main()
