"""What Home Assistant shows of the generator, from the metrics and the status, and its controls. Pure.

Loaded only where the configuration has `mqtt:`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from actuator.report.metrics import ENTITIES, Counts, families, whole_name
from actuator.report.severity import assess
from actuator.report.snapshot import Snapshot
from toolkit.homeassistant.discovery import Device, Program, Topics
from toolkit.homeassistant.entities import LONGEST_STATE, Component, Shown, absent, shown

GENERATOR: Final = "generator"
PREFIX: Final = "generator_"

STALE_SECONDS: Final = 15.0
"""Age of a turn at which its values are no longer shown: turns end once a second."""

HEADLINE, REMEDY, MODE, MINUTES = "headline", "remedy", "mode", "minutes"
MODES: Final[Mapping[str, str]] = {"automatic": "auto", "on": "on", "off": "off"}
"""What the control shows, and the mode that it is."""

TEXTS: Final[Mapping[str, Component]] = {
    HEADLINE: {"p": "sensor", "name": "Headline"},
    REMEDY: {"p": "sensor", "name": "What to do"},
}


def owns(device: str) -> bool:
    """Return whether a device of this site is the actuator's."""
    return device == GENERATOR


def program(version: str, url: str) -> Program:
    """Return the actuator as Home Assistant's documents name it."""
    return Program(name="actuator", distribution="generator-actuator", version=version, url=url)


def generator(
    snapshot: Snapshot | None, now: float, topics: Topics, *, counts: Counts, minutes: float | None
) -> Device:
    """Return the generator as Home Assistant shows it.

    Args:
        snapshot: of the last turn; None: there was none yet.
        now: monotonic seconds.
        topics: of the actuator.
        counts: of what came in.
        minutes: how long the next manual run lasts; None: it takes no commands.
    """
    fresh = snapshot if snapshot is not None and now - snapshot.now <= STALE_SECONDS else None
    entities = () if fresh is None else tuple(_shown(fresh, counts, minutes))
    longest = 0.0 if snapshot is None else float(snapshot.config.limits.max_run)
    return Device(
        id=GENERATOR,
        topic="actuator",
        name=f"{topics.site} generator",
        metrics=frozenset((*ENTITIES, *TEXTS)),
        shown=entities,
        controls=controls(topics, longest) if minutes is not None and longest else {},
    )


def _shown(snapshot: Snapshot, counts: Counts, minutes: float | None) -> Iterator[Shown]:
    for family in families(snapshot, counts):
        name = whole_name(family)
        samples = [(tuple(sample.labels.values()), sample.value) for sample in family.samples]
        metric = ENTITIES[name]
        yield from shown(metric, PREFIX, samples, _stale) if samples else absent(metric, PREFIX, _stale)
    words = assess(snapshot)
    for key, text in ((HEADLINE, words.headline), (REMEDY, words.remedy)):
        yield Shown(key, text[:LONGEST_STATE], partial(_text, key))
    if minutes is not None:
        names = {mode: name for name, mode in MODES.items()}
        yield Shown(MODE, names[snapshot.state.durable.mode], dict)
        yield Shown(MINUTES, minutes, dict)


def _stale() -> float:
    """Return after how many seconds a value of a fresh snapshot is stale itself."""
    return STALE_SECONDS


def _text(key: str) -> Component:
    return {**TEXTS[key], "expire_after": STALE_SECONDS}


def controls(topics: Topics, longest: float) -> dict[str, Component]:
    """Return the entities that take commands, for runs of at most so many seconds.

    Each sends its time, since no broker reports the age of a message.
    """

    def control(key: str, platform: str, name: str, value: str = "value") -> Component:
        return {
            "p": platform,
            "name": name,
            "unique_id": f"{topics.id(GENERATOR)}-control-{key}",
            "command_topic": f"{topics.commands}/{key}",
            "command_template": f'{{{{ {{"value": {value}, "at": as_timestamp(now())}} | to_json }}}}',
        }

    states = {"value_template": "{{ value_json.mode | default(none) }}", "options": list(MODES)}
    length = {
        "value_template": "{{ value_json.minutes | default(none) }}",
        "min": 1,
        "max": max(1, int(longest // 60)),
        "step": 1,
        "mode": "box",
        "unit_of_measurement": "min",
        "device_class": "duration",
    }
    return {
        MODE: control(MODE, "select", "Mode") | states,
        MINUTES: control(MINUTES, "number", "Length of a manual run") | length,
        "start": control("start", "button", "Start for that length"),
        "off": control("off", "button", "Off"),
        "reset_lockout": control("reset_lockout", "button", "Reset lock-out"),
    }
