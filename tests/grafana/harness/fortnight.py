"""A simulated fortnight of a whole site, as the samples that Prometheus would have scraped: with a fault a day.

The site has a Magnum inverter with AGS and BMK, a Classic, three packs as a bank, a SmartShunt and an AIMS inverter.
This tests no program: it has the names and labels of their metrics, which `test_fortnight.py` compares with the
programs' own, and numbers that look like a site's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STEP = 60
DAY = 86400
DAYS = 14
REPEAT = 4 * STEP  # a value that does not change is written this often: Prometheus looks back five minutes
SLOW = ("modbus_cell_volts", "modbus_celsius", "_reads_total", "_frames_total")  # written that often at most
FILE = 7 * DAY  # promtool reads a whole file, and keeps a block of it in memory
FIRST_HOUR = 18.5  # the site's clock at the begin, and so at the end: an evening

PACKS, CELLS = ("pack1", "pack2", "pack3"), 16
PACK_AMPHOURS = 100.0
CAPACITY = len(PACKS) * PACK_AMPHOURS * 51.2 * 3600  # joules
START_SOC, STOP_SOC = 0.25, 0.6
GENERATOR_WATTS, ARRAY_WATTS = 4200.0, 3400.0
# The sun's share of a clear day, from the first noon on.
WEATHER = (0.9, 0.7, 0.2, 0.15, 0.4, 0.95, 1.0, 0.55, 0.12, 0.25, 0.6, 0.9, 0.3, 0.8)

EXPORTER = {"job": "magnum-exporter", "instance": "127.0.0.1:10048"}
ACTUATOR = {"job": "generator-actuator", "instance": "127.0.0.1:10049"}
PROGRAMS = {"magnum-exporter": EXPORTER, "generator-actuator": ACTUATOR}

INVERTER_STATES = (
    *("charger_standby", "equalize", "float", "absorb", "bulk", "battery_saver", "load_support_volts"),
    *("load_support_amps", "charge", "off", "inverting", "inverter_standby", "search", "unknown"),
)
INVERTER_FAULTS = ("none", "ac_overload", "low_battery", "over_temperature", "unknown")
AGS_STATES = ("off", "ready", "manual_run", "start_soc", "ac_in", "warm_up", "cool_down", "run_fault", "unknown")
CAUSES = ("alert", "fallback", "emergency", "blind", "exercise", "manual", "full_charge", "quiet_ahead")
REASONS = (
    *("mode_off", "locked_out", "inhibit_alert", "no_evidence", "short_cycle", "journal", "relay_fault", "max_run"),
    *("budget", "min_off", "back_off", "quiet_hours", "ags_refuses", "foreign_run", "ac_live"),
)
REFUSALS = ("absent", "stale", "range", "frozen", "jump", "outvoted")
STAGES = ("resting", "absorb", "bulk", "float", "float_mppt", "equalize", "hyper_voc", "equalize_mppt")
RESTS = ("none", "low_power", "pv_below_battery", "battery_above_set_point")
AIMS_FLAGS = (
    *("utility_fail", "battery_low", "bypass_or_boost", "failed", "standby_type", "test", "shutdown_active"),
    "beeper_on",
)
FRAMES = ("inverter", "remote_a0", "remote_a1", "bmk", "ags_a1", "ags_a2")
FAMILIES = {"magnum": ("main",), "classic": ("classic",), "modbus": PACKS, "vedirect": ("shunt",), "aims": ("aims",)}

Series = tuple[str, tuple[tuple[str, str], ...]]

_SERIES: dict[tuple[object, ...], Series] = {}


@dataclass(frozen=True)
class Fault:
    """What goes wrong on one day, between two hours of the site's clock, and the alert that fires then."""

    day: int
    begin: float
    end: float
    what: str
    alert: str
    severity: str
    device: str = ""


