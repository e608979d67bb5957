"""A search for the worst that nature can make of the controller: bad luck that learns.

    python -m tests.actuator.harness.worst_case_search --tries 1000 --seed 1

A plan is a short list of things that happen, over and over: a level of the battery, an engine that dies, an AGS that
refuses, an inhibit that flaps, a kill; each lasts for a span, or until the contact moves. Nobody is at the controls: no
plan gives a command. For each aim the best plans so far are varied. The reference model checks the champions.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tests.actuator.harness.property_checks import DAY, HOUR, ReferenceModel
from tests.actuator.harness.simulated_site import World, settings
from tests.actuator.harness.stateful_machine import QUICK

if TYPE_CHECKING:
    from actuator.core.settings import Settings

MINUTE: Final = 60.0
TICK: Final = 20.0
"""Seconds of a step and of a page, with settings of minutes; the bus is fresh for 30."""

Gene = tuple[str, object, float | str]
"""What happens, to what value, and for how long: seconds, or until the contact is closed or open."""
Plan = tuple[Gene, ...]

VALUES: Final[dict[str, tuple[object, ...]]] = {
    "soc": (0.03, 0.12, 0.2, 0.25, 0.3, 0.5, 0.7, None),
    "obeys": (True, False),
    "ags": (2, 1, 3, 7, 24, 26, None),
    "ac": (None, True, False),
    "charging": (True, False),
    "volts": (None, 44.0, 50.0),
    "bus_alive": (True, False),
    "page_reachable": (True, False),
    "beating": (True, False),
    "start alert": (True, False),
    "stop alert": (True, False),
    "inhibit": (True, False),
    "read_back": ("true", "open", "none"),
    "journal_ok": (True, False),
    "kill": (1.0, 20.0, 600.0),
    "kill at a move": ("half done", "done"),
    "reboot": (30.0, 2 * HOUR),
    "minute_of_day": (0, 720, 1259),
    "nothing": (None,),
}
SPANS: Final[tuple[float | str, ...]] = (
    *(1.0, 20.0, 90.0, 3 * MINUTE, 10 * MINUTE, 16 * MINUTE, 40 * MINUTE, 2 * HOUR, 5 * HOUR),
    *("closed", "closed", "open"),
)
LONGEST_WAIT: Final = 12 * HOUR

AIMS: Final = ("closed", "starts", "short runs", "emergency short runs", "low")
"""Most seconds closed, starts, short runs and short runs for an emergency in 24 hours; longest time below start, s."""


class Setting(msgspec.Struct, frozen=True):
    """A site on which plans are tried: its settings, how long a plan lasts, and in what steps; seconds."""

    name: str
    settings: Settings
    lasts: float
    tick: float
    scale: float = 1.0
    """Of all spans of a plan."""


SETTINGS: Final = (
    Setting("defaults", settings(debounce={"start": "120s", "stop": "60s", "emergency": "60s"}), 30 * HOUR, TICK),
    Setting(
        "defaults, on_blind: start, quiet hours",
        settings(on_blind="start", quiet_hours={"from": "21:00", "to": "06:00"}),
        30 * HOUR,
        TICK,
    ),
    Setting("seconds for minutes", settings(**QUICK), 90 * MINUTE, 1.0, scale=1 / 20),
)


@dataclass
class Score:
    """What one plan made of the controller, and the account from which that is read."""

    best: dict[str, float] = field(default_factory=lambda: dict.fromkeys(AIMS, 0.0))
    closures: deque[list[float]] = field(default_factory=deque)
    began: deque[float] = field(default_factory=deque)
    """When runs began; a resumption begins none."""
    runs: int = 0
    short: deque[float] = field(default_factory=deque)
    emergencies: deque[float] = field(default_factory=deque)
    maybe_short: float | None = None
    low_since: float | None = None
    closed: bool = False
    cause: str = ""
    recorded_at: float = 0.0
    """When the card was last writable; a boot loses what came after it, for the mirror is in memory."""

    def observe(self, world: World, setting: Setting) -> None:
        """Observe the world after a step."""
        true = world.true
        if world.journal_ok:
            self.recorded_at = true
        if world.contact and not self.closed:
            self.closures.append([true, true])
            if world.state.durable.runs != self.runs:
                self.settle()
                self.began.append(true)
            self.maybe_short = None
            self.runs, self.cause = world.state.durable.runs, _last(world, "contact_closed", "cause")
        elif world.contact:
            self.closures[-1][1] = true
        elif self.closed:
            self._opened(world, setting)
        self.closed = world.contact
        while self.closures and self.closures[0][1] < true - DAY:
            self.closures.popleft()
        while len(self.began) > 1 and self.began[0] <= true - DAY:
            self.began.popleft()
        if world.contact:
            self._most("closed", sum(end - max(began, true - DAY) for began, end in self.closures))
        self._most("starts", len(self.began))
        # With permits given: nothing that would forbid a run, and a page that shows what there is.
        permitted = (
            (world.ags, world.ac, world.charging, world.obeys) == (2, None, True, True)
            and world.bus_alive
            and world.page_reachable
            and world.journal_ok
            and not {"inhibit_alert", "locked_out", "mode_off", "relay_fault", "quiet_hours", "budget"}
            & set(world.inhibitors())
        )
        if world.soc is None or world.soc > setting.settings.start_soc or not permitted or world.contact:
            self.low_since = None
        elif self.low_since is None:
            self.low_since = true
        else:
            self._most("low", true - self.low_since)

    def _opened(self, world: World, setting: Setting) -> None:
        lasted = self.closures[-1][1] - self.began[-1]
        meant = _last(world, "contact_opened", "reason") in ("demand_gone", "mode_off")
        if lasted < setting.settings.limits.min_run - setting.tick and not meant:
            self.maybe_short = world.true

    def settle(self) -> None:
        """Count the last run if it was short: it is not resumed any more."""
        if self.maybe_short is None:
            return
        by_emergency = self.cause == "emergency"
        short, aim = (self.emergencies, "emergency short runs") if by_emergency else (self.short, "short runs")
        short.append(self.maybe_short)
        while short[0] <= self.maybe_short - DAY:
            short.popleft()
        self._most(aim, len(short))
        self.maybe_short = None

    def boot(self) -> None:
        """Forget what a read-only card lacks after a boot: by docs/control.md the last state on it counts then."""
        for times in (self.began, self.short, self.emergencies):
            while times and times[-1] > self.recorded_at:
                times.pop()
        while self.closures and self.closures[-1][0] > self.recorded_at:
            self.closures.pop()
        if self.maybe_short is not None and self.maybe_short > self.recorded_at:
            self.maybe_short = None
        self.runs = -1  # no run is resumed, and the numbers of those that are forgotten are used again

    def _most(self, aim: str, value: float) -> None:
        self.best[aim] = max(self.best[aim], value)


def _last(world: World, kind: str, key: str) -> str:
    return next((str(event.fields.get(key)) for event in reversed(world.events) if event.kind == kind), "")


READINGS: Final[dict[object, Callable[[bool], bool | None]]] = {
    "true": lambda closed: closed,
    "open": lambda _closed: False,
    "none": lambda _closed: None,
}


def play(plan: Plan, setting: Setting, reference: ReferenceModel | None = None) -> Score:
    """Return what a plan, repeated over and over, makes of the controller.

    Raises:
        Broken: a property is, if there is a reference model.
    """
    world = World(
        settings=setting.settings,
        tick=setting.tick,
        interval=max(5.0, setting.tick),
        soc=0.5,
        volts_threshold=46.0,
        wall_sane=True,
        warm_up=20.0,
        tail=120.0 * setting.scale,
        mirror=True,
    )
    world.reference = reference
    score = Score()

    def observe(_world: World) -> bool:
        score.observe(world, setting)
        return False

    world.run(400 * setting.scale, until=observe)
    while world.true < setting.lasts:
        began = world.true
        for name, value, span in plan:
            _happen(world, name, value)
            score.observe(world, setting)
            if name == "reboot":
                score.boot()
            if isinstance(span, str):
                wanted = span == "closed"
                world.run(
                    LONGEST_WAIT * setting.scale,
                    until=lambda world, wanted=wanted: observe(world) or world.contact is wanted,  # type: ignore[misc]
                )
            else:
                world.run(max(1.0, span * setting.scale), until=observe)
            if world.true >= setting.lasts:
                break
        if world.true == began:
            world.run(setting.tick, until=observe)
        del world.durables[:], world.events[:-50]
    score.settle()
    return score


def _happen(world: World, name: str, value: object) -> None:
    if name in ("start alert", "stop alert", "inhibit"):
        kind = name.removesuffix(" alert")
        world.fire(kind, firing=bool(value), starts_at=world.wall)
    elif name == "read_back":
        world.read_back = READINGS[value]
    elif name == "kill":
        world.die(dead_for=float(str(value)))
    elif name == "reboot":
        world.die(dead_for=float(str(value)), reboot=True)
    elif name == "kill at a move":
        world.killed_at_a_move = value  # type: ignore[assignment]
    elif name != "nothing":
        setattr(world, name, value)


SEEDS: Final[tuple[Plan, ...]] = (
    (("soc", 0.2, "closed"), ("ags", 1, 90.0), ("ags", 2, 90.0)),
    (("soc", 0.2, "closed"), ("ags", 3, 90.0), ("ags", 2, 90.0)),
    (("soc", 0.03, "closed"), ("obeys", False, "open"), ("obeys", True, 90.0)),
    (("soc", 0.03, "closed"), ("nothing", None, 20 * MINUTE), ("obeys", False, "open"), ("obeys", True, 1.0)),
    (("soc", 0.03, "closed"), ("kill", 1.0, 1.0)),
    (("soc", 0.2, "closed"), ("nothing", None, 90.0), ("kill", 20.0, 1.0)),
    (("soc", 0.03, 5 * HOUR),),
    (("soc", 0.2, 5 * HOUR), ("charging", False, 5 * HOUR)),
    (("beating", True, 3 * MINUTE), ("start alert", True, "closed"), ("inhibit", True, 90.0), ("inhibit", False, 90.0)),
    (("soc", 0.2, "closed"), ("read_back", "open", 90.0), ("read_back", "true", 90.0)),
    (("volts", 44.0, "closed"), ("volts", 50.0, "open")),
    (("soc", 0.2, "closed"), ("bus_alive", False, 10 * MINUTE), ("bus_alive", True, 10 * MINUTE)),
)
"""Known hardships, to begin with."""


def varied(plan: Plan, chance: random.Random) -> Plan:
    """Return a plan that differs in one or two places."""
    genes = list(plan)
    for _ in range(chance.choice((1, 1, 2))):
        kind, at = chance.choice(("replace", "insert", "delete", "span", "value")), chance.randrange(len(genes))
        name, _, span = genes[at]
        if kind == "insert" and len(genes) < 8:
            genes.insert(at, _random(chance))
        elif kind == "delete" and len(genes) > 1:
            del genes[at]
        elif kind == "span":
            genes[at] = (*genes[at][:2], chance.choice(SPANS))
        elif kind == "value":
            genes[at] = (name, chance.choice(VALUES[name]), span)
        else:
            genes[at] = _random(chance)
    return tuple(genes)


def _random(chance: random.Random) -> Gene:
    name = chance.choice(list(VALUES))
    return name, chance.choice(VALUES[name]), chance.choice(SPANS)


@dataclass(frozen=True)
class Champion:
    """The plan that came furthest toward one aim."""

    value: float
    plan: Plan


def search(setting: Setting, tries: int, seed: int) -> dict[str, Champion]:
    """Return the worst plan found for each aim; the same one for the same arguments.

    Raises:
        Broken: a champion breaks a property.
    """
    chance = random.Random(f"{setting.name} {seed}")  # noqa: S311 - bad luck
    found: dict[str, list[Champion]] = {aim: [] for aim in AIMS}
    for number in range(tries):
        if number < len(SEEDS):
            plan = SEEDS[number]
        elif chance.random() < 0.2:
            plan = tuple(_random(chance) for _ in range(chance.randint(1, 6)))
        else:
            plan = varied(chance.choice(found[chance.choice(AIMS)]).plan, chance)
        score = play(plan, setting)
        for aim, best in found.items():
            # The shorter plan of two that come as far is the clearer one.
            best.append(Champion(score.best[aim], plan))
            best.sort(key=lambda one: (-one.value, len(one.plan)))
            del best[4:]
    champions = {aim: best[0] for aim, best in found.items()}
    for champion in champions.values():
        try:
            play(champion.plan, setting, ReferenceModel(tick=setting.tick))
        except AssertionError as error:
            error.add_note(f"{setting.name}: {champion.plan}")
            raise
    return champions


def table(setting: Setting, champions: dict[str, Champion]) -> str:
    """Return the champions as lines for people."""
    lines = [f"{setting.name}, {setting.lasts / HOUR:g} h:"]
    for aim, champion in champions.items():
        in_hours = aim in ("closed", "low")
        value = f"{champion.value / HOUR:.2f} h" if in_hours else f"{champion.value:.0f}"
        plan = "; ".join(
            f"{name} {what} {span if isinstance(span, str) else f'{span:g}s'}" for name, what, span in champion.plan
        )
        lines.append(f"  {aim:>20} {value:>8}  {plan}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Search and print the champions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1000, help="of plans, for each setting")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    for setting in SETTINGS:
        began = time.monotonic()
        print(table(setting, search(setting, given.tries, given.seed)))
        print(f"  {given.tries} plans in {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
