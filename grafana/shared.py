"""Panels that more than one dashboard has."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, timeseries

from grafana import parts
from grafana.parts import BLUE, FAINT, GREEN, ORANGE, PURPLE, RED, YELLOW, Query, pick

PHASES = parts.states(("off", FAINT), ("starting", YELLOW), ("running", GREEN), ("stopping", ORANGE), ("unknown", RED))
MODES = parts.states(("off", RED), ("auto", FAINT), ("on", ORANGE))
PATHS = parts.states(("waiting", YELLOW), ("alerts", GREEN), ("fallback", ORANGE), ("blind", RED))


def state_of_charge(width: int = 12) -> timeseries.Panel:
    """Return the panel of the leading state of charge and its thresholds."""
    return parts.graph(
        "State of charge",
        "The leading state of charge, with the actuator's thresholds. No line: no source is trusted.",
        "percentunit",
        Query(pick("battery_soc_ratio"), "state of charge {{site}}"),
        Query(pick("generator_start_soc_ratio"), "starts at {{site}}", dashed=True),
        Query(pick("generator_stop_soc_ratio"), "stops at {{site}}", dashed=True),
        width=width,
        lowest=0,
        highest=1,
    )


def contact_and_engine() -> statetimeline.Panel:
    """Return the panel of the commanded contact, its read-back, and the evidence of the engine."""
    return parts.timeline(
        "Contact and engine",
        "The contact as commanded and as read back, whether the engine is confirmed to run (by AC at the inverter's "
        "input), and whether the AGS reports a run. No band: unknown.",
        parts.states(("no", FAINT), ("yes", ORANGE)),
        Query(pick("generator_relay_commanded"), "contact commanded closed {{site}}"),
        Query(pick("generator_relay_closed"), "contact read back closed {{site}}"),
        Query(pick("generator_running"), "engine confirmed {{site}}"),
        Query(pick("magnum_ags_running"), "AGS running {{device}}"),
    )


def phase() -> statetimeline.Panel:
    """Return the panel of the engine's phase."""
    return parts.timeline(
        "Phase",
        "What the engine does, as evidence shows. unknown: the relay does not follow commands, or evidence is absent.",
        PHASES,
        Query(parts.numbered("generator_phase", "phase", PHASES), "phase {{site}}"),
        height=3,
    )


def mode() -> statetimeline.Panel:
    """Return the panel of the operator's mode."""
    return parts.timeline(
        "Mode",
        "The mode that the operator has set: auto, on for a time, or off until it is changed.",
        MODES,
        Query(parts.numbered("generator_mode", "mode", MODES), "mode {{site}}"),
        height=3,
    )


def path() -> statetimeline.Panel:
    """Return the panel of the path that decides."""
    return parts.timeline(
        "Path",
        "How the actuator decides. alerts: the heartbeat arrives. fallback: no heartbeat, so the actuator decides by "
        "itself. blind: no heartbeat and no state of charge. waiting: just started.",
        PATHS,
        Query(parts.numbered("generator_path", "path", PATHS), "path {{site}}"),
        height=3,
    )


def inverter_state() -> statetimeline.Panel:
    """Return the panel of the inverter's states, one row per state that occurred."""
    return parts.timeline(
        "Inverter",
        "The state that each inverter reports, one row per state that occurred.",
        {1: ("yes", BLUE)},
        Query(f"{pick('magnum_inverter_state')} == 1", "{{device}} {{state}}"),
        height=6,
    )


def ags_state() -> statetimeline.Panel:
    """Return the panel of the AGS's states, one row per state that occurred."""
    return parts.timeline(
        "Generator starter (AGS)",
        "The state that each AGS reports, one row per state that occurred.",
        {1: ("yes", PURPLE)},
        Query(f"{pick('magnum_ags_state')} == 1", "{{device}} {{state}}"),
        height=6,
    )