FAULTS = (
    Fault(1, 20.0, 20.1, "overload", "MagnumInverterFault", "critical", "main"),
    Fault(2, 13.0, 14.5, "classic_silent", "DeviceSilent", "warning", "classic"),
    Fault(3, 3.0, 3.4, "start_failed", "GeneratorStartFailed", "warning"),
    Fault(4, 10.0, 11.2, "shunt_jumps", "BatterySocSourceRefused", "warning"),
    Fault(5, 9.0, 9.05, "exporter_restarts", "MagnumExporterDown", "critical"),
    Fault(6, 15.0, 15.6, "no_alerts", "GeneratorFallback", "warning"),
    Fault(7, 12.0, 12.3, "actuator_restarts", "GeneratorActuatorDown", "critical"),
    Fault(8, 16.0, 16.7, "pack_missing", "DeviceSilent", "warning", "pack2"),
    Fault(9, 11.0, 11.5, "run_fault", "MagnumAgsFault", "critical", "main"),
    Fault(10, 14.0, 16.0, "owner_starts", "GeneratorStarted", "info"),
    Fault(11, 10.0, 10.4, "relay_errors", "GeneratorRelayErrors", "warning"),
    Fault(12, 19.0, 20.5, "no_utility", "AimsUtilityLost", "warning", "aims"),
    Fault(13, 9.0, 12.0, "owner_stops", "GeneratorAutomationOff", "warning"),
    Fault(14, 13.0, 24.0, "weak_cell", "BatteryCellSpread", "warning", "pack2"),
)


@dataclass
class Site:
    """What goes on from minute to minute."""

    rng: random.Random = field(default_factory=lambda: random.Random(16))  # noqa: S311 - no secret
    soc: float = 0.5
    running: bool = False
    cause: str = ""
    cloud: float = 1.0
    run_began: float = 0.0
    run_ended: float = 0.0
    counters: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)

    def count(self, name: str, amount: float) -> float:
        """Add to a counter and return it."""
        self.counters[name] = self.counters.get(name, 0.0) + amount
        return self.counters[name]


@dataclass(frozen=True)
class Flows:
    """The powers of a minute, in watts; the battery's positive into it."""

    hour: float
    sun: float
    load: float
    generator: float
    charger: float
    battery: float

    def volts(self, site: Site) -> float:
        """Return the battery's volts."""
        return 50.2 + 3.4 * site.soc + 0.012 * self.amperes

    @property
    def amperes(self) -> float:
        """The battery's current."""
        return self.battery / 51.2


class Page:
    """The samples of one scrape of both programs."""

    def __init__(self) -> None:
        self.samples: dict[Series, float] = {}
        self.target: dict[str, str] = EXPORTER

    def add(self, name: str, value: float, **labels: str) -> None:
        """Add a sample of the program that `target` names."""
        key = (name, self.target["job"], *labels.items())
        series = _SERIES.get(key)
        if series is None:
            series = _SERIES[key] = (name, tuple(sorted({**self.target, **labels}.items())))
        self.samples[series] = value

    def one_of(self, name: str, label: str, known: Iterable[str], true: Iterable[str], **labels: str) -> None:
        """Add a 0/1 sample for each known value of a label."""
        wanted = set(true)
        for value in known:
            self.add(name, float(value in wanted), **labels, **{label: value})


