"""The traffic of the Magnum network: which device sends which packet, and when, from the state of the site.

Order, pages and pauses are those of captures from real systems: 19200 baud, a cycle of 119-123 ms, in it the inverter,
the remote with one of its pages, and the accessory that answers this page. Callers pass the time in seconds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from simulator import magnum_packets
from simulator.ags import OFF as AGS_OFF
from simulator.inverter import AC_VOLTS, Status
from simulator.site import Site

BYTE_SECONDS = 10 / 19200
CYCLE_SECONDS = (0.119, 0.123)
REFRESH_SECONDS = 1.0
"""Inverter and AGS update their values once a second and repeat the packet in between."""

PEAK = 1.5
"""The AC input byte per RMS volt."""

JUNK_BYTES = (0xFF, 0xFE, 0xFC, 0xF8, 0xF0, 0xE0, 0xC0, 0x80, 0x00, 0x39)
JUNK_WEIGHTS = (80, 12, 1, 1, 1, 1, 1, 1, 1, 1)


@dataclass(frozen=True)
class Model:
    """An inverter model: its code in byte 14, and its revision."""

    code: int
    revision: float


CURRENT = {12: Model(0x2D, 5.1), 24: Model(0x6B, 5.1), 48: Model(0x73, 6.1)}
"""MS2812, MS4024PAE, MS4448PAE: packets of 21 bytes."""
CLASSIC = {12: Model(0x23, 3.4), 24: Model(0x69, 3.4), 48: Model(0x72, 3.9)}
"""MS2012, MS4024, MS4048: packets of 16 bytes."""

ROTATION = {
    "arc": ("80", "00", "a0", "a1", "a2", "a3", "a4"),
    "artr": ("80", "a0", "a1", "a2", "a3", "a4", "11", "00"),
    "rc50": ("00", "80", "a0"),
}
ANSWERS = {
    "arc": {"a0": "ags_a1", "a1": "ags", "a2": "bmk", "a4": "ags_a1"},
    "artr": {"80": "bmk", "a0": "ags_a1", "a1": "ags_a2", "a2": "ags_a1", "a3": "rtr", "11": "rtr"},
    "rc50": {"80": "bmk", "a0": "ags_a1"},
}
"""Which accessory answers which page; "ags" is A1 in seven of ten cases, otherwise A2."""
REVISION = {"arc": 2.3, "artr": 3.2, "rc50": 2.8, "classic": 1.2}
PAUSE_SECONDS = {"ags_a1": 0.010, "ags_a2": 0.010, "bmk": 0.014, "rtr": 0.018}
CLASSIC_REMOTE_AT = 0.107
"""A classic remote sends so late that the next inverter packet follows within 5 ms."""


@dataclass(frozen=True)
class Packet:
    """One packet and the junk after it; `at` is when its last byte ends, in seconds from the start of the cycle."""

    kind: str
    data: bytes
    at: float


@dataclass(slots=True)
class Counters:
    """Packets since the start by kind: all that were sent, and those sent with a flipped bit."""

    sent: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)


class Bus:
    """The network of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._settings = site.settings.bus
        self._chance = random.Random(site.settings.seed)  # noqa: S311 - noise
        self._classic = self._settings.inverter == "classic"
        self._model = (CLASSIC if self._classic else CURRENT)[self._settings.nominal_volts]
        self._multiplier = self._settings.nominal_volts / 12
        self._cycle = 0
        self._refreshed = float("-inf")
        self._inverter = self._ags = self._last_bmk = b""
        self._charging = False
        self.counters = Counters()

    def cycle(self, now: float) -> tuple[list[Packet], float]:
        """Return the packets of the next cycle and its length in seconds; `now` is a monotonic time.

        Without the inverter the bus is silent: every other device sends in step with it.
        """
        cycle_seconds = self._chance.uniform(*CYCLE_SECONDS)
        self._cycle += 1
        if self._site.faults.inverter_silent:
            return [], cycle_seconds
        if now - self._refreshed >= REFRESH_SECONDS:
            self._refreshed = now
            self._measure()
        sent_packets: list[Packet] = []
        end = self._send(sent_packets, "inverter", self._with_leds(self._inverter), 0.0)
        remote = self._settings.remote
        if remote == "classic":
            self._send(sent_packets, "remote_classic", self._base().encode_classic(*self._clock()), CLASSIC_REMOTE_AT)
        elif remote != "none":
            page = ROTATION[remote][self._cycle % len(ROTATION[remote])]
            end = self._send(sent_packets, f"remote_{page}", self._base().encode() + self._page(page), end + 0.010)
            answer = self._answer(ANSWERS[remote].get(page))
            if answer is not None:
                kind, data = answer
                self._send(sent_packets, kind, data, end + PAUSE_SECONDS[kind])
        return sent_packets, cycle_seconds

    def _send(self, sent_packets: list[Packet], kind: str, data: bytes, start: float) -> float:
        end = start + len(data) * BYTE_SECONDS
        self.counters.sent[kind] = self.counters.sent.get(kind, 0) + 1
        rate = self._site.faults.flipped_bits
        if rate is not None and self._chance.random() < rate:
            self.counters.damaged[kind] = self.counters.damaged.get(kind, 0) + 1
            bit = self._chance.randrange(len(data) * 8)
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            data = bytes(damaged)
        sent_packets.append(Packet(kind, data + self._junk(), end))
        return end

    def _junk(self) -> bytes:
        if not self._settings.junk:
            return b""
        count = self._chance.choices((0, 1, 2), (20, 70, 10))[0]
        return bytes(self._chance.choices(JUNK_BYTES, JUNK_WEIGHTS, k=count))

    def _jitter(self) -> int:
        return self._chance.choice((-1, 0, 0, 1))

    def _clock(self) -> tuple[int, int]:
        minutes = int(self._site.hour * 60)
        return minutes // 60, minutes % 60

    def _measure(self) -> None:
        site, inverter = self._site, self._site.inverter
        celsius = site.settings.celsius
        warmth = (abs(inverter.dc_watts) + inverter.load_watts) / 200
        load_amperes = inverter.load_watts / AC_VOLTS
        charging_amperes = inverter.charging_ac_watts / AC_VOLTS
        self._charging = inverter.status in (
            Status.BULK,
            Status.ABSORB,
            Status.FLOAT,
            Status.CHARGER_STANDBY,
        )
        self._inverter = magnum_packets.Inverter(
            status=inverter.status,
            fault=inverter.fault,
            dc_volts=site.battery.volts,
            dc_amperes=abs(inverter.dc_watts) / site.battery.volts,
            ac_output_volts=AC_VOLTS + self._jitter() if inverter.has_output else 0,
            ac_input_peak=site.ac_input_volts * PEAK + self._chance.choice((-1, 0, 0, 1))
            if inverter.ac_at_input
            else 0,
            inverter_led=int(inverter.has_output),
            charger_led=0,
            revision=self._model.revision,
            battery_celsius=celsius + 2,
            transformer_celsius=celsius + 8 + warmth,
            fet_celsius=celsius + 12 + warmth,
            model=self._model.code,
            stack_mode=0,
            ac_input_amperes=load_amperes + charging_amperes if inverter.transferred else 0,
            ac_inverter_amperes=charging_amperes if inverter.transferred else load_amperes,
            ac_hertz=60.0 if inverter.has_output else 0.0,
        ).encode(classic=self._classic)
        fahrenheit = round(celsius * 9 / 5 + 32)
        self._ags = magnum_packets.AgsA1(
            multiplier=self._multiplier,
            status=site.ags.status,
            revision=5.2,
            fahrenheit_byte=fahrenheit if 33 <= fahrenheit <= 104 else 0xFC,
            run_hours=site.ags.run_seconds / 3600 if site.engine.running else 0.0,
            volts=site.battery.volts,
        ).encode()

    def _with_leds(self, data: bytes) -> bytes:
        """Blink the charger's LED while it charges: on for two cycles, off for two."""
        if self._charging and self._cycle % 4 < 2:
            return data[:9] + b"\x01" + data[10:]
        return data

    def _answer(self, kind: str | None) -> tuple[str, bytes] | None:
        faults = self._site.faults
        if kind == "ags":
            kind = "ags_a1" if self._chance.random() < 0.7 else "ags_a2"
        if kind == "rtr":
            return kind, magnum_packets.rtr(3.2)
        if kind == "bmk" and self._settings.bmk and not faults.bmk_silent:
            return kind, self._bmk()
        if kind in ("ags_a1", "ags_a2") and self._settings.ags and not faults.ags_silent:
            a1 = kind == "ags_a1"
            return kind, self._ags if a1 else magnum_packets.ags_a2(self._site.ags.since_run_seconds / 86400)
        return None

    def _bmk(self) -> bytes:
        faults, monitor, battery = self._site.faults, self._site.monitor, self._site.battery
        if not (faults.bmk_frozen and self._last_bmk):
            self._last_bmk = magnum_packets.Bmk(
                percent=255 if faults.bmk_thinking else monitor.percent,
                volts=battery.volts,
                amperes=battery.amperes,
                min_volts=monitor.min_volts,
                max_volts=monitor.max_volts,
                net_ampere_hours=monitor.net_ampere_hours,
                trip_ampere_hours=monitor.trip_ampere_hours,
                discharged_ampere_hours=monitor.discharged_ampere_hours,
                revision=1.0,
                fault=1,
            ).encode()
        return self._last_bmk

    def _base(self) -> magnum_packets.RemoteBase:
        charger = self._site.settings.charger
        return magnum_packets.RemoteBase(
            multiplier=self._multiplier,
            command=0,
            search_watts=0,
            battery_size_byte=round(charger.absorb_time / 360) & 0xFF,
            battery_type=4,
            charge_percent=80,
            shore_amperes=50,
            revision=REVISION[self._settings.remote],
            threshold_byte=6,
            generator_start=0 if self._site.ags.status == AGS_OFF else 1,
            low_battery_volts=10.0 * self._multiplier,
            cut_out_code=155,
            float_volts=charger.float_per_12v * self._multiplier,
            equalize_offset_volts=0.0,
            absorb_hours=charger.absorb_time / 3600,
        )

    def _page(self, page: str) -> bytes:
        engine, hour, minute = self._site.settings.engine, *self._clock()
        pages = {
            "00": magnum_packets.page_00(),
            "11": magnum_packets.page_11(20, 155),
            "80": magnum_packets.page_80(hour, minute, 0, 0, self._site.settings.battery.capacity_ampere_hours),
            "a0": magnum_packets.page_a0(
                hour=hour,
                minute=minute,
                run_hours=0.5,
                start_fahrenheit=0,
                start_volts=0,
                quiet=0,
                multiplier=self._multiplier,
            ),
            "a1": magnum_packets.page_a1(
                start_hour=24,
                stop_hour=0,
                stop_volts=14.4 * self._multiplier,
                start_delay=120,
                stop_delay=120,
                max_run_hours=max(0.1, engine.max_run / 3600),
                multiplier=self._multiplier,
            ),
            "a2": magnum_packets.page_a2(
                start_percent=0, stop_percent=90, start_amperes=0, start_delay=120, stop_amperes=4, stop_delay=120
            ),
            "a3": magnum_packets.page_a3(
                quiet_hour=24, quiet_end_hour=0, exercise_days=0, exercise_hour=8, exercise_hours=1.0, topoff_minutes=0
            ),
            "a4": magnum_packets.page_a4(engine.warm_up, engine.cool_down),
        }
        return pages[page]
