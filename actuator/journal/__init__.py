"""What outlives the process: every event, every relay transition, and the controller's durable state.

SQLite in WAL mode with `synchronous=FULL`: a row that has been written is on the disk, also when the power fails. The
sidecar, a small file next to it that is replaced as a whole, has the same sequence number, the mode and the inhibits:
each shows when the other was cut, emptied, lost or restored from an older copy. The database is written first, then the
sidecar, so a sidecar that is one behind only means that the process died between the two. Before both, the whole state
is written to the mirror, in memory: it outlives a crash of the program when the card cannot be written any more. What
cannot be written to the journal is also written to the mirror's spare, in shared memory.

Modules: `rows` is one event, `database` the database's file, `sidecar` the small file, `reconcile` compares the two,
`mirror` is the file in memory, `store` writes all three, `reader` reads rows, `async_journal` is how the loop uses it
all, `checksum` finds damaged bytes.
"""

from __future__ import annotations

from actuator.journal.async_journal import AsyncJournal
from actuator.journal.database import MAX_ROWS
from actuator.journal.rows import Row, as_csv, as_json, as_object
from actuator.journal.sidecar import last_relay
from actuator.journal.store import Found, Journal, JournalError

__all__ = [
    "MAX_ROWS",
    "AsyncJournal",
    "Found",
    "Journal",
    "JournalError",
    "Row",
    "as_csv",
    "as_json",
    "as_object",
    "last_relay",
]
