"""Panels that stand on more than one dashboard, made in one place."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, timeseries

from grafana import parts
from grafana.parts import BLUE, FAINT, GREEN, ORANGE, PURPLE, RED, YELLOW, Query, pick

PHASES = parts.states(("off", FAINT), ("starting", YELLOW), ("running", GREEN), ("stopping", ORANGE), ("unknown", RED))
MODES = parts.states(("off", RED), ("auto", FAINT), ("on", ORANGE))
PATHS = parts.states(("waiting", YELLOW), ("alerts", GREEN), ("fallback", ORANGE), ("blind", RED))


def state_of_charge(width: int = 12) -> timeseries.Panel:
    """Return the leading state of charge between its thresholds."""
    return parts.graph(
        "State of charge",
        "The state of charge that leads, with the thresholds of the actuator. No line: no source is trusted.",
        "percentunit",
        Query(pick("battery_soc_ratio"), "state of charge {{site}}"),
        Query(pick("generator_start_soc_ratio"), "starts at {{site}}", dashed=True),
        Query(pick("generator_stop_soc_ratio"), "stops at {{site}}", dashed=True),
        width=width,
        lowest=0,
        highest=1,
    )


def contact_and_engine() -> statetimeline.Panel:
    """Return what is wanted of the relay, what it reads back, and what proves the engine."""
    return parts.timeline(
        "Contact and engine",
        "What the actuator wants of the contact, what the board reads back, whether the engine is proven to run (AC at "
        "the inverter's input), and what the AGS says. No band: nothing is known.",
        parts.states(("no", FAINT), ("yes", ORANGE)),
        Query(pick("generator_relay_commanded"), "contact wanted closed {{site}}"),
        Query(pick("generator_relay_closed"), "contact reads closed {{site}}"),
        Query(pick("generator_running"), "engine proven {{site}}"),
        Query(pick("magnum_ags_running"), "AGS running {{device}}"),
    )


def phase() -> statetimeline.Panel:
    """Return the engine's phase."""
    return parts.timeline(
        "Phase",
        "What the engine is doing as far as evidence tells; unknown when the relay cannot be trusted.",
        PHASES,
        Query(parts.numbered("generator_phase", "phase", PHASES), "phase {{site}}"),
        height=3,
    )


def mode() -> statetimeline.Panel:
    """Return the operator's mode."""
    return parts.timeline(
        "Mode",
        "What the operator has set: auto, on for a time, or off until further notice.",
        MODES,
        Query(parts.numbered("generator_mode", "mode", MODES), "mode {{site}}"),
        height=3,
    )


def path() -> statetimeline.Panel:
    """Return who decides."""
    return parts.timeline(
        "Path",
        "Who decides: alerts while the heartbeat is heard, the actuator itself (fallback) without, nobody (blind) when "
        "there is no state of charge either.",
        PATHS,
        Query(parts.numbered("generator_path", "path", PATHS), "path {{site}}"),
        height=3,
    )


def inverter_state() -> statetimeline.Panel:
    """Return the inverter's states that have occurred, a row for each."""
    return parts.timeline(
        "Inverter",
        "What each inverter says that it is doing, a row for each state that occurred.",
        {1: ("yes", BLUE)},
        Query(f"{pick('magnum_inverter_state')} == 1", "{{device}} {{state}}"),
        height=6,
    )


def ags_state() -> statetimeline.Panel:
    """Return the AGS's states that have occurred, a row for each."""
    return parts.timeline(
        "Generator starter (AGS)",
        "What each AGS says, a row for each state that occurred.",
        {1: ("yes", PURPLE)},
        Query(f"{pick('magnum_ags_state')} == 1", "{{device}} {{state}}"),
        height=6,
    )
