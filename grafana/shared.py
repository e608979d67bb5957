"""Panels and queries that more than one dashboard has."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, timeseries

from grafana import parts
from grafana.parts import (
    ATTENTION,
    BAD,
    BLUE,
    CHARGE,
    DISCHARGE,
    FAINT,
    GENERATOR,
    GOOD,
    GRID,
    LOAD,
    PURPLE,
    SUN,
    YELLOW,
    Query,
    first_of,
    pick,
)

PHASES = parts.states(
    ("off", FAINT), ("starting", YELLOW), ("running", GOOD), ("stopping", ATTENTION), ("unknown", BAD)
)
MODES = parts.states(("off", BAD), ("auto", FAINT), ("on", ATTENTION))
PATHS = parts.states(("waiting", YELLOW), ("alerts", GOOD), ("fallback", ATTENTION), ("blind", BAD))
SEVERITIES = parts.states(("ok", GOOD), ("running", BLUE), ("attention", ATTENTION), ("act_now", BAD))
SEVERITY_WORDS = parts.states(
    ("All is well", GOOD), ("Generator runs", BLUE), ("Check it today", ATTENTION), ("Act now", BAD)
)
ENGINE = parts.states(("stopped", FAINT), ("running", GENERATOR))
STAGES = parts.states(
    ("resting", FAINT),
    ("bulk", BLUE),
    ("absorb", YELLOW),
    ("float", GOOD),
    ("float_mppt", GOOD),
    ("equalize", PURPLE),
    ("equalize_mppt", PURPLE),
    ("hyper_voc", BAD),
)
PT100_STAGES = {
    0: ("sleep", FAINT),
    **{number: meaning for number, meaning in STAGES.items() if meaning[0] in {"bulk", "absorb", "float", "equalize"}},
}


def state_of_charge(width: int = 12, since: str | None = None) -> timeseries.Panel:
    """Return the panel of the leading state of charge and its thresholds."""
    return parts.graph(
        "State of charge",
        "The leading state of charge, with the actuator's thresholds; runs are shaded. No line: no source is trusted.",
        "percentunit",
        Query(pick("battery_soc_ratio"), "state of charge {{site}}", colour=GOOD),
        Query(pick("generator_start_soc_ratio"), "starts at {{site}}", dashed=True, colour=BAD),
        Query(pick("generator_stop_soc_ratio"), "stops at {{site}}", dashed=True, colour=BLUE),
        width=width,
        lowest=0,
        highest=1,
        since=since,
    )


def power(width: int = 12, since: str | None = None) -> timeseries.Panel:
    """Return the panel of the power of each flow: what comes in above zero, what goes out below it."""
    return parts.graph(
        "Power in and out",
        "Above zero what comes in, below zero what goes out. The load and the inverter's AC input are apparent power.",
        "watt",
        Query(pick("instance:solar_watts"), "sun {{site}}", colour=SUN),
        Query(pick("instance:generator_watts"), "generator {{site}}", colour=GENERATOR),
        Query(pick("instance:grid_watts"), "grid {{site}}", colour=GRID),
        Query(f"-clamp_max({pick('instance:battery_watts')}, 0)", "from the battery {{site}}", colour=DISCHARGE),
        Query(f"-{pick('instance:load_watts')}", "load {{site}}", colour=LOAD),
        Query(f"-clamp_min({pick('instance:battery_watts')}, 0)", "into the battery {{site}}", colour=CHARGE),
        width=width,
        since=since,
        stacked=True,
    )


def power_now() -> list[Query]:
    """Return the present power of each flow."""
    battery = pick("instance:battery_watts")
    return [
        Query(f"sum({pick('instance:solar_watts')})", "sun", colour=SUN),
        Query(f"sum({pick('instance:generator_watts')})", "generator", colour=GENERATOR),
        Query(f"sum({pick('instance:grid_watts')})", "grid", colour=GRID),
        Query(f"sum({pick('instance:load_watts')})", "load", colour=LOAD),
        Query(f"sum(clamp_min({battery}, 0))", "into the battery", colour=CHARGE),
        Query(f"-sum(clamp_max({battery}, 0))", "from the battery", colour=DISCHARGE),
    ]


def battery_volts() -> str:
    """Return the battery's volts at each site, by what measures them most exactly."""
    metrics = ("battery_bank_volts", "vedirect_battery_volts", "magnum_bmk_volts", "magnum_inverter_dc_volts")
    return " or ".join(f"avg by (site) ({pick(metric)})" for metric in metrics)


