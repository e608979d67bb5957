"""The journal's mirror: a file with the whole durable state in the service's runtime directory, which is in memory.

It outlives the process, not the boot. A card that has gone read-only is the commonest death of a Raspberry Pi: then
this file alone keeps min off, budget and attempts over a crash of the program.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from actuator.core.state import Saved
from actuator.journal.checksum import add_checksum, remove_checksum
from actuator.journal.rows import encode
from toolkit import log

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


def path_of(folder: Path, journal: Path) -> Path:
    """Return the path of a journal's mirror; two journals of one name in different folders have one each."""
    return folder / f"{journal.name}.{zlib.crc32(_name(journal).encode()):08x}.mirror"


def read(folder: Path, journal: Path, boot: str) -> Mirror | None:
    """Return the mirror of a journal; None: there is none of this boot that can be read."""
    path = path_of(folder, journal)
    try:
        content = msgspec.json.decode(remove_checksum(path.read_bytes()), type=Mirror)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, ValueError) as error:
        _log.error("the journal's mirror cannot be read", path=path, error=error)
        return None
    # A folder that is not in memory keeps the file over a boot, in which everything may have happened since.
    is_current = content.journal == _name(journal) and content.saved.moment.boot == boot
    return content if is_current else None


def write(folder: Path, journal: Path, sequence: int, saved: Saved) -> None:
    """Replace the mirror of a journal; not synced, for nothing in memory outlives a power cut.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, journal)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(add_checksum(encode(Mirror(sequence=sequence, journal=_name(journal), saved=saved))))
    temporary.replace(path)


def _name(journal: Path) -> str:
    return str(journal.resolve())
