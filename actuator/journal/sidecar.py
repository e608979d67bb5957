"""The small file beside the database: replaced as a whole, so that it is either the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from actuator.journal.rows import encode
from actuator.journal.seal import sealed, unsealed
from actuator.model import Durable, Inhibit, Mode
from actuator.relay.config import RelayConfig, plain
from toolkit.config import ConfigError, decode


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
        relay=None if relay is None else plain(relay),
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
    kind: Any = RelayConfig
    try:
        relay: RelayConfig = decode(side.relay, kind)
    except ConfigError:
        return None
    return relay


def write(journal: Path, content: Sidecar) -> bytes:
    """Replace the sidecar of a journal and return its bytes; when this returns they are on the disk.

    Raises:
        OSError: it is not; the old one is still there.
    """
    path, written = path_of(journal), sealed(encode(content))
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(written)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return written