def energy(window: str) -> list[Query]:
    """Return the energy of each flow by `hour` or `day`, in Wh: what comes in, and below zero what goes out."""
    of = parts.by_hour if window == "hour" else parts.energy_by_day
    return [
        Query(of("solar"), "sun", colour=SUN),
        Query(of("generator"), "generator", colour=GENERATOR),
        Query(of("grid"), "grid", colour=GRID),
        Query(of("battery_discharge"), "from the battery", colour=DISCHARGE),
        Query(f"-{of('load')}", "load", colour=LOAD),
        Query(f"-{of('battery_charge')}", "into the battery", colour=CHARGE),
    ]


def today() -> list[Query]:
    """Return the energy of each flow so far in the time range shown, in Wh."""
    return [
        Query(parts.so_far("instance:solar_watts"), "sun", colour=SUN),
        Query(parts.so_far("instance:generator_watts"), "generator", colour=GENERATOR),
        Query(parts.so_far("instance:grid_watts"), "grid", colour=GRID),
        Query(parts.so_far("instance:load_watts"), "load", colour=LOAD),
        Query(parts.so_far("instance:battery_watts", "clamp_min({}, 0)"), "into the battery", colour=CHARGE),
        Query(f"-{parts.so_far('instance:battery_watts', 'clamp_max({}, 0)')}", "from the battery", colour=DISCHARGE),
    ]


def contact_and_engine(width: int = 24, height: int = 5, since: str | None = None) -> statetimeline.Panel:
    """Return the panel of the commanded contact, its read-back, and the evidence of the engine."""
    return parts.timeline(
        "Contact and engine",
        "The contact as commanded and as read back, whether the engine is confirmed to run (by AC at the inverter's "
        "input), and whether the AGS reports a run. No band: unknown.",
        parts.states(("no", FAINT), ("yes", GENERATOR)),
        Query(pick("generator_relay_commanded"), "contact commanded closed {{site}}"),
        Query(pick("generator_relay_closed"), "contact read back closed {{site}}"),
        Query(pick("generator_running"), "engine confirmed {{site}}"),
        Query(pick("magnum_ags_running"), "AGS running {{device}}"),
        width=width,
        height=height,
        since=since,
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
    return parts.occurred(
        "Inverter",
        "The state that each inverter reports, one row per state that occurred.",
        "magnum_inverter_state",
        "state",
        "{{device}} {{state}}",
    )


def ags_state() -> statetimeline.Panel:
    """Return the panel of the AGS's states, one row per state that occurred."""
    return parts.occurred(
        "Generator starter (AGS)",
        "The state that each AGS reports, one row per state that occurred; its faults in red.",
        "magnum_ags_state",
        "state",
        "{{device}} {{state}}",
        bad="fault.+|run_fault",
    )


def charge_stage(width: int = 24) -> statetimeline.Panel:
    """Return the panel of the charger's stages."""
    stages = " or ".join(
        (
            parts.numbered("classic_charge_stage", "stage", STAGES),
            parts.numbered("magnum_pt100_mode", "mode", PT100_STAGES),
        )
    )
    return parts.timeline(
        "Charge stage",
        "The stage of each solar charger. float: the battery is full.",
        STAGES,
        Query(stages, "{{device}} {{site}}"),
        width=width,
        height=4,
    )


def pack(quantity: str) -> str:
    """Return the series of a quantity of each pack, whatever protocol it is read with."""
    return first_of(f"modbus_{quantity}", f"pylontech_{quantity}")
