"""Simulated years of a site: sun, load, wrong readings, deaths, reboots and clock steps, on the simulator's model.

The reference model of property_checks.py checks each step.

    python -m tests.actuator.harness.soak --days 10000 --seed 1

Ticks are as long as freshness allows and short around whatever happens. A failure names its seed and life; that life
alone is played again by --seed S --life N.
"""

from __future__ import annotations

import argparse
import heapq
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from actuator.core import controller, recovery
from actuator.core.inputs import Command, Inputs, Notice, Page, ReadBack
from actuator.core.state import Moment, Saved, State
from actuator.loop.runtime import OPEN_TICK
from simulator import settings as simulated
from simulator.site import Site, advance, clear, inject
from tests.actuator.harness.property_checks import Broken, ReferenceModel
from tests.actuator.harness.simulated_journal import DISKS, MIRRORS, SimulatedJournal
from tests.actuator.harness.simulated_site import settings
from toolkit.config import Duration, Ratio
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actuator.core.settings import Settings

HOUR: Final = 3600.0
DAY: Final = 86400.0
DAYS_OF_A_LIFE: Final = 25.0
COARSE: Final = 28.0
"""Seconds; what the bus says is fresh for 30."""
FINE: Final = 5.0
CHARGING: Final = {0x02, 0x04, 0x08}
ABSORBING: Final = {0x02, 0x04}

CONFIGS: Final[tuple[Settings, ...]] = tuple(
    settings(debounce={"start": "120s", "stop": "84s", "emergency": "84s"}, **parts)  # three pages at the coarse tick
    for parts in (
        {},
        {"on_blind": "start", "exercise": {"every": "5d", "at": "10:00", "for": "20m"}},
        {"on_blind": "stop", "quiet_hours": {"from": "21:00", "to": "06:00"}},
        {"quiet_hours": {"from": "22:00", "to": "05:00"}, "exercise": {"every": "3d", "at": "11:30", "for": "30m"}},
        {"limits": {"daily_budget": "4h", "max_run": "2h", "attempts": 2}, "on_no_charge": "stop"},
        {"start_soc": "40%", "stop_soc": "80%", "emergency_soc": "20%", "emergency_volts": "none"},
        {"full_charge": {"every": "4d"}, "quiet_hours": {"from": "21:00", "to": "06:00", "prepare": True}},
    )
)

FAULTS: Final[tuple[tuple[str, object, float, float], ...]] = (
    ("adapter_unplugged", None, 60, 8 * HOUR),
    ("inverter_silent", None, 60, 2 * HOUR),
    ("ags_silent", None, 60, 8 * HOUR),
    ("bmk_silent", None, 60, 12 * HOUR),
    ("bmk_jump", 1.0, 600, 6 * HOUR),
    ("bmk_jump", 0.02, 600, 2 * HOUR),
    ("bmk_frozen", None, 600, 12 * HOUR),
    ("bmk_thinking", None, 60, 3 * HOUR),
    ("engine_does_not_start", None, HOUR, 30 * HOUR),
    ("engine_dies", 300.0, 600, 10 * HOUR),
    ("engine_does_not_stop", None, 600, 3 * HOUR),
    ("fuel_ends", None, HOUR, 12 * HOUR),
    ("ags_deaf", None, HOUR, 30 * HOUR),
    ("ags_refuses", 1, 600, 5 * HOUR),
    ("ags_refuses", 5, 600, 5 * HOUR),
    ("foreign_run", 3, 600, 2 * HOUR),
    ("foreign_run", 8, 600, 2 * HOUR),
    ("shore", None, 600, 3 * HOUR),
    ("relay_write_fails", "exception", 10, 2 * HOUR),
    ("relay_write_fails", "ignored", 10, 2 * HOUR),
    ("relay_read_back_lies", None, 10, HOUR),
    ("relay_silent", None, 10, HOUR),
    ("relay_welded", None, HOUR, 10 * HOUR),
)
"""Name, argument, and between how many seconds it lasts."""


