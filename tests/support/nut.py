"""Network UPS Tools' own upsd, upsc and upsmon, with files in a folder of their own. Debian: nut-server, nut-client."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import Process, free_port, run_command, wait_until

PROGRAMS = Path("/lib/nut")
"""Those of /usr/sbin are wrappers that obey /etc/nut/nut.conf alone."""

_OWN_RUN = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /run && mkdir /run/nut && exec "$0" "$@"')
"""upsmon writes /run/nut/upsmon.pid, and runs once on a machine: each one gets a folder /run of its own."""


class _Program:
    """A program with files of its own; leaving the context ends it."""

    _process: Process

    def __enter__(self) -> Self:
        self._process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, value, traceback)


class Upsd(_Program):
    """The server of the UPS `cabin`, which the exporter drives.

    Args:
        folder: holds its files, and the socket of the driver.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._env = {
            "NUT_CONFPATH": str(folder),
            "NUT_STATEPATH": str(folder),
            "NUT_ALTPIDPATH": str(folder),
            "NUT_QUIET_INIT_SSL": "true",
        }
        (folder / "ups.conf").write_text("[cabin]\n  driver = magnum-exporter\n  port = auto\n")
        (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.port}\n")
        (folder / "upsd.users").write_text(
            "[near]\n  password = secret\n  upsmon primary\n[far]\n  password = secret\n  upsmon secondary\n"
            "[owner]\n  password = secret\n  actions = SET\n  actions = FSD\n  instcmds = ALL\n"
        )
        self._process = Process([PROGRAMS / "upsd", "-D", "-u", _user()], env=self._env)

    def variables(self) -> dict[str, str]:
        """Return what upsc shows; its complaint under "error"."""
        done = run_command("upsc", self.name, env=self._env)
        return (
            {"error": done.stderr.strip()}
            if done.returncode
            else dict(line.split(": ", 1) for line in done.stdout.splitlines())
        )

    def status(self) -> str:
        """Return the status that upsc shows, or its complaint."""
        variables = self.variables()
        return variables.get("ups.status") or variables["error"].splitlines()[-1]

    @property
    def name(self) -> str:
        """The UPS for its clients."""
        return f"cabin@127.0.0.1:{self.port}"


class Upsmon(_Program):
    """A machine that shuts down when the UPS is low: its command only writes a file.

    Args:
        upsd: the server.
        folder: holds its files.
        role: primary or secondary.
        power: how many of its power supplies hang on the UPS.
        settings: further lines of its configuration.
    """

    def __init__(
        self, upsd: Upsd, folder: Path, *, role: str = "primary", power: int = 1, settings: Sequence[str] = ()
    ) -> None:
        folder.mkdir()
        self._done = folder / "shut-down"
        user = "near" if role == "primary" else "far"
        lines = (
            f"MONITOR {upsd.name} {power} {user} secret {role}",
            f"MINSUPPLIES {min(power, 1)}",
            f'SHUTDOWNCMD "touch {self._done}"',
            f"POWERDOWNFLAG {folder / 'killpower'}",
            *settings,
        )
        (folder / "upsmon.conf").write_text("".join(f"{line}\n" for line in lines))
        program = (PROGRAMS / "upsmon", "-p", "-D", "-u", "root")
        self._process = Process((*_OWN_RUN, *program), env={"NUT_CONFPATH": str(folder), "NUT_STATEPATH": str(folder)})

    @property
    def output(self) -> str:
        """What it has reported so far."""
        return self._process.output

    @property
    def is_shut_down(self) -> bool:
        """Whether its shutdown command has run."""
        return self._done.exists()

    def seconds_to_shutdown(self, since: float, deadline_seconds: float) -> float:
        """Return the seconds from monotonic `since` until its shutdown command has run."""
        wait_until(lambda: self.is_shut_down, deadline_seconds, "upsmon runs its shutdown command")
        return time.monotonic() - since


def _user() -> str:
    return "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
