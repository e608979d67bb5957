"""The files that outlive the program, with what can happen to them: read-only, full, torn, lost over a boot.

The spare in shared memory takes what the disk does not; it alone is only ever lost by a boot.

Each record has a copy of the reference model's account of the same moment, so that the model loses what the files lose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actuator.journal.reconcile import Content, merged
from actuator.journal.sidecar import sidecar
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.state import Moment, Saved
    from tests.actuator.harness.property_checks import Account

Disk = Literal["writable", "read-only", "full"]
"""Read-only: no file changes any more. Full: the small sidecar still fits, the database takes nothing."""
DISKS: Final[tuple[Disk, ...]] = ("writable", "read-only", "full")
MIRRORS: Final = ("mirror", "mirror lost", "no mirror")


class Record(msgspec.Struct, frozen=True):
    """One state as it was written, and the reference model's account of that moment."""

    sequence: int
    saved: Saved
    account: Account


class Found(msgspec.Struct, frozen=True):
    """What a start reads: the state, whether it is torn, and the account that goes with it; None: nothing."""

    saved: Saved | None
    account: Account | None
    torn: bool


@dataclass
class SimulatedJournal:
    """Database, sidecar, mirror and its spare.

    Attributes:
        disk: what the database and its sidecar stand on.
        mirror: the service has a runtime directory, in memory, where the program mirrors each record.
        mirror_writable: the runtime directory takes it.
    """

    disk: Disk = "writable"
    mirror: bool = False
    mirror_writable: bool = True
    database: Record | None = None
    small: Record | None = None
    mirrored: Record | None = None
    spare: Record | None = None
    sequence: int = 0

    @property
    def ok(self) -> bool:
        """Whether a record that is written now can be read by the next program of this boot."""
        return self.disk == "writable" or (self.mirror and self.mirror_writable)

    @property
    def behind(self) -> bool:
        """Whether a file can be written again that lacks what was written meanwhile."""
        last = self.sequence
        database = self.disk == "writable" and (self.database is None or self.database.sequence < last)
        mirror = self.mirror and self.mirror_writable and (self.mirrored is None or self.mirrored.sequence < last)
        return database or mirror

    @property
    def kind(self) -> str:
        """What there is, in words for the counts."""
        mirror = "no mirror" if not self.mirror else "mirror" if self.mirror_writable else "mirror lost"
        return f"{self.disk} journal, {mirror}"

    def write(self, saved: Saved, account: Account) -> None:
        """Write a record wherever it can be written."""
        self.sequence += 1
        record = Record(self.sequence, saved, account)
        if self.disk == "writable":
            self.database = record
        if self.disk != "read-only":
            self.small = record
        if self.mirror and self.mirror_writable:
            self.mirrored = record
        self.spare = None if self.disk == "writable" else record

    def has_run(self, number: int) -> bool:
        """Return whether a record that a start would use has the run of this number in progress."""
        return any(
            record is not None
            and record.sequence == self.sequence
            and record.saved.durable.run is not None
            and record.saved.durable.run.number == number
            for record in (self.database, self.mirrored)
        )

    def lose_memory(self) -> None:
        """Lose all that is in memory, as every boot does."""
        self.mirrored = self.spare = None

    def lose_mirror(self) -> None:
        """Lose the runtime directory, which can be written no more."""
        self.mirrored, self.mirror_writable = None, False

    def read(self, here: Moment, *, unreadable: bool = False, damaged: bool = False) -> Found:
        """Return what a start finds.

        Args:
            here: this moment.
            unreadable: neither database nor sidecar can be read.
            damaged: they do not agree.
        """
        database, small = self.database, self.small
        in_memory = [record for record in (self.mirrored, self.spare) if record is not None]
        mirrored = max(in_memory, key=lambda record: record.sequence, default=None)
        newest = max(record.sequence for record in (database, small) if record is not None) if database or small else 0
        if mirrored is not None and mirrored.sequence >= newest:
            return Found(mirrored.saved, mirrored.account, torn=not self.ok)
        lost = not self.ok
        if unreadable:
            return Found(None, None, torn=True)
        if database is None or small is None:
            return Found(None, None, torn=damaged or lost)
        if small.sequence == database.sequence:
            return Found(database.saved, database.account, torn=damaged or lost)
        content = Content(sequence=database.sequence, saved=database.saved)
        side = sidecar(small.sequence, small.saved.durable, None)
        return Found(merged(content, side, here), database.account.merged(small.account), torn=True)

    def doubt_clocks(self) -> None:
        """Say of each record that the wall clock was not known to be right then."""
        for name in ("database", "small", "mirrored", "spare"):
            record: Record | None = getattr(self, name)
            if record is not None:
                saved = replace(record.saved, moment=replace(record.saved.moment, wall_sane=False))
                setattr(self, name, replace(record, saved=saved))
