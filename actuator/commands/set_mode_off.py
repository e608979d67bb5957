"""Put the mode to off in the journal of an actuator that does not run, before its first start too.

    python -m actuator.commands.set_mode_off <actuator.yml

is how `generator-actuator setup` does it as the user of the service, to whom the files then belong. It takes the text
of a file that is not written yet.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import yaml

from actuator.config import Config
from actuator.core.events import Event
from actuator.core.state import Durable, Moment, Saved
from actuator.journal import Journal, JournalError, Row, last_relay, sidecar
from actuator.loop.clock import Clock
from actuator.relay import RelayConfig, RelayError
from actuator.relay.lock import Lock, name_of_journal
from actuator.report import wording
from toolkit.config import ConfigError, decode
from toolkit.replace import replace

SERVICE_USER = "generator-actuator"
"""Of deploy/sysusers: the user of the service."""


_RUNS = 3
"""The status of an end because an actuator runs."""


class NotOffError(Exception):
    """The mode could not be put to off; the text gives the reason."""


class RunsError(NotOffError):
    """An actuator runs on the journal: it can be asked."""


def set_mode_off(path: Path, relay: RelayConfig, moment: Moment, *, mirror: Path | None = None) -> None:
    """Write mode off into a journal, also into one that is not there yet.

    Args:
        path: of the journal.
        relay: that the configuration names, for a new journal.
        moment: this moment.
        mirror: folder of the journal's mirror.

    Raises:
        RunsError: an actuator runs on it.
        NotOffError: its path is relative, it is damaged, or it cannot be written.
    """
    if not path.is_absolute():
        # The service and this command have other folders of work.
        raise NotOffError(f'journal: got "{path}", expected an absolute path: write journal: {path.absolute()}')
    try:
        Lock().acquire(name_of_journal(path))
    except RelayError as error:
        raise RunsError(f"an actuator runs on {path}: generator-actuator mode off") from error
    # The relay that was last in force stays: its contact may have been left closed, and the next start opens it.
    journal = Journal(path, last_relay(path) or relay, mirror)
    found = journal.load(moment)
    if found.error or found.torn:
        raise NotOffError(found.error or f"{path} is damaged ({found.torn}): start the actuator, then mode off")
    saved = found.saved or Saved(durable=Durable(), moment=moment)
    off = Event(kind="operator", fields={"action": "off"})
    row = Row(
        id=found.last_id + 1,
        wall=moment.wall,
        sane=moment.wall_sane,
        kind=off.kind,
        level=off.level,
        text=wording.events.event(off),
        fields=dict(off.fields),
    )
    try:
        # The moment stays that of the record: its times are on the clock of that boot.
        journal.write([row], replace(saved, durable=replace(saved.durable, mode="off", manual_until=None)))
    except JournalError as error:
        raise NotOffError(str(error)) from error
    finally:
        journal.close()


def as_service_user(text: str) -> None:
    """Put the mode to off as the user of the service, if there is one and this is root.

    Args:
        text: of the configuration file.

    Raises:
        RunsError: an actuator runs on the journal.
        NotOffError: it failed.
    """
    user: dict[str, object] = {}
    try:
        service = pwd.getpwnam(SERVICE_USER) if os.geteuid() == 0 else None
    except KeyError:
        service = None
    command = (sys.executable, "-P", "-m", "actuator.commands.set_mode_off")
    try:
        if service is not None:
            user = {"user": service.pw_uid, "group": service.pw_gid, "extra_groups": []}
            folder = _config(text).journal.parent
            if folder.is_absolute() and not folder.exists():
                folder.mkdir(mode=0o750)
                os.chown(folder, service.pw_uid, service.pw_gid)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, umask=0o077, **user)  # type: ignore[call-overload]  # noqa: S603
    except (ConfigError, OSError) as error:
        raise NotOffError(str(error)) from error
    if done.returncode:
        kind = RunsError if done.returncode == _RUNS else NotOffError
        raise kind(done.stderr.strip() or f"it ended with status {done.returncode}")


def left_on(text: str) -> str:
    """Return why the journal that a text names does not show that the mode is off; empty: it is off.

    Checks, after a mode off over HTTP, that the actuator that answered is the one of this journal.
    """
    path = _config(text).journal
    side, fault = sidecar.read(path)
    if side is None:
        return f"{path} does not show it ({fault})"
    return "" if side.mode == "off" else f"{path} still has the mode {side.mode}"


def _config(text: str) -> Config:
    return decode(yaml.safe_load(text), Config)


def main() -> int:
    """Run for the configuration on stdin; return 0, 3 when an actuator runs, else 1; the reason goes to stderr."""
    try:
        config = _config(sys.stdin.read())
        set_mode_off(config.journal, config.relay, Clock().moment(), mirror=config.mirror)
    except (ConfigError, NotOffError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return _RUNS if isinstance(error, RunsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
