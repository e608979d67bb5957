"""The small file next to the database, replaced as a whole: it is either the old one or the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from actuator.core.alert_path import Inhibit
from actuator.core.state import Durable, Mode
from actuator.journal.checksum import add_checksum, remove_checksum
from actuator.journal.rows import encode
from actuator.relay import AnyRelay, RelayConfig
from toolkit import durable_file, log
from toolkit.config import ConfigError, decode

_log = log.get(__name__)


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small file next to the database.

    Attributes:
        sequence: of the durable state that was saved last; the fields below are from it.
        mode: the operator's choice; for mode `on` the one that it returns to.
        inhibits: alerts that block a run.
        attempts: consecutive failed starts.
        locked_out: until the lock-out is reset.
        relay: the last valid relay configuration, as it would be written in the file.
    """

    sequence: int
    mode: Mode = "auto"
    inhibits: dict[str, Inhibit] = {}
    attempts: int = 0
    locked_out: bool = False
    relay: dict[str, Any] | None = None


def sidecar(sequence: int, durable: Durable, relay: RelayConfig | None) -> Sidecar:
    """Return the sidecar of a durable state."""
    return Sidecar(
        sequence=sequence,
        mode=lasting_mode(durable),
        inhibits=durable.inhibits,
        attempts=durable.attempts,
        locked_out=durable.locked_out,
        relay=None if relay is None else relay.plain(),
    )


def lasting_mode(durable: Durable) -> Mode:
    """Return the operator's choice; for mode `on`, which ends by itself, the one that it returns to."""
    return durable.mode_before if durable.mode == "on" else durable.mode


def path_of(journal: Path) -> Path:
    """Return the path of a journal's sidecar."""
    return journal.with_name(f"{journal.name}.sidecar")


def read(journal: Path) -> tuple[Sidecar | None, str]:
    """Return the sidecar of a journal, or None and why it cannot be read."""
    path = path_of(journal)
    try:
        return msgspec.json.decode(remove_checksum(path.read_bytes()), type=Sidecar), ""
    except FileNotFoundError:
        return None, f"{path.name} is missing"
    except (OSError, msgspec.DecodeError, ValueError) as error:
        return None, f"{path.name} cannot be read: {error}"


def last_relay(journal: Path) -> RelayConfig | None:
    """Return the last valid relay configuration from the sidecar; None when it has none."""
    side, fault = read(journal)
    if side is None and path_of(journal).exists():
        _log.error("the relay that was last in force cannot be read", error=fault)
    if side is None or side.relay is None:
        return None
    kind: Any = AnyRelay
    try:
        relay: RelayConfig = decode(side.relay, kind)
    except ConfigError:
        return None
    return relay


def write(journal: Path, content: Sidecar) -> bytes:
    """Replace the sidecar of a journal and return its bytes, which are on the disk by then.

    Raises:
        OSError: they could not be written; the old one is still there.
    """
    path, written = path_of(journal), add_checksum(encode(content))
    try:
        durable_file.replace(path, written)
    except OSError as error:
        # A full disk has no room for a second file, but the block of the old one can still be written.
        if not _fits(path, written):
            raise
        with path.open("r+b") as file:
            durable_file.write_through(file, written)
        _log.limited("in-place", "sidecar cannot be replaced, written in place", error=error)
    return written


def _fits(path: Path, written: bytes) -> bool:
    """Return whether these bytes fit into the blocks that the file already has."""
    try:
        return len(written) <= path.stat().st_blocks * 512
    except OSError:
        return False
