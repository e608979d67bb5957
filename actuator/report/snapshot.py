"""The state of the actuator that people and Prometheus see; the loop makes a new one in each turn."""

from __future__ import annotations

import time

import msgspec

from actuator.config import Config
from actuator.core.forecast import latest, quiet_in
from actuator.core.state import State
from actuator.site.values import NOTHING, SiteValues


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state at the end of a turn.

    Attributes:
        state: of the controller.
        config: in force: the file, the profile and the edits.
        profiles: the names of the file's profiles.
        now: monotonic seconds.
        wall: Unix time of the same moment.
        wall_sane: the wall clock is known to be right (see `loop.clock`).
        commanded_closed: the contact is commanded closed.
        read_back: the contact is closed, by the last reading; None: it could not be read.
        relay: the contact's name.
        can_read_back: the board can be read back.
        relay_fault: the error of the last command to the board, in words; empty when it was carried out.
        journal_fault: why the journal cannot be written, empty when it can.
        mirror_fault: why the newest state is not in the journal's mirror, empty when it is; None without a mirror.
        history_fault: why the history cannot be written, empty when it can.
        page_fault: why the exporter's page cannot be read, empty when it can.
        site: what the exporter's page shows of the site, for people alone.
        zone: the site's time zone, such as Europe/Berlin; empty: not known.
    """

    state: State
    config: Config
    now: float
    wall: float
    wall_sane: bool
    commanded_closed: bool
    read_back: bool | None
    relay: str
    can_read_back: bool
    relay_fault: str = ""
    journal_fault: str = ""
    mirror_fault: str | None = None
    history_fault: str = ""
    page_fault: str = ""
    profiles: tuple[str, ...] = ()
    site: SiteValues = NOTHING
    zone: str = ""

    @property
    def minute_of_day(self) -> int:
        """The local minute, 0 to 1439."""
        local = time.localtime(self.wall)
        return local.tm_hour * 60 + local.tm_min

    @property
    def ends_at(self) -> float | None:
        """When the run ends at the latest if no other cause begins, monotonic; None without a run."""
        run = self.state.durable.run
        if run is None:
            return None
        quiet = quiet_in(self.config, self.wall, self.minute_of_day, wall_sane=self.wall_sane)
        reserve = self.state.reserve
        return latest(self.state.durable, run, self.config, self.now, reserve=reserve, quiet_in=quiet)

    def reset_from(self, fingerprint: str) -> float:
        """Return from when on the operator may reset an inhibit, monotonic."""
        state = self.state
        return state.alerts.reset_from(fingerprint, self.config.alerts.lease, started_at=state.started_at)

    def wall_of(self, moment: float) -> float:
        """Return the Unix time of a monotonic moment."""
        return self.wall + moment - self.now
