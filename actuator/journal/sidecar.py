"""The small file beside the database: replaced as a whole, so that it is either the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from actuator.core.state import Durable, Inhibit, Mode
from actuator.journal.checksum import sealed, unsealed
from actuator.journal.rows import encode
from actuator.relay import AnyRelay, RelayConfig
from toolkit import log
from toolkit.config import ConfigError, decode

_log = log.get(__name__)


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small file beside the database.

    Attributes:
        sequence: of the durable state that was saved last.
        mode: the operator's choice in it; where mode `on` goes back to.
        inhibits: the alerts that forbid a run in it.
        attempts: consecutive failed ones in it.
        locked_out: until acknowledged.
        relay: the last relay configuration that was right, as it would be written in the file.
    """

    sequence: int
    mode: Mode = "auto"
    inhibits: dict[str, Inhibit] = {}
    attempts: int = 0
    locked_out: bool = False
    relay: dict[str, Any] | None = None


def sidecar(sequence: int, durable: Durable, relay: RelayConfig | None) -> Sidecar:
    """Return what is kept beside a durable state."""
    return Sidecar(
        sequence=sequence,
        mode=lasting_mode(durable),
        inhibits=durable.inhibits,
        attempts=durable.attempts,
        locked_out=durable.locked_out,
        relay=None if relay is None else relay.plain(),
    )


def lasting_mode(durable: Durable) -> Mode:
    """Return the operator's choice; where mode `on`, which ends by itself, goes back to."""
    return durable.mode_before if durable.mode == "on" else durable.mode


def path_of(journal: Path) -> Path:
    """Return where the sidecar of a journal is."""
    return journal.with_name(f"{journal.name}.sidecar")


def read(journal: Path) -> tuple[Sidecar | None, str]:
    """Return the sidecar of a journal, or None and why it cannot be read."""
    path = path_of(journal)
    try:
        return msgspec.json.decode(unsealed(path.read_bytes()), type=Sidecar), ""
    except FileNotFoundError:
        return None, f"{path.name} is missing"
    except (OSError, msgspec.DecodeError, ValueError) as error:
        return None, f"{path.name} cannot be read: {error}"


def last_relay(journal: Path) -> RelayConfig | None:
    """Return the last relay configuration that was right, from the sidecar; None when it keeps none."""
    side, _ = read(journal)
    if side is None or side.relay is None:
        return None
    kind: Any = AnyRelay
    try:
        relay: RelayConfig = decode(side.relay, kind)
    except ConfigError:
        return None
    return relay


def write(journal: Path, content: Sidecar) -> bytes:
    """Replace the sidecar of a journal and return its bytes; when this returns they are on the disk.

    A full disk has no room for a new file beside the old one, but the old one's own block can still be written.

    Raises:
        OSError: they are not; the old one is still there.
    """
    path, written = path_of(journal), sealed(encode(content))
    try:
        _replace(path, written)
    except OSError as error:
        if not _fits(path, written):
            raise
        with path.open("r+b") as file:
            _write_through(file, written)
        _log.limited("in-place", "sidecar cannot be replaced, written in its own place", error=error)
    return written


def _replace(path: Path, written: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        _write_through(file, written)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_through(file: BinaryIO, written: bytes) -> None:
    file.write(written)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def _fits(path: Path, written: bytes) -> bool:
    """Return whether these bytes fit into what the disk has already given to the file."""
    try:
        return len(written) <= path.stat().st_blocks * 512
    except OSError:
        return False
