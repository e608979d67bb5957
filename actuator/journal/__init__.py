"""What outlives the process: every event, every relay transition, and the controller's durable state.

SQLite in WAL mode with `synchronous=FULL`: a row that has been written is on the disk, also when the power goes. A
small sidecar beside it, replaced as a whole, carries the same sequence number, the mode and the inhibits: each shows
when the other was cut, emptied, lost or put back from an older copy. The database is written first and the sidecar
second, so a sidecar that is one behind is a death between the two and nothing worse.

Rooms: `rows` is one event, `sidecar` the small file, `halves` the judgement of both, `store` the database, `reader` who
asks for its rows, `keeper` how the loop uses it all.
"""

from __future__ import annotations

from actuator.journal.async_journal import AsyncJournal
from actuator.journal.rows import Row, as_csv, as_json, as_object
from actuator.journal.sidecar import last_relay
from actuator.journal.store import MOST_ROWS, Found, Journal, JournalError

__all__ = [
    "MOST_ROWS",
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