class Life:
    """One controller's life on one site."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)  # noqa: S311 - weather and bad luck
        self.site = Site(
            simulated.SiteSettings(
                seed=seed,
                hour=chance.uniform(0, 23.9),
                battery=simulated.Battery(soc=Ratio(chance.uniform(0.15, 0.9))),
                sun=simulated.Sun(peak_watts=chance.choice([300.0, 1000.0, 1500.0, 2500.0])),
                engine=simulated.Engine(
                    start_failures=Ratio(chance.choice([0.0, 0.1, 0.4])),
                    max_run=Duration(chance.choice([12 * HOUR, 12 * HOUR, 3 * HOUR])),
                    sensed=chance.random() < 0.7,
                    fuel_litres=200.0,
                ),
            )
        )
        self.settings = chance.choice(CONFIGS)
        self.reference = ReferenceModel()
        self.true, self.now, self.boot, self.offset = 0.0, 1000.0, 0, 0.0
        self.sane = chance.random() < 0.7
        self.state = State(started_at=self.now)
        self.latches = chance.random() < 0.3
        """The board has a supply of its own, and keeps its contact over a reboot."""
        self.journal = SimulatedJournal(mirror=chance.random() < 0.7)
        self._save()
        self.fine_until = 0.0
        self.stamp = 0.0
        self.error = False
        self.said: bool | None = False
        """Where the board believes its contact to be."""
        self.page_reachable = self.prometheus = True
        self.frozen_soc: float | None = None
        self.refuses_wrong_soc = chance.random() < 0.8
        self.killed_at_a_move = ""
        self.notices: list[Notice] = []
        self.commands: list[Command] = []
        self.beat_at, self.told_at = 0.0, dict.fromkeys(("start", "stop"), -1e9)
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.counts: Counter[str] = Counter()
        self._plan(chance.expovariate(1 / (5 * HOUR)), self._incident)
        self._plan(HOUR, self._visit)

    def play(self, days: float) -> None:
        """Let so many days pass.

        Raises:
            Broken: a property is.
        """
        end = days * DAY
        while self.true < end:
            seconds = self._tick()
            self._pass(seconds)
            while self.agenda and self.agenda[0][0] <= self.true:
                heapq.heappop(self.agenda)[2]()
                self.fine_until = self.true + 60
            self._step(seconds)

    # --- time

    def _tick(self) -> float:
        seconds = FINE if self.true < self.fine_until else COARSE
        run = self.state.durable.run
        if run is not None:
            seconds = min(seconds, max(1.0, run.deadline - self.now))
        if self.agenda:
            seconds = min(seconds, max(1.0, self.agenda[0][0] - self.true))
        return seconds

    def _pass(self, seconds: float) -> None:
        advance(self.site, seconds)
        self.true += seconds
        self.now += seconds

    def _plan(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (self.true + seconds, len(self.agenda) + int(self.true) * 100, action))

    @property
    def wall(self) -> float:
        return 1_700_000_000.0 + self.site.settings.hour * HOUR + self.true + self.offset

    def _moment(self) -> Moment:
        return Moment(boot=str(self.boot), now=self.now, wall=self.wall, wall_sane=self.sane)

    # --- what the controller is given

    def _page(self) -> Page:
        site, faults = self.site, self.site.faults
        self.stamp += 1
        alive = not (faults.adapter_unplugged or faults.inverter_silent)
        monitor = alive and not (faults.bmk_silent or faults.bmk_thinking)
        soc = round(site.monitor.soc, 2) if self.frozen_soc is None else self.frozen_soc
        wrong = abs(soc - site.battery.soc) > 0.1 and self.refuses_wrong_soc
        leads = monitor and not wrong
        inverter = site.inverter
        return Page(
            soc=soc if leads else None,
            soc_stamp=self.stamp if leads else None,
            soc_refused=monitor and wrong,
            device_stamp=self.stamp if alive else None,
            ac_input_volts=site.ac_input_volts if alive else None,
            charging=int(inverter.status) in CHARGING and inverter.dc_watts > 0 if alive else None,
            dc_amperes=inverter.dc_watts / site.battery.volts if alive else None,
            absorbing=int(inverter.status) in ABSORBING,
            ags_code=int(site.ags.status) if alive and not faults.ags_silent else None,
            battery_volts=site.battery.volts if alive else None,
            full=self._full(leads=leads),
            full_stamp=self.stamp,
            battery_volts_stamp=self.stamp if alive else None,
            emergency_volts=23.0 if alive and self.settings.emergency_volts != "none" else None,
            ags_max_run=float(site.settings.engine.max_run) if alive else None,
        )

    def _full(self, *, leads: bool) -> bool | None:
        """Return the exporter's `battery_full`; the solar charger has a cable of its own."""
        site = self.site
        if site.floats:
            return True
        if not leads:
            return None
        tail = 0.02 * site.settings.battery.capacity_ampere_hours
        return site.monitor.soc >= 0.99 and abs(site.battery.amperes) <= tail

    def _alert(self, page: Page | None) -> int:
        """Do what Prometheus and Alertmanager do; return the beats."""
        if not self.prometheus:
            return 0
        soc = None if page is None else page.soc
        for kind, fires in (
            ("start", soc is not None and soc <= self.settings.start_soc),
            ("stop", soc is not None and soc >= self.settings.stop_soc),
        ):
            since = self.true - self.told_at[kind]
            if fires and since >= 240:
                starts_at = self.true if since > 600 else self.told_at[kind]
                self._notify(kind, firing=True, starts_at=starts_at)
                self.told_at[kind] = self.true
            elif not fires and 300 <= since < 1e8:
                self._notify(kind, firing=False, starts_at=self.true)
                self.told_at[kind] = -1e9
        if soc is not None and self.true - self.beat_at >= 60:
            self.beat_at = self.true
            return 1
        return 0

    def _notify(self, kind: Any, *, firing: bool, starts_at: float, name: str = "") -> None:  # noqa: ANN401
        self.notices.append(
            Notice(kind=kind, firing=firing, fingerprint=name or kind, starts_at=starts_at, summary=kind)
        )

    def _read_back(self) -> bool | None:
        faults = self.site.faults
        if faults.relay_silent:
            return None
        closed = bool(self.said) if faults.relay_welded else self.site.contact
        return not closed if faults.relay_read_back_lies else closed

    def _write(self, *, closed: bool) -> None:
        faults = self.site.faults
        if faults.relay_silent or faults.relay_write_fails == "exception":
            self.error = True
            return
        if faults.relay_write_fails == "ignored":
            return
        self.said = closed
        if not faults.relay_welded:
            self.site.contact = closed

    def _step(self, seconds: float) -> None:
        page = self._page() if self.page_reachable else None
        beats = self._alert(page)
        wall = self.wall
        read_back = self._read_back()
        inputs = Inputs(
            settings=self.settings,
            page=page,
            notices=tuple(self.notices),
            beats=beats,
            commands=tuple(self.commands),
            read_back=ReadBack(closed=read_back, at=self.now),
            relay_error=self.error,
            journal_ok=self.journal.ok,
            wall=wall,
            wall_sane=self.sane,
            minute_of_day=int(wall / 60) % 1440,
        )
        if self.notices or self.commands:
            self.notices, self.commands = [], []
            self.fine_until = self.true + 30
        self.error = False
        before = self.state
        result = controller.step(before, inputs, self.now)
        closing, opening = (
            result.close and before.durable.run is None,
            not result.close and before.durable.run is not None,
        )
        killed = ""
        if closing or opening:
            killed, self.killed_at_a_move = self.killed_at_a_move, ""
        if killed == "decided":
            self._kill()
            return
        self.state = result.state
        self.reference.tick = max(seconds, FINE)
        self.reference.check(inputs, result, now=self.now, true=self.true)
        if result.events:
            self.fine_until = self.true + 60
        self.counts["ticks"] += 1
        # It writes before it closes, and opens before it writes.
        if opening or (not result.close and read_back is not False):
            self._write(closed=False)
        if opening and killed == "half done":
            self._kill()
            return
        changed = result.state.durable is not before.durable or self.journal.behind
        since = self.now - self.saved_at
        if changed or since >= OPEN_TICK or (result.close and since >= recovery.DURABLE_TICK):
            self._save()
        if closing and killed == "half done":
            self._kill()
            return
        if closing:
            run = result.state.durable.run
            assert run is not None
            self.reference.recorded(written=self.journal.has_run(run.number), causes=run.causes)
            self._write(closed=True)
        if killed:
            self._kill()
            return
        if not result.close and self.site.contact:
            self.fine_until = self.true + 30

    # --- what happens to it

    def _incident(self) -> None:
        chance = self.chance
        self._plan(chance.expovariate(1 / (5 * HOUR)), self._incident)
        kind = chance.choice(
            (
                *("fault", "fault", "fault", "kill", "kill", "reboot", "torn", "clock"),
                *("unreachable", "silence", "inhibit", "command", "edit", "lie", "disk", "mirror", "kill_at_a_move"),
            )
        )
        self.counts[kind] += 1
        getattr(self, f"_{kind}")()

    def _fault(self) -> None:
        name, value, shortest, longest = self.chance.choice(FAULTS)
        inject(self.site, name, value)
        self.counts[f"fault {name}"] += 1
        if name == "bmk_frozen":
            self.frozen_soc = round(self.site.monitor.soc, 2)

        def over() -> None:
            clear(self.site, name)
            if name == "bmk_frozen":
                self.frozen_soc = None

        self._plan(self._between(shortest, longest), over)

    def _between(self, shortest: float, longest: float) -> float:
        """Return seconds, the short as likely as the long."""
        return float(shortest * (longest / shortest) ** self.chance.random())

    def _kill(self) -> None:
        self._pass(self._between(1, 1200))
        self._begin()

    def _reboot(self) -> None:
        if self.state.durable.run is not None:
            # Ours may be coarser than the durable ticks of the program.
            unseen = min(self.now - self.saved_at, self.chance.uniform(0.0, 10.0))
            self._save(replace(self._moment(), now=self.now - unseen, wall=self.wall - unseen))
        if not self.latches:
            if not self.site.faults.relay_welded:
                self.site.contact = False
            self.said = False
            self.reference.dropped(self.true)
        self.journal.lose_memory()
        self._pass(self._between(10, 6 * HOUR))
        self.boot += 1
        self.now = 30.0
        self.sane = self.offset == 0 and self.chance.random() < 0.5
        self._begin(reboot=True)

    def _kill_at_a_move(self) -> None:
        """Kill the program where it next moves the contact, as often as not within the second of closing."""
        self.killed_at_a_move = self.chance.choice(["decided", "half done", "done", "done"])

    def _disk(self) -> None:
        self.journal.disk = self.chance.choice(["read-only", "full"])
        broken_for = self._between(600, 30 * HOUR)
        self._plan(broken_for, lambda: setattr(self.journal, "disk", "writable"))
        for _ in range(self.chance.randrange(4)):
            self._plan(self._between(10, broken_for), self._kill)

    def _mirror(self) -> None:
        self.journal.lose_mirror()
        self._plan(self._between(600, 10 * HOUR), lambda: setattr(self.journal, "mirror_writable", True))

    def _torn(self) -> None:
        self._pass(self._between(1, 60))
        self._begin(torn=True)

    def _begin(self, *, reboot: bool = False, torn: bool = False) -> None:
        self.reference.count(f"{DEATHS}{self.journal.kind}")
        found = self._read_back()
        self._write(closed=False)
        self.error = False
        here = self._moment()
        record = self.journal.read(here, unreadable=torn and self.chance.random() < 0.5, damaged=torn)
        self.state, _ = recovery.restore(record.saved, here, self.settings, torn=record.torn, found=found)
        self.reference.restarted(
            self.state,
            record.account,
            self.settings,
            reboot=reboot,
            torn=record.torn,
            true=self.true,
            found=found,
            clock_known=record.saved is not None and record.saved.moment.wall_sane and here.wall_sane,
        )
        self._save()

    def _save(self, moment: Moment | None = None) -> None:
        moment = moment or self._moment()
        self.saved_at = moment.now
        self.journal.write(Saved(durable=self.state.durable, moment=moment), self.reference.account.record(self.true))

    def _clock(self) -> None:
        self.offset = self.chance.choice([0.0, 6 * HOUR, -6 * HOUR, 90.0, -1e8])
        self.sane = self.offset == 0

    def _unreachable(self) -> None:
        self.page_reachable = False
        self._plan(self._between(30, 5 * HOUR), lambda: setattr(self, "page_reachable", True))

    def _silence(self) -> None:
        """Prometheus dies, and with it whatever fired resolves, or not."""
        self.prometheus = False
        if self.chance.random() < 0.5:
            for kind in ("start", "stop"):
                self._notify(kind, firing=False, starts_at=self.true)
            for name in ("inhibit 0", "inhibit 1"):
                self._notify("inhibit", firing=False, starts_at=self.true, name=name)
        self._plan(self._between(60, 20 * HOUR), lambda: setattr(self, "prometheus", True))

    def _lie(self) -> None:
        self.refuses_wrong_soc = self.chance.random() < 0.7

    def _inhibit(self) -> None:
        name = f"inhibit {self.chance.randrange(2)}"
        began = self.true
        self._notify("inhibit", firing=True, starts_at=began, name=name)
        self._plan(
            self._between(60, 10 * HOUR), lambda: self._notify("inhibit", firing=False, starts_at=began, name=name)
        )

    def _command(self) -> None:
        action: Any = self.chance.choice(["on", "on", "off", "auto"])
        self.commands.append(
            Command(action=action, seconds=self.chance.choice([None, 600.0, 3600.0]) if action == "on" else None)
        )
        self._plan(self._between(600, 10 * HOUR), lambda: self.commands.append(Command(action="auto")))

    def _edit(self) -> None:
        self.settings = self.chance.choice(CONFIGS)

    def _visit(self) -> None:
        """Somebody comes now and then: resets the AGS, fills the tank, resets what there is to reset."""
        self._plan(self._between(6 * HOUR, 60 * HOUR), self._visit)
        self.site.ags.reset()
        self.site.engine.fuel_litres = 200.0
        if self.state.durable.locked_out or self.chance.random() < 0.2:
            self.commands.append(Command(action="reset_lockout"))
        self.commands.append(Command(action="reset_journal"))
        self.commands += [
            Command(action="reset_inhibit", fingerprint=fingerprint) for fingerprint in self.state.durable.inhibits
        ]
        self.counts["visits"] += 1


