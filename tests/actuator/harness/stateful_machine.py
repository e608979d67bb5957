"""The stateful machine over all that can happen (docs/control.md, section 4), checked by the reference model.

Spans are seconds instead of minutes, so that a whole life of runs, failures and lock-outs fits into one sequence.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from actuator.core.inputs import Notice
from actuator.core.settings import Settings
from tests.actuator.harness.property_checks import ReferenceModel
from tests.actuator.harness.simulated_journal import DISKS, Disk
from tests.actuator.harness.simulated_site import MOMENT, World, settings

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS: dict[str, object] = {
    "max_run": "4m",
    "daily_budget": "15m",
    "min_run": "30s",
    "min_off": "40s",
    "tail": "20s",
    "start_confirm": "45s",
    "stop_confirm": "30s",
    "emergency_run": "90s",
    "emergency_reserve": "2m",
    "warm_up": "40s",
    "charge_confirm": "60s",
    "attempts": 3,
    "backoff": ["60s", "2m"],
    "short_cycle": ["40s", "60s", "2m", "4m"],
    "volts_under_load": {"soc_margin": "20%", "for": "40s"},
}
QUICK: dict[str, object] = {
    "limits": LIMITS,
    "alerts": {"heartbeat_timeout": "80s", "lease": "2m", "alert_grace": "60s"},
    "debounce": {"start": "20s", "stop": "15s", "emergency": "15s"},
    "blind": {"run": "60s", "every": "5m"},
}

EDITS: tuple[dict[str, object], ...] = (
    {},
    {"on_blind": "stop"},
    {"on_blind": "start"},
    {"quiet_hours": {"from": "21:00", "to": "06:00"}},
    {"exercise": {"every": "10m", "at": "12:00", "for": "60s"}},
    {"limits": {**LIMITS, "max_run": "2m", "attempts": 2}},
    {"limits": {**LIMITS, "max_run": "5m", "daily_budget": "6m", "min_off": "60s"}},
    {"evidence": {"ac_input": False}},
    {"on_no_charge": "stop"},
    {"start_soc": "40%", "stop_soc": "80%", "emergency_soc": "20%"},
    {"full_charge": {"every": "5m"}, "quiet_hours": {"from": "21:00", "to": "06:00", "prepare": True}},
)
CONFIGS = tuple(settings(**{**QUICK, **edit}) for edit in EDITS)
"""What the owner may write; index 0 is where a sequence begins."""

LEVELS = st.sampled_from([0.05, 0.12, 0.2, 0.25, 0.3, 0.5, 0.6, 0.9, 1.0])
CODES = st.sampled_from([2, 2, 2, 7, 26, 27, 4, 1, 0, 5, 3, 8, 24, 10, 99])


def truthful(closed: bool) -> bool | None:  # noqa: FBT001 - the contact itself
    return closed


BOARDS: tuple[Callable[[bool], bool | None], ...] = (
    truthful,
    truthful,
    lambda closed: not closed,
    lambda _closed: None,
    lambda _closed: True,
    lambda _closed: False,
)


class ControllerMachine(RuleBasedStateMachine):
    """One life of a controller; the reference model checks each step."""

    world: World
    offset: float = 0.0
    """Of the wall clock from the right time, seconds."""
    met: ClassVar[Counter[str]] = Counter()
    """What all sequences together have seen, so that a machine that sees nothing is noticed."""

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.reference is not None:
            self.met.update(self.world.reference.counts)

    @initialize(soc=LEVELS, config=st.sampled_from(CONFIGS[:4]), engine=st.booleans(), mirror=st.booleans())
    def begin(self, soc: float, config: Settings, *, engine: bool, mirror: bool) -> None:
        self.world = World(
            settings=config, soc=soc, obeys=engine, warm_up=8.0, tail=15.0, volts_threshold=46.0, mirror=mirror
        )
        self.world.reference = ReferenceModel()

    # --- time

    @rule(seconds=st.sampled_from([1, 3, 10, 30, 60, 120, 300]))
    def wait(self, seconds: int) -> None:
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.0625, 0.5]))
    def soon(self, seconds: float) -> None:
        self.world.step(seconds=seconds)

    # --- the exporter's page

    @rule(soc=LEVELS | st.none(), refused=st.booleans())
    def soc(self, soc: float | None, *, refused: bool) -> None:
        self.world.soc, self.world.soc_refused = soc, refused and soc is None

    @rule(soc=LEVELS)
    def spike(self, soc: float) -> None:
        self.world.soc, before = soc, self.world.soc
        self.world.run(5)
        self.world.soc = before

    @rule(full=st.sampled_from([True, False, False, None]))
    def full(self, full: bool | None) -> None:  # noqa: FBT001 - the value itself
        self.world.full = full

    @rule(frozen=st.booleans(), reachable=st.booleans())
    def page(self, *, frozen: bool, reachable: bool) -> None:
        self.world.frozen, self.world.page_reachable = frozen and reachable, reachable

    @rule()
    def page_is_well(self) -> None:
        self.world.frozen, self.world.page_reachable, self.world.bus_alive = False, True, True

    @rule(volts=st.sampled_from([40.0, 46.0, 46.1, 50.0, None]))
    def volts(self, volts: float | None) -> None:
        self.world.volts = volts

    @rule(alive=st.booleans())
    def bus(self, *, alive: bool) -> None:
        self.world.bus_alive = alive

    @rule(code=CODES | st.none())
    def ags(self, code: int | None) -> None:
        self.world.ags = code

    @rule(ac=st.sampled_from([True, False, None, None]), volts=st.sampled_from([120.0, 60.0, None]))
    def ac_input(self, ac: bool | None, volts: float | None) -> None:  # noqa: FBT001 - the value itself
        self.world.ac, self.world.ac_volts = ac, volts

    @rule(amperes=st.sampled_from([60.0, 60.0, 0.0, -5.0, None]), absorbing=st.booleans())
    def charge(self, amperes: float | None, *, absorbing: bool) -> None:
        self.world.amperes, self.world.absorbing = amperes, absorbing and amperes == 0

    @rule(cap=st.sampled_from([None, 0.0, 120.0, 3600.0, 43200.0]))
    def ags_cap(self, cap: float | None) -> None:
        self.world.ags_max_run = cap

    @rule(
        obeys=st.booleans(), tail=st.sampled_from([0.0, 15.0, 60.0, 600.0]), warm_up=st.sampled_from([4.0, 20.0, 40.0])
    )
    def engine(self, tail: float, warm_up: float, *, obeys: bool) -> None:
        self.world.obeys, self.world.tail, self.world.warm_up = obeys, tail, warm_up

    # --- alerts

    @rule(beating=st.booleans())
    def heartbeat(self, *, beating: bool) -> None:
        self.world.beating = beating

    @rule()
    def two_beats(self) -> None:
        self.world.step(beats=1)
        self.world.step(beats=1)

    @rule(
        notices=st.lists(
            st.builds(
                Notice,
                kind=st.sampled_from(["start", "start", "stop", "inhibit"]),
                firing=st.booleans(),
                fingerprint=st.sampled_from(["a", "b"]),
                starts_at=st.sampled_from([1.0, 2.0, 3.0]),
            ),
            min_size=1,
            max_size=3,
        ),
        beats=st.integers(0, 2),
    )
    def notification(self, notices: list[Notice], beats: int) -> None:
        own = {"start": "s", "stop": "t", "inhibit": "i"}
        named = tuple(
            Notice(
                kind=notice.kind,
                firing=notice.firing,
                fingerprint=own[notice.kind] + notice.fingerprint,
                starts_at=notice.starts_at,
                summary=notice.kind,
            )
            for notice in notices
        )
        self.world.step(*named, beats=beats, seconds=MOMENT)

    # --- clocks, configuration, operator

    @rule(seconds=st.sampled_from([-21600.0, 21600.0, 90.0]), sane=st.booleans())
    def wall_step(self, seconds: float, *, sane: bool) -> None:
        self.world.wall += seconds
        self.offset += seconds
        # Called right though it is not, it may move nothing; but it is by a right one that time powered off is counted.
        self.world.wall_sane = sane and self._may_be_called_right()

    def _may_be_called_right(self) -> bool:
        return self.offset == 0 or self.world.state.durable.anchor is None

    @rule(minute=st.sampled_from([0, 359, 360, 725, 1259, 1260]))
    def time_of_day(self, minute: int) -> None:
        self.world.minute_of_day = minute

    @rule(config=st.sampled_from(CONFIGS))
    def edit(self, config: Settings) -> None:
        self.world.settings = config

    @rule(
        action=st.sampled_from(
            ["on", "on", "off", "auto", "reset_lockout", "reset_journal", "reset_service", "reset_inhibit"]
        ),
        seconds=st.sampled_from([None, 20.0, 100.0, 1e9]),
        fingerprint=st.sampled_from(["ia", "ib"]),
    )
    def order(self, action: str, seconds: float | None, fingerprint: str) -> None:
        self.world.operator(action, seconds if action == "on" else None, fingerprint=fingerprint)

    @rule(disk=st.sampled_from(["writable", "writable", *DISKS]))
    def disk(self, disk: Disk) -> None:
        self.world.journal_ok, self.world.broken_disk = disk == "writable", disk

    @rule(writable=st.booleans())
    def mirror(self, *, writable: bool) -> None:
        self.world.journal.mirror_writable = writable
        if not writable:
            self.world.journal.lose_mirror()

    # --- the board

    @rule(board=st.sampled_from(BOARDS))
    def board(self, board: Callable[[bool], bool | None]) -> None:
        self.world.read_back = board

    @rule(fails=st.booleans())
    def writes(self, *, fails: bool) -> None:
        self.world.relay_fails = fails

    @rule()
    def board_is_well(self) -> None:
        self.world.relay_fails, self.world.read_back = False, truthful

    # --- deaths

    @rule(seconds=st.sampled_from([1.0, 10.0, 40.0, 300.0]))
    def killed(self, seconds: float) -> None:
        self.world.die(dead_for=seconds)

    @rule(seconds=st.sampled_from([1.0, 10.0, 40.0]))
    def ended(self, seconds: float) -> None:
        self.world.end(dead_for=seconds)

    @rule(stage=st.sampled_from(["decided", "half done", "done"]))
    def killed_at_a_move(self, stage: Any) -> None:  # noqa: ANN401 - one of World's own words
        self.world.killed_at_a_move = stage

    @rule(
        seconds=st.sampled_from([20.0, 300.0, 7200.0]),
        unreadable=st.booleans(),
        torn=st.sampled_from([False, False, True]),
        latches=st.booleans(),
    )
    def reboot(self, seconds: float, *, unreadable: bool, torn: bool, latches: bool) -> None:
        self.world.wall_sane = False
        if self.offset != 0:
            self.world.journal.doubt_clocks()
        self.world.die(dead_for=seconds, reboot=True, torn=torn, unreadable=unreadable and torn, latches=latches)

    # --- whole stories, so that deep states are met often

    @precondition(lambda self: self.world.state.durable.run is None)
    @rule()
    def good_start(self) -> None:
        """Nothing stands in the way of a start any more."""
        world = self.world
        self.page_is_well()
        self.board_is_well()
        world.journal_ok = True
        world.ags, world.ac, world.ac_volts, world.obeys, world.soc = 2, None, 120.0, True, 0.2
        world.operator("auto")
        world.operator("reset_lockout")
        if world.state.durable.inhibits:
            world.run(world.settings.alerts.lease)
        for fingerprint in world.state.durable.inhibits:
            world.operator("reset_inhibit", fingerprint=fingerprint)
        world.minute_of_day = 720
        world.run(400, until=World.closed)

    @precondition(lambda self: self.world.state.durable.run is None)
    @rule(then=st.sampled_from(["killed", "killed", "dies", "full"]))
    def proven_start(self, then: str) -> None:
        """A run whose engine is proven, and what may become of it."""
        self.good_start()
        world = self.world
        if not world.run(60, until=lambda world: world.phase() == "running"):
            return
        if then == "killed":
            world.die(dead_for=3.0)
        elif then == "dies":
            world.obeys = False
        else:
            world.soc = 0.95
        world.run(60)

    @precondition(lambda self: self.world.state.durable.run is None)
    @rule()
    def dead_start(self) -> None:
        """Nothing stands in the way of a start but the engine itself."""
        self.good_start()
        self.world.obeys = False
        self.world.run(60)

    @precondition(lambda self: self.world.state.durable.run is None)
    @rule()
    def blind_in_a_run(self) -> None:
        """A start alert fires while the page is lost, and then the evidence counts as lost."""
        world = self.world
        self.page_is_well()
        self.board_is_well()
        world.ags, world.ac, world.ac_volts, world.obeys, world.soc = 2, None, 120.0, True, 0.3
        world.operator("auto")
        world.operator("reset_lockout")
        world.minute_of_day, world.settings, world.beating = 720, CONFIGS[1], True
        assert world.reference is not None
        world.tick = world.reference.tick = 5.0
        world.run(180)
        world.page_reachable = False
        world.run(200)
        world.step(world.notice("start", starts_at=4.0, fingerprint="sa"), seconds=MOMENT)
        world.run(150)
        world.tick = world.reference.tick = 1.0

    @precondition(lambda self: self.world.state.durable.run is not None)
    @rule()
    def quiet_hours_begin_in_a_run(self) -> None:
        world = self.world
        world.settings, world.minute_of_day, world.wall_sane = CONFIGS[3], 1260, self._may_be_called_right()
        world.run(3)

    @precondition(lambda self: self.world.state.durable.run is None)
    @rule(after=st.sampled_from([0.0, 0.0625, 0.5]), times=st.integers(1, 3), dead_for=st.sampled_from([3.0, 50.0]))
    def killed_within_a_second_of_closing(self, after: float, times: int, dead_for: float) -> None:
        """What a starter that pulls the supply down does, again and again."""
        self.dead_start() if times > 1 else self.good_start()
        for _ in range(times):
            if self.world.run(150, until=World.closed):
                self.world.step(seconds=after)
                self.world.die(dead_for=dead_for)

    @precondition(lambda self: self.world.state.durable.run is not None)
    @rule(seconds=st.sampled_from([5.0, 20.0]))
    def killed_in_a_run(self, seconds: float) -> None:
        self.world.run(40)
        self.world.die(dead_for=seconds)
        self.world.run(60)


def run(machine: Any = ControllerMachine) -> None:  # noqa: ANN401 - hypothesis wants the class
    """Let hypothesis drive it with the settings in force."""
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415 - only when it is run

    run_state_machine_as_test(machine)