def scrapes(end: float) -> Iterator[tuple[float, dict[Series, float]]]:
    """Yield the time and the samples of each minute of the fortnight that ends at `end`, in seconds since 1970."""
    site = Site()
    begin = end - DAYS * DAY
    site.started = dict.fromkeys(PROGRAMS, begin - 3 * DAY)
    site.run_ended = begin - 9 * 3600
    for number in range(DAYS * DAY // STEP + 1):
        clock = FIRST_HOUR + number * STEP / 3600
        day = min(DAYS, number * STEP // DAY + 1)
        yield begin + number * STEP, _minute(site, begin + number * STEP, day, clock)


def _minute(site: Site, now: float, day: int, clock: float) -> dict[Series, float]:
    hour = clock % 24
    fault = next((fault for fault in FAULTS if fault.day == day and fault.begin <= hour < fault.end), None)
    what = "" if fault is None else fault.what
    sun = _sun(site, clock)
    load = _load(site, hour)
    _decide(site, now, what)
    generator = GENERATOR_WATTS + site.rng.uniform(-60, 60) if site.running else 0.0
    # The inverter's charger tapers towards full; what it cannot take, the charge controller does not take from the sun.
    charger = min(generator - load, 3300.0) if generator else 0.0
    room = 6000.0 if site.soc < 0.92 else max(0.0, 6000.0 * (1 - site.soc) / 0.08)
    sun_used = min(sun, max(0.0, room + (0.0 if generator else load / 0.92)))
    battery = sun_used + (charger * 0.92 if generator else -load / 0.92) - 18.0
    site.soc = min(1.0, max(0.05, site.soc + battery * STEP / CAPACITY * (0.97 if battery > 0 else 1.0)))

    page = Page()
    if what == "exporter_restarts":
        site.started["magnum-exporter"] = now
        for name in [name for name in site.counters if name.startswith("exporter ")]:
            del site.counters[name]
    if what == "actuator_restarts":
        site.started["generator-actuator"] = now
    for job, target in PROGRAMS.items():
        page.target = target
        down = what == ("exporter_restarts" if job == "magnum-exporter" else "actuator_restarts")
        page.add("up", float(not down))
        if not down:
            page.add("process_start_time_seconds", site.started[job])
    if what != "exporter_restarts":
        page.target = EXPORTER
        _exporter(page, site, now, what, Flows(hour, sun_used, load, generator, charger, battery))
    if what != "actuator_restarts":
        page.target = ACTUATOR
        _actuator(page, site, now, what)
    if fault is not None:
        page.target = ACTUATOR if fault.alert.startswith("Generator") else EXPORTER
        device = {"device": fault.device} if fault.device else {}
        page.add("ALERTS", 1.0, alertname=fault.alert, alertstate="firing", severity=fault.severity, **device)
    return page.samples


def _sun(site: Site, clock: float) -> float:
    """Return the watts that the array could deliver."""
    hour = clock % 24
    weather = WEATHER[int(clock // 24 - 1) % len(WEATHER)]
    site.cloud += 0.15 * (1 - site.cloud) + site.rng.gauss(0, 0.12 if 0.2 < weather < 0.85 else 0.03)
    site.cloud = min(1.25, max(0.35, site.cloud))
    height = math.sin(math.pi * (hour - 6.5) / 11.5) if 6.5 < hour < 18 else 0.0
    power: float = max(0.0, height) ** 1.3
    return ARRAY_WATTS * weather * min(1.0, site.cloud) * power


def _load(site: Site, hour: float) -> float:
    """Return the watts of the house: a refrigerator, cooking, an evening."""
    load = 180.0 + 90.0 * (math.sin(hour * 9.5) > 0.2)
    load += 900.0 * (7.0 < hour < 7.6) + 1400.0 * (12.2 < hour < 12.7) + 420.0 * (17.5 < hour < 23.0)
    return 1.5 * (load + 1100.0 * (18.6 < hour < 19.2)) + site.rng.uniform(-15, 15)


def _decide(site: Site, now: float, what: str) -> None:
    """Start and stop the generator as the actuator would."""
    if site.running:
        over = what != "owner_starts" if site.cause == "manual" else site.soc >= STOP_SOC
        if over or what == "owner_stops":
            site.running, site.run_ended = False, now
        return
    if what == "owner_starts":
        cause = "manual"
    elif site.soc <= START_SOC and what not in {"start_failed", "run_fault", "owner_stops"}:
        cause = "fallback" if what == "no_alerts" else "alert"
    else:
        return
    site.running, site.cause, site.run_began = True, cause, now
    site.count(f"starts {cause}", 1)


def _families(page: Page, site: Site, now: float, silent: set[str]) -> None:
    for family, devices in FAMILIES.items():
        for device in devices:
            up = device not in silent
            if up:
                site.counters[f"read {device}"] = now - site.rng.uniform(0.3, 4.0)
            page.add(f"{family}_up", float(up), device=device)
            page.add(
                f"{family}_last_success_timestamp_seconds", site.counters.get(f"read {device}", now), device=device
            )
            page.add(f"{family}_reads_total", site.count(f"exporter reads {device}", 12), device=device)
            page.add(
                f"{family}_read_failures_total",
                site.count(f"exporter failures {device}", 0 if up else 12),
                device=device,
            )


def _exporter(page: Page, site: Site, now: float, what: str, flows: Flows) -> None:
    silent = {"classic"} if what == "classic_silent" else {"pack2"} if what == "pack_missing" else set()
    _families(page, site, now, silent)
    page.add("magnum_exporter_build_info", 1, version="0.1.0", revision="23ad05e", python_version="3.11.2")
    page.add("magnum_exporter_config_last_reload_successful", 1)
    hour, battery, current, volts = flows.hour, flows.battery, flows.amperes, flows.volts(site)
    _magnum(page, site, what, flows)
    if "classic" not in silent:
        _classic(page, site, flows)
    else:
        site.count("classic joules", flows.sun * STEP)
    _packs(page, site, silent, flows, weak=what == "weak_cell")
    _states_of_charge(page, site, now, what, current)
    page.add("vedirect_battery_volts", round(volts + 0.05, 2), device="shunt")
    page.add("vedirect_battery_amperes", round(current, 1), device="shunt")
    page.add("vedirect_battery_watts", round(battery), device="shunt")
    page.add("vedirect_alarm", 0, device="shunt")
    page.add("vedirect_cycles_total", 214 + int(now // (2 * DAY)) % 7, device="shunt")
    if site.soc > 0.985:
        site.counters["full"] = now
    page.add("vedirect_since_full_seconds", now - site.counters.setdefault("full", now - 3 * DAY), device="shunt")
    for name, power in (("charged", max(0.0, battery)), ("discharged", max(0.0, -battery))):
        joules = site.count(f"shunt {name}", power * STEP)
        page.add(f"vedirect_{name}_joules_total", 9.1e9 + joules // 36000 * 36000, device="shunt")
    lost = what == "no_utility"
    page.add("aims_input_volts", 0.0 if lost else round(118 + site.rng.uniform(-1, 1), 1), device="aims")
    page.add("aims_output_volts", round(119 + site.rng.uniform(-0.5, 0.5), 1), device="aims")
    page.add("aims_load_ratio", round(0.11 + 0.05 * math.sin(hour) + site.rng.uniform(0, 0.02), 2), device="aims")
    page.add("aims_battery_volts", 25.2 if lost else 27.1, device="aims")
    page.add("aims_celsius", 31 + 3 * lost, device="aims")
    page.one_of("aims_status", "flag", AIMS_FLAGS, ["utility_fail"] if lost else ["standby_type"], device="aims")


def _magnum(page: Page, site: Site, what: str, flows: Flows) -> None:
    hour, load, generator, charger = flows.hour, flows.load, flows.generator, flows.charger
    current, volts = flows.amperes, flows.volts(site)
    main = {"device": "main"}
    page.add(
        "magnum_inverter_info",
        1,
        model="MS4448PAE",
        revision="5.1",
        stack_mode="parallel_master",
        nominal_volts="48",
        **main,
    )
    dc = charger * 0.92 if generator else -load / 0.92
    state = ("absorb" if site.soc > 0.55 else "bulk") if generator else "inverting"
    page.one_of("magnum_inverter_state", "state", INVERTER_STATES, [state], **main)
    fault = "ac_overload" if what == "overload" else "none"
    page.one_of("magnum_inverter_fault", "fault", INVERTER_FAULTS, [fault], **main)
    ac_volts = 120.0 + site.rng.uniform(-1, 1)
    input_volts = 121.0 + site.rng.uniform(-2, 2) if generator else 0.0
    for name, value in (
        ("dc_volts", round(volts, 1)),
        ("dc_amperes", round(dc / volts)),
        ("dc_watts", round(dc)),
        ("ac_output_volts", round(ac_volts)),
        ("ac_output_amperes", round(load / 120)),
        ("ac_output_watts", round(load)),
        ("ac_output_watts_peak", round(load * 1.2)),
        ("ac_input_volts", round(input_volts)),
        ("ac_input_amperes", round(generator / 120)),
        ("ac_input_watts", round(generator)),
        ("battery_celsius", round(9 + 4 * math.sin((hour - 9) / 3.8))),
        ("transformer_celsius", round(35 + load / 90 + generator / 140)),
        ("fet_celsius", round(32 + load / 110 + generator / 160)),
    ):
        page.add(f"magnum_inverter_{name}", value, **main)
    for name, watts in (
        ("ac_output", load),
        ("ac_input", generator),
        ("dc_charge", max(0.0, dc)),
        ("dc_discharge", max(0.0, -dc)),
    ):
        page.add(f"magnum_inverter_{name}_joules_total", site.count(f"exporter {name}", watts * STEP), **main)
    ags = "run_fault" if what == "run_fault" else "start_soc" if generator else "ready"
    page.one_of("magnum_ags_state", "state", AGS_STATES, [ags], **main)
    page.add("magnum_ags_running", float(generator > 0), **main)
    page.add("magnum_ags_celsius", round(8 + 5 * math.sin((hour - 9) / 3.8) + 9 * (generator > 0)), **main)
    page.add("magnum_ags_battery_volts", round(volts, 1), **main)
    page.add("magnum_bmk_soc_ratio", round(site.soc - 0.01, 2), **main)
    page.add("magnum_bmk_volts", round(volts, 2), **main)
    page.add("magnum_bmk_amperes", round(current, 1), **main)
    page.add("magnum_bmk_min_volts", 50.6, **main)
    page.add("magnum_bmk_max_volts", 55.4, **main)
    page.add("magnum_bmk_net_amphours", round((site.soc - 1) * 300, 1), **main)
    trip = site.count("trip", max(0.0, -current) * STEP / 3600)
    page.add("magnum_bmk_trip_amphours", round(trip, 1), **main)
    for frame in FRAMES:
        rate = 600 if frame == "inverter" else 60
        page.add("magnum_frames_total", site.count(f"exporter frame {frame}", rate), frame=frame, **main)
    junk = site.rng.choice((0, 0, 0, 1, 3)) + (60 if what == "overload" else 0)
    page.add("magnum_discarded_bytes_total", site.count("exporter junk", junk), **main)
    page.add("magnum_reconnects_total", site.count("exporter reconnects", 0), **main)


def _classic(page: Page, site: Site, flows: Flows) -> None:
    hour, sun, volts = flows.hour, flows.sun, flows.volts(site)
    classic = {"device": "classic"}
    awake = sun > 8
    stage = "resting" if not awake else "float" if site.soc > 0.97 else "absorb" if site.soc > 0.9 else "bulk"
    page.one_of("classic_charge_stage", "stage", STAGES, [stage], **classic)
    rest = "low_power" if hour < 12 else "battery_above_set_point" if site.soc > 0.97 else "pv_below_battery"
    page.one_of("classic_resting_reason", "reason", RESTS, [rest], **classic)
    pv_volts = (118 - 14 * sun / ARRAY_WATTS + site.rng.uniform(-1, 1)) if awake else max(0.0, 20 - abs(hour - 12))
    joules = site.count("classic joules", sun * STEP)
    for name, value in (
        ("battery_volts", round(volts + 0.1, 1)),
        ("battery_amperes", round(sun / volts, 1)),
        ("battery_watts", round(sun)),
        ("pv_volts", round(pv_volts, 1)),
        ("pv_amperes", round(sun * 1.03 / pv_volts, 1) if awake else 0.0),
        ("battery_celsius", round(9 + 4 * math.sin((hour - 9) / 3.8), 1)),
        ("fet_celsius", round(16 + sun / 70, 1)),
        ("pcb_celsius", round(20 + sun / 95, 1)),
        ("target_volts", 56.4 if stage in {"bulk", "absorb"} else 54.4),
        ("energy_joules_total", 2.16e10 + joules // 360000 * 360000),
    ):
        page.add(f"classic_{name}", value, **classic)


def _packs(page: Page, site: Site, silent: set[str], flows: Flows, *, weak: bool) -> None:
    current, volts = flows.amperes, flows.volts(site)
    lowest: list[tuple[float, str]] = []
    for number, pack in enumerate(PACKS):
        missing = pack in silent
        page.add("battery_bank_pack_missing", float(missing), bank="house", pack=pack)
        if missing:
            continue
        device = {"device": pack}
        share = current * (0.345, 0.32, 0.335)[number]
        page.add("modbus_battery_volts", round(volts + 0.02 * number, 2), **device)
        page.add("modbus_battery_amperes", round(share, 1), **device)
        page.add("modbus_battery_watts", round(share * volts), **device)
        page.add("modbus_soc_ratio", round(site.soc + (0.0, -0.02, 0.01)[number], 2), **device)
        page.add("modbus_soh_ratio", (0.97, 0.91, 0.98)[number], **device)
        page.add("modbus_cycles_total", (231, 236, 229)[number] + int(trips(site)), **device)
        page.add("modbus_full_amphours", PACK_AMPHOURS, **device)
        warm = 12 + 0.6 * number + abs(current) / 22
        for sensor in ("1", "2", "mos"):
            page.add("modbus_celsius", round(warm + (2.5 if sensor == "mos" else 0)), sensor=sensor, **device)
        # The cells differ most near empty and near full.
        knee = max(0.0, site.soc - 0.9) * 0.12 + max(0.0, 0.35 - site.soc) * 0.06
        for cell in range(CELLS):
            off = math.sin(cell * 2.4 + number) * (0.0025 + knee)
            if pack == "pack2" and cell == 10:
                off -= 0.008 + max(0.0, 0.5 - site.soc) * 0.05 + (0.05 if weak else 0)
            value = round(volts / CELLS + off + site.rng.uniform(-0.001, 0.001), 3)
            page.add("modbus_cell_volts", value, cell=str(cell + 1), **device)
            lowest.append((value, pack))
    bank = {"bank": "house"}
    page.add("battery_bank_soc_ratio", round(site.soc - 0.003, 3), **bank)
    page.add("battery_bank_amperes", round(current, 1), **bank)
    page.add("battery_bank_watts", round(current * volts), **bank)
    page.add("battery_bank_volts", round(volts, 2), **bank)
    page.add("battery_bank_full_amphours", PACK_AMPHOURS * (len(PACKS) - len(silent & set(PACKS))), **bank)
    page.add("battery_bank_lowest_cell_volts", min(lowest)[0], pack=min(lowest)[1], **bank)
    page.add("battery_bank_highest_cell_volts", max(lowest)[0], pack=max(lowest)[1], **bank)
    page.add("battery_bank_cell_spread_volts", round(max(lowest)[0] - min(lowest)[0], 3), **bank)


def trips(site: Site) -> float:
    """Return the full cycles of the fortnight so far."""
    return site.counters.get("trip", 0.0) / 300


def _states_of_charge(page: Page, site: Site, now: float, what: str, current: float) -> None:
    jumped = what == "shunt_jumps"
    sources = {
        "shunt": round(1.0 if jumped else site.soc, 3),
        "house": round(site.soc - 0.003, 3),
        "main": round(site.soc - 0.01, 2),
    }
    lead = "house" if jumped else "shunt"
    page.add("vedirect_soc_ratio", sources["shunt"], device="shunt")
    page.add("battery_soc_ratio", sources[lead])
    page.add("battery_soc_last_update_timestamp_seconds", now - site.rng.uniform(0.2, 2.0))
    page.add("battery_soc_spread_ratio", round(max(sources.values()) - min(sources.values()), 3))
    for source, ratio in sources.items():
        page.add("battery_soc_source_ratio", ratio, source=source)
        page.add("battery_soc_lead", float(source == lead), source=source)
        page.add("battery_soc_trusted", float(source != "shunt" or not jumped), source=source)
        refused = ["jump"] if source == "shunt" and jumped else []
        page.one_of("battery_soc_refused", "reason", REFUSALS, refused, source=source)
    if current < -1:
        page.add("battery_time_to_empty_seconds", round(site.soc * 300 * 3600 / -current))
    page.add("battery_full", float(site.soc > 0.985))


def _actuator(page: Page, site: Site, now: float, what: str) -> None:
    page.add("generator_actuator_build_info", 1, version="0.1.0", revision="23ad05e", python_version="3.11.2")
    page.add("generator_actuator_config_last_reload_successful", 1)
    page.add("generator_start_soc_ratio", START_SOC)
    page.add("generator_stop_soc_ratio", STOP_SOC)
    ours = site.running
    starting = what == "start_failed" or (ours and now - site.run_began < 2 * STEP)
    stopping = not ours and now - site.run_ended < 3 * STEP
    commanded = float(ours or starting)
    page.add("generator_relay_commanded", commanded)
    page.add("generator_relay_closed", commanded)
    page.add("generator_running", float(ours))
    page.add("generator_running_without_charge", 0)
    phase = "starting" if starting else "running" if ours else "stopping" if stopping else "off"
    page.one_of("generator_phase", "phase", ("off", "starting", "running", "stopping", "unknown"), [phase])
    mode = {"owner_starts": "on", "owner_stops": "off"}.get(what, "auto")
    page.one_of("generator_mode", "mode", ("auto", "on", "off"), [mode])
    path = "fallback" if what == "no_alerts" else "alerts"
    page.one_of("generator_path", "path", ("waiting", "alerts", "fallback", "blind"), [path])
    cause = site.cause if ours else "alert" if site.soc <= START_SOC else ""
    page.one_of("generator_demand", "cause", CAUSES, [cause])
    blocked = {"start_failed": ["back_off"], "run_fault": ["ags_refuses"], "owner_stops": ["mode_off"]}.get(what, [])
    if not ours and now - site.run_ended < 900:
        blocked = [*blocked, "min_off"]
    page.one_of("generator_inhibited", "reason", REASONS, blocked)
    bad = what in {"start_failed", "run_fault"}
    severity = "act_now" if bad else "attention" if what and what != "owner_starts" else "running" if ours else "ok"
    page.one_of("generator_severity", "severity", ("ok", "running", "attention", "act_now"), [severity])
    if ours:
        page.add("generator_run_deadline_timestamp_seconds", site.run_began + 4 * 3600)
    site.counters["beat"] = now - site.rng.uniform(1, 50) if what != "no_alerts" else site.counters.get("beat", now)
    page.add("generator_heartbeat_timestamp_seconds", site.counters["beat"])
    for name in CAUSES:
        page.add("generator_starts_total", site.counters.get(f"starts {name}", 0.0), cause=name)
    page.add(
        "generator_start_failures_total", site.count("start failures", 1 / 12 if what == "start_failed" else 0) // 1
    )
    page.add("generator_stop_failures_total", 0)
    page.add("generator_relay_errors_total", site.count("relay errors", float(what == "relay_errors")))
    page.add("generator_run_seconds_total", site.count("run seconds", STEP * commanded))
    page.add("generator_engine_seconds_total", 310_000 + site.count("engine seconds", STEP * ours))
    page.add("generator_service_due_seconds", 41 * 3600 - site.counters["engine seconds"])
    used = site.count("budget", STEP * ours - 0.28 * STEP * (site.counters.get("budget", 0.0) > 0))
    page.add("generator_budget_remaining_seconds", max(0.0, 10 * 3600 - used))
    page.add("generator_emergency_reserve_seconds", 7200)
    page.add("generator_lockout", 0)
    page.add("generator_attempts", float(what == "start_failed"))
    page.add("generator_notifications_total", site.count("beats", 1.0 if what != "no_alerts" else 0.0), status="firing")
    page.add("generator_notifications_total", site.count("ends", float(stopping) / 3), status="resolved")
    for reason in ("malformed", "unauthenticated", "too_large", "content_type", "unknown_alert", "other_site", "late"):
        late = site.count("late", float(what == "no_alerts") / 20) // 1 if reason == "late" else 0
        page.add("generator_notifications_rejected_total", late, reason=reason)


def write(end: float, folder: Path) -> list[Path]:
    """Write the fortnight that ends at `end` as OpenMetrics, and return the files."""
    written: list[Path] = []
    last: dict[Series, tuple[float, float]] = {}
    chunks: dict[str, list[str]] = {}
    texts: dict[Series, str] = {}

    def finish() -> None:
        file = folder / f"{len(written) + 1:03}.om"
        with file.open("w", encoding="utf-8") as stream:
            for name, lines in chunks.items():
                family, kind = (name.removesuffix("_total"), "counter") if name.endswith("_total") else (name, "gauge")
                stream.write(f"# TYPE {family} {kind}\n")
                stream.writelines(lines)
            stream.write("# EOF\n")
        written.append(file)
        chunks.clear()

    part = (end - DAYS * DAY) // FILE
    for now, page in scrapes(end):
        if now // FILE != part:
            finish()
            part = now // FILE
        for series, value in page.items():
            old, written_at = last.get(series, (math.nan, -math.inf))
            if now - written_at < REPEAT and (old == value or series[0].endswith(SLOW)):
                continue
            last[series] = (value, now)
            text = texts.get(series)
            if text is None:
                name, labels = series
                text = texts[series] = name + "{" + ",".join(f'{key}="{label}"' for key, label in labels) + "}"
            chunks.setdefault(series[0], []).append(f"{text} {value} {now}\n")
    finish()
    return written