def play(number: int, seed: int, days: float) -> tuple[Counter[str], str]:
    """Play one life; return what it met, and which property it broke, empty if none."""
    life = Life(seed * 1_000_003 + number)
    try:
        life.play(days)
    except Broken as broken:
        when = f"day {life.true / DAY:.2f}, monotonic {life.now:.0f}"
        return life.counts + Counter(life.reference.counts), f"--seed {seed} --life {number}: {when}: {broken}"
    return life.counts + Counter(life.reference.counts), ""


def _played(job: tuple[int, int, float]) -> tuple[Counter[str], str]:
    return play(*job)


def soak(
    days: float, seed: int, lives: Iterable[int] | None = None, processes: int | None = None
) -> tuple[Counter[str], list[str]]:
    """Play as many lives as give so many days; return what they met, and each breach."""
    numbers = range(max(1, round(days / DAYS_OF_A_LIFE))) if lives is None else lives
    jobs = [(number, seed, min(days, DAYS_OF_A_LIFE)) for number in numbers]
    met: Counter[str] = Counter()
    broken: list[str] = []
    with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count()) as pool:
        for number, (counts, breach) in enumerate(pool.imap_unordered(_played, jobs), 1):
            met += counts
            if breach:
                broken.append(breach)
                print(breach, flush=True)
            if number % 40 == 0:
                print(f"{number} of {len(jobs)} lives", flush=True)
    met["days"] = round(len(jobs) * min(days, DAYS_OF_A_LIFE))
    return met, broken


