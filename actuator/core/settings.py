"""The settings of the decision, with their defaults and bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

import msgspec

from toolkit.config import ConfigError, Duration, Ratio, refuse
from toolkit.formatting import percent, span

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

AGS_MARGIN = 30 * MINUTE
"""The AGS's own cap ends a run as a latched fault, so ours must come this much earlier."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration."""


class EmergencyVolts(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Battery volts at or under which the engine is requested at any state of charge.

    Attributes:
        per_12v: volts for each 12 V of the inverter's nominal voltage; excludes `value`.
        value: volts as they are; needs `metric`.
        metric: the metric on the exporter's page that carries the battery's volts.
        device: the `device` label of that metric; the first one on the page when absent.
    """

    per_12v: float | None = None
    value: float | None = None
    metric: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        """Refuse both, neither, and a value without its metric."""
        if (self.per_12v is None) == (self.value is None):
            raise ValueError("expected either per_12v, such as {per_12v: 11.5}, or value with metric")
        if self.value is not None and self.metric is None:
            raise ValueError("got value without metric, expected the metric's name, such as classic_battery_volts")
        if self.per_12v is not None and self.metric is not None:
            raise ValueError("got per_12v with metric, expected value with metric: only the inverter knows its voltage")
        volts = self.per_12v if self.per_12v is not None else self.value
        if volts is not None and not 0 < volts < math.inf:
            raise ValueError(f"got {volts:g} V, expected more than zero")


class AlertSettings(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The alerts that act, by name, and how long each is believed.

    Attributes:
        start: the alert that requests a start.
        stop: the alert that requests a stop.
        heartbeat: the alert that shows that the whole path works.
        inhibit: the alerts that forbid a run, one name or a list.
        heartbeat_timeout: without a heartbeat for so long, the actuator decides by itself from the exporter's page.
        lease: how long a start or stop alert counts after it was last received.
        alert_grace: how long the battery may be low without a start alert, or with a stop alert, before the engine is
            started all the same.
        match: labels that an alert must have to be for this site, such as {site: cabin}.
    """

    start: str = "BatterySocLow"
    stop: str = "BatterySocRecovered"
    heartbeat: str = "GeneratorHeartbeat"
    inhibit: str | tuple[str, ...] = "GeneratorInhibit"
    heartbeat_timeout: Duration = Duration(5 * MINUTE)
    lease: Duration = Duration(15 * MINUTE)
    alert_grace: Duration = Duration(10 * MINUTE)
    match: dict[str, str] = {}

    @property
    def inhibits(self) -> tuple[str, ...]:
        """The names of the alerts that block a run."""
        return (self.inhibit,) if isinstance(self.inhibit, str) else self.inhibit

    def __post_init__(self) -> None:
        """Refuse an empty name, which no alert has, and one name for two purposes."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        places = {name: getattr(self, name) for name in ("start", "stop", "heartbeat", "inhibit")}
        if not isinstance(self.inhibit, str):
            del places["inhibit"]
            places |= {f"inhibit[{index}]": name for index, name in enumerate(self.inhibit)}
        for place, name in places.items():
            if not name.strip():
                yield ConfigError(place, f'"{name}"', "the name of an alert, such as BatterySocLow")
        names = [self.start, self.stop, self.heartbeat, *self.inhibits]
        for name in sorted({name for name in names if name.strip() and names.count(name) > 1}):
            yield ConfigError(
                "", f"got the alert name {name} for two purposes, expected a name of its own for each", ""
            )


class Debounce(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a value must have been past its threshold; at least three times `exporter.interval`.

    Attributes:
        start: of the start threshold, for a start without a start alert. The alert has a time of its own, 2 minutes in
            the sample rules.
        stop: of the stop threshold. A stop alert, after 2 minutes in the sample rules, ends a run earlier.
        emergency: of the emergency thresholds.
    """

    start: Duration = Duration(120)
    stop: Duration = Duration(60)
    emergency: Duration = Duration(60)


class VoltsUnderLoad(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long volts must be low to be an emergency while the state of charge is well over start.

    Attributes:
        soc_margin: how far over start; volts are then more likely pulled down by a load than by an empty battery.
        for_: how long the volts must be low.
    """

    soc_margin: Ratio = Ratio(0.20)
    for_: Duration = msgspec.field(name="for", default=Duration(10 * MINUTE))

    def __post_init__(self) -> None:
        """Refuse a margin of zero, which would call every low battery a loaded one."""
        if self.soc_margin <= 0:
            raise ConfigError("soc_margin", percent(self.soc_margin), "more than zero")


class Limits(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What bounds a run.

    Attributes:
        max_run: the longest run; at least 30 min less than ags_max_run.
        ags_max_run: the AGS's own Max Gen Run Time, as set at the remote; a run that reaches it blocks the AGS.
        daily_budget: the longest sum of all runs in any 24 h.
        min_run: the shortest run, unless something forbids it to go on; a shorter one is followed by a longer pause.
        min_off: the shortest pause after the engine has stopped.
        tail: how long the AGS lets the engine run on after the contact has opened.
        start_confirm: without the generator's power for so long after a start, the attempt has failed.
        stop_confirm: with the generator's power for so long after a stop, it has failed to stop.
        emergency_run: the length of a run for low volts; then they are judged again.
        emergency_reserve: how much more than daily_budget an emergency may run.
        warm_up: how much longer start_confirm waits while the AGS warms the engine up.
        charge_confirm: a confirmed run that does not charge the battery for so long is reported.
        attempts: failed attempts in a row until starts are locked out.
        backoff: the pause after the first failed attempt, the second, and so on; the last one repeats.
        short_cycle: the pause after the first run in a row that was shorter than min_run, and so on; the last repeats.
        volts_under_load: low volts at a well charged battery.
    """

    max_run: Duration = Duration(4 * HOUR)
    ags_max_run: Duration = Duration(12 * HOUR)
    daily_budget: Duration = Duration(10 * HOUR)
    min_run: Duration = Duration(15 * MINUTE)
    min_off: Duration = Duration(15 * MINUTE)
    tail: Duration = Duration(3 * MINUTE)
    start_confirm: Duration = Duration(10 * MINUTE)
    stop_confirm: Duration = Duration(5 * MINUTE)
    emergency_run: Duration = Duration(1 * HOUR)
    emergency_reserve: Duration = Duration(2 * HOUR)
    warm_up: Duration = Duration(15 * MINUTE)
    charge_confirm: Duration = Duration(30 * MINUTE)
    attempts: Annotated[int, msgspec.Meta(ge=1)] = 3
    backoff: Annotated[tuple[Duration, ...], msgspec.Meta(min_length=1)] = (
        Duration(15 * MINUTE),
        Duration(30 * MINUTE),
    )
    short_cycle: Annotated[tuple[Duration, ...], msgspec.Meta(min_length=1)] = tuple(
        Duration(minutes * MINUTE) for minutes in (15, 30, 60, 120, 240, 480)
    )
    volts_under_load: VoltsUnderLoad = VoltsUnderLoad()

    @property
    def useful_run(self) -> float:
        """Seconds that a run must be able to last to justify a start: to be confirmed, and then to run for min run."""
        return self.start_confirm + self.min_run

    @property
    def least_budget(self) -> float:
        """Seconds of the budget without which no run starts."""
        return min(self.useful_run, self.max_run)

    def __post_init__(self) -> None:
        """Refuse a max run that the AGS would end first, and a budget over a day or too short for a useful run."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        if self.max_run + AGS_MARGIN > self.ags_max_run:
            yield ConfigError(
                "max_run",
                f"{span(self.max_run)} with ags_max_run {span(self.ags_max_run)}",
                "at least 30 min less: the AGS's own Max Gen Run Time ends a run as a fault that blocks later starts; "
                "lower max_run, or raise that time at the remote and ags_max_run with it",
            )
        if self.daily_budget > DAY:
            yield ConfigError(
                "daily_budget", span(self.daily_budget), "at most 24 h: it is the budget of any 24 hours in a row"
            )
        if self.daily_budget < self.least_budget:
            yield ConfigError(
                "daily_budget",
                span(self.daily_budget),
                f"at least {span(self.least_budget)}, the lesser of start_confirm + min_run and max_run: no run could "
                "be confirmed and last for min_run",
            )


class Evidence(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What confirms that the engine runs; with ac_input and ags both false, nothing does.

    Attributes:
        ac_input: AC volts at the inverter's input, or the inverter charging.
        ags: the status of the generator starter.
        device: the inverter by its name in exporter.yml; None: the first one on the page.
        min_volts: AC volts from which generator power counts as present.
    """

    ac_input: bool = True
    ags: bool = True
    device: str | None = None
    min_volts: Annotated[float, msgspec.Meta(gt=0)] = 80.0

    @property
    def configured(self) -> bool:
        """Whether anything can confirm the engine."""
        return self.ac_input or self.ags


class TimeOfDay(int):
    """Minutes after local midnight, 0 to 1439, written "21:00" in quotes."""

    EXPECTED: ClassVar = 'a time of day in quotes such as "21:00"'
    _TEXT: ClassVar = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the minute of a time such as "21:00"; refuse a number, which YAML makes of an unquoted time."""
        if isinstance(value, int) and not isinstance(value, bool):
            raise ConfigError(
                "", f"the number {value}", f"{cls.EXPECTED}: YAML reads it as a number otherwise, quote it"
            )
        if isinstance(value, str) and (match := cls._TEXT.fullmatch(value)):
            return cls(int(match[1]) * 60 + int(match[2]))
        raise ConfigError("", f'"{value}"', cls.EXPECTED)

    def __str__(self) -> str:
        """Return the time as it is written in the configuration."""
        return f"{self // 60:02d}:{self % 60:02d}"


_NIGHTFALL, _MORNING = TimeOfDay(21 * 60), TimeOfDay(6 * 60)


class QuietHours(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Local hours without an ordinary start. An emergency starts the engine all the same.

    Attributes:
        from_: their beginning, in quotes.
        to: their end, in quotes; it may be on the next day.
        prepare: charge before they begin if the battery would not last through them.
    """

    from_: TimeOfDay = msgspec.field(name="from", default=_NIGHTFALL)
    to: TimeOfDay = _MORNING
    prepare: bool = False

    def __post_init__(self) -> None:
        """Refuse one of the two without the other, and a quiet day of 24 hours."""
        # The value is the default object itself only if the file does not set it.
        if (self.from_ is _NIGHTFALL) != (self.to is _MORNING):
            missing, written = ("from", "to") if self.from_ is _NIGHTFALL else ("to", "from")
            raise ConfigError(missing, f"only {written}", 'both, such as {from: "21:00", to: "06:00"}')
        if self.from_ == self.to:
            raise ConfigError("to", f"{self.to}, as in from", "less than 24 quiet hours")

    def contain(self, minute: int) -> bool:
        """Return whether the local minute of the day (0 to 1439) is a quiet one."""
        if self.from_ < self.to:
            return self.from_ <= minute < self.to
        return minute >= self.from_ or minute < self.to

    @property
    def seconds(self) -> float:
        """How long they last."""
        return (self.to - self.from_) % 1440 * MINUTE

    def begin_in(self, minute: int, wall: float) -> float:
        """Return the seconds until they begin, 0 during them, at a Unix time in a local minute of the day."""
        return 0.0 if self.contain(minute) else (self.from_ - minute) % 1440 * MINUTE - wall % MINUTE

    def end_in(self, minute: int, wall: float) -> float:
        """Return the seconds until they end next, at a Unix time in a local minute of the day."""
        return ((self.to - minute) % 1440 or 1440) * MINUTE - wall % MINUTE


class Exercise(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run that exercises the engine when it has had no confirmed run of that length for `every`.

    Attributes:
        every: the longest time without a run.
        at: the time of day, in quotes.
        for_: the length of the run.
    """

    every: Duration = Duration(28 * DAY)
    at: TimeOfDay = TimeOfDay(10 * 60)
    for_: Duration = msgspec.field(name="for", default=Duration(20 * MINUTE))


class FullCharge(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run until the battery is full when it has not been full for `every`.

    Attributes:
        every: the longest time without a full battery.
    """

    every: Duration = Duration(14 * DAY)


class Service(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine's service is due after so many hours of running, whoever started it.

    Attributes:
        every: hours of running between two services.
    """

    every: Duration = Duration(100 * HOUR)


class Blind(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The runs of `on_blind: start`, while nothing is known about the battery.

    Attributes:
        run: the length of each.
        every: from the beginning of one to the next.
    """

    run: Duration = Duration(2 * HOUR)
    every: Duration = Duration(12 * HOUR)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the decision; ratios 0 to 1, durations in seconds.

    Attributes:
        start_soc: the state of charge at or under which the engine starts.
        stop_soc: the state of charge at or over which it stops; at least 5 points over start_soc, and 98 % at most.
        emergency_soc: the state of charge at or under which it starts in quiet hours too; less than start_soc.
        emergency_volts: battery volts that are an emergency at any state of charge; none: no volts are.
        alerts: the alerts that act.
        debounce: how long a value must have been past its threshold.
        limits: what bounds a run.
        evidence: what confirms that the engine runs.
        quiet_hours: hours without an ordinary start.
        exercise: regular runs that keep the engine in order.
        full_charge: regular charges until the battery is full.
        service: the engine's service by hours of running.
        on_no_charge: what a run that does not charge leads to: an alarm, or also its end.
        on_blind: while nothing is known about the battery, `finish` lets a run go on to its end, `stop` ends it, and
            `start` also begins runs (`blind`).
        blind: the runs of `on_blind: start`.
    """

    start_soc: Ratio = Ratio(0.25)
    stop_soc: Ratio = Ratio(0.60)
    emergency_soc: Ratio = Ratio(0.12)
    emergency_volts: EmergencyVolts | Literal["none"] = EmergencyVolts(per_12v=11.5)
    alerts: AlertSettings = AlertSettings()
    debounce: Debounce = Debounce()
    limits: Limits = Limits()
    evidence: Evidence = Evidence()
    quiet_hours: QuietHours | None = None
    exercise: Exercise | None = None
    full_charge: FullCharge | None = None
    service: Service | None = None
    on_no_charge: Literal["alarm", "stop"] = "alarm"
    on_blind: Literal["finish", "stop", "start"] = "finish"
    blind: Blind = Blind()

    def __post_init__(self) -> None:
        """Refuse thresholds that would start an engine and never stop it, or never start it."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        start, stop, emergency = self.start_soc, self.stop_soc, self.emergency_soc
        if start >= stop:
            yield ConfigError(
                "start_soc",
                f"{percent(start)} with stop_soc {percent(stop)}",
                "less than stop_soc: the engine starts at or under the one and stops at or over the other",
            )
        elif stop - start < 0.05 - 1e-9:
            yield ConfigError("stop_soc", f"{percent(stop)} with start_soc {percent(start)}", "at least 5 points more")
        if stop > 0.98:
            yield ConfigError("stop_soc", percent(stop), "98 % or less: many monitors never report more")
        if emergency >= start:
            yield ConfigError(
                "emergency_soc", f"{percent(emergency)} with start_soc {percent(start)}", "less than start_soc"
            )
        for name, value in (("start_soc", start), ("emergency_soc", emergency)):
            if value <= 0:
                yield ConfigError(name, percent(value), "more than zero")
