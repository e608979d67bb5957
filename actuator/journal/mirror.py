"""The journal's mirror: the whole durable state in the service's runtime directory, which is in memory.

It outlives the process, not the boot. A card that becomes read-only is the commonest failure of a Raspberry Pi:
then the mirror alone keeps min off, budget and attempts over a crash of the program.

While the journal cannot be written, there is also a spare of the mirror, in the machine's shared memory: an emergency
that starts without journal and mirror leaves its record there. It allows no other start.
"""

from __future__ import annotations

import functools
import os
import stat
import zlib
from pathlib import Path
from typing import Final

import msgspec

from actuator.core.state import Saved
from actuator.journal.checksum import add_checksum, remove_checksum
from actuator.journal.rows import encode
from toolkit import log

FILLER: Final = b"\n"
"""Fills the rest of a file; no record ends with it."""
ROOM: Final = 64 * 1024
"""Bytes by which a file grows; a record of a few runs needs 3,000, one of 64 inhibits 40,000."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - see `make_private`

_log = log.get(__name__)


class Mirror(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file.

    Attributes:
        sequence: of the durable state.
        journal: path of the journal that it mirrors.
        saved: the durable state.
    """

    sequence: int
    journal: str
    saved: Saved


def paths_of(folder: Path, journal: Path) -> tuple[Path, Path]:
    """Return the paths of a journal's mirror; two journals of one name in different folders have their own."""
    name = f"{journal.name}.{zlib.crc32(_name(journal).encode()):08x}"
    return folder / f"{name}.even.mirror", folder / f"{name}.odd.mirror"


def spare_folder() -> Path:
    """Return the folder of the spare; Linux has it, and every user may write there."""
    return SHARED_MEMORY / f"generator-actuator.{os.geteuid()}"


def make_private(folder: Path) -> None:
    """Make a folder for this user alone in one where everybody may write: a forged record could clear an inhibit.

    Raises:
        OSError: it cannot be made, or it belongs to somebody else, or others may use it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")


def read(folder: Path, journal: Path, boot: str) -> Mirror | None:
    """Return the newest mirror of a journal; None: there is none of this boot that can be read."""
    found, faults = [], []
    for path in paths_of(folder, journal):
        try:
            data = path.read_bytes().rstrip(FILLER)
            if data:
                found.append(msgspec.json.decode(remove_checksum(data), type=Mirror))
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError, ValueError) as error:
            faults.append(f"{path}: {error}")
    if faults and not found:
        _log.error("the journal's mirror cannot be read", error="; ".join(faults))
    # A folder that is not in memory keeps the files over a boot, in which everything may have happened since.
    current = [mirror for mirror in found if mirror.journal == _name(journal) and mirror.saved.moment.boot == boot]
    return max(current, key=lambda mirror: mirror.sequence, default=None)


def write(folder: Path, journal: Path, sequence: int, saved: Saved) -> None:
    """Write the mirror of a journal; not synced: nothing in memory outlives a power cut.

    Even and odd sequences have a file each, so a kill during a write leaves the previous one. Both files are created at
    once with their full size and written in place, so that they keep their memory if it fills up later.

    Raises:
        OSError: it could not be written; the previous one is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = add_checksum(encode(Mirror(sequence=sequence, journal=_name(journal), saved=saved)))
    paths = paths_of(folder, journal)
    for path in paths:
        if not path.exists():
            path.write_bytes(FILLER * ROOM)
    with paths[sequence % 2].open("r+b") as file:
        size = max(-(-len(data) // ROOM) * ROOM, file.seek(0, os.SEEK_END))
        file.seek(0)
        file.write(data.ljust(size, FILLER))


@functools.cache
def _name(journal: Path) -> str:
    # Once: whatever happens to the folders above it later, it is the same journal. A loop of links is no error here.
    return os.path.realpath(journal)