DEATHS: Final = "deaths with a "
MUST_BE_SEEN: Final = (
    "starts",
    "failures",
    "lock-outs",
    "deaths",
    "resumes",
    "ends by died",
    "ends by max_run",
    "ends by budget",
    "starts for full_charge",
    "full charges",
    *(f"{DEATHS}{disk} journal, {mirror}" for disk in DISKS for mirror in MIRRORS),
)


def main(arguments: list[str] | None = None) -> int:
    """Run and print what was seen; 1 when a property was broken or something was never seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--life", type=int, help="only this one")
    parser.add_argument("--processes", type=int)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    met, broken = soak(given.days, given.seed, None if given.life is None else [given.life], given.processes)
    spent = time.monotonic() - began
    print(f"{met['days']} days in {spent:.0f} s, {met['ticks'] / spent:.0f} ticks a second, seed {given.seed}")
    print(", ".join(f"{what} {met[what]}" for what in MUST_BE_SEEN if not what.startswith(DEATHS)))
    kinds = {what.removeprefix(DEATHS): met[what] for what in MUST_BE_SEEN if what.startswith(DEATHS)}
    print(f"deaths with a journal and a mirror: {'; '.join(f'{kind} {count}' for kind, count in kinds.items())}")
    others = sorted(set(met) - {"days", "ticks", *MUST_BE_SEEN})
    print("and", ", ".join(f"{what} {met[what]}" for what in others))
    unseen = [what for what in MUST_BE_SEEN if not met[what]] if given.life is None else []
    if unseen:
        print(f"never seen: {', '.join(unseen)}")
    print(f"{len(broken)} breaches of a property")
    return 1 if broken or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
