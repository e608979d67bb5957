"""What is refused at load and at every edit, each with its reason."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from actuator import config
from actuator.core.overlay import EDITABLE, OVERLAID, Profile, edit, over
from actuator.core.settings import EmergencyVolts, QuietHours, Settings, TimeOfDay
from tests.actuator.harness.simulated_site import settings
from toolkit.config import ConfigError, decode
from toolkit.formatting import percent, span

FILE = """\
exporter: {url: "http://127.0.0.1:10048/metrics", interval: 5s}
relay: {type: simulated}
journal: journal.db
"""


def load(tmp_path: Path, more: str = "", *, file: str = FILE) -> config.Config:
    path = tmp_path / "actuator.yml"
    path.write_text(file + more)
    return config.load(path)


def test_the_defaults_are_those_of_the_page(tmp_path: Path) -> None:
    found: Any = load(tmp_path)
    assert (found.start_soc, found.stop_soc, found.emergency_soc) == (0.25, 0.60, 0.12)
    assert found.emergency_volts.per_12v == 11.5
    assert (found.debounce.start, found.debounce.stop, found.debounce.emergency) == (120, 60, 60)
    limits = found.limits
    assert (limits.max_run, limits.ags_max_run, limits.daily_budget) == (4 * 3600, 12 * 3600, 10 * 3600)
    assert (limits.min_run, limits.min_off, limits.tail) == (900, 900, 180)
    assert (limits.start_confirm, limits.stop_confirm, limits.emergency_run) == (600, 300, 3600)
    assert limits.emergency_reserve == 7200
    assert (limits.warm_up, limits.charge_confirm, found.on_no_charge) == (900, 1800, "alarm")
    assert (limits.volts_under_load.soc_margin, limits.volts_under_load.for_) == (0.2, 600)
    assert (limits.attempts, limits.backoff) == (3, (900, 1800))
    assert (found.alerts.heartbeat_timeout, found.alerts.lease, found.alerts.alert_grace) == (300, 900, 600)
    assert found.alerts.inhibits == ("GeneratorInhibit",)
    assert (found.evidence.ac_input, found.evidence.ags, found.evidence.min_volts) == (True, True, 80)
    assert found.quiet_hours is found.exercise is found.full_charge is None
    assert (found.on_blind, found.blind.run, found.blind.every) == ("finish", 7200, 43200)


REFUSED = {
    "start over stop": ("start_soc: 60%\nstop_soc: 25%", "less than stop_soc"),
    "start as stop": ("start_soc: 60%\nstop_soc: 60%", "less than stop_soc"),
    "a gap under five points": ("start_soc: 56%", "start_soc 56.%, expected at least 5 points more"),
    "a stop over 98 %": ("stop_soc: 99%", "98 %"),
    "emergency as start": ("emergency_soc: 25%", "emergency_soc"),
    "emergency over start": ("emergency_soc: 30%", "emergency_soc"),
    "an emergency of zero": ("emergency_soc: 0%", "more than zero"),
    "a start of zero": ("start_soc: 0%\nemergency_soc: 0%", "."),
    "a percentage without its sign": ("start_soc: 25", "25%"),
    "a share that is no number": ("start_soc: .nan", "start_soc"),
    "a debounce of zero": ("debounce: {start: 0s}", "debounce.start"),
    "a debounce under three pages": ("debounce: {emergency: 14s}", "debounce.emergency"),
    "max run over the AGS's": ("limits: {max_run: 11h31m}", "max_run"),
    "an AGS cap under max run": ("limits: {ags_max_run: 4h}", "max_run"),
    "a budget over a day": ("limits: {daily_budget: 25h}", "daily_budget: got .*, expected at most 24 h: "),
    "a budget too short for a useful run": (
        "limits: {daily_budget: 24m}", "daily_budget: got 24 min, expected at least 25 min, .* last for min_run"
    ),
    "a budget under max run and a useful run": (
        "limits: {daily_budget: 19m, max_run: 20m}", "daily_budget: got 19 min, expected at least 20 min, "
    ),
    "no pause after a short run": ("limits: {short_cycle: []}", "short_cycle"),
    "a pause of zero after a short run": ("limits: {short_cycle: [15m, 0s]}", r"short_cycle\[1\]"),
    "no attempts": ("limits: {attempts: 0}", "attempts"),
    "volts under no load": ("limits: {volts_under_load: {soc_margin: 0%}}", "soc_margin"),
    "volts under a load of no time": ("limits: {volts_under_load: {for: 0s}}", "for"),
    "half an attempt": ("limits: {attempts: 1.5}", "attempts"),
    "no backoff": ("limits: {backoff: []}", "backoff"),
    "a backoff of zero": ("limits: {backoff: [15m, 0s]}", r"backoff\[1\]"),
    "a negative span": ("limits: {min_off: -5m}", "min_off"),
    "a span without a unit": ("limits: {min_off: 900}", "min_off"),
    **{f"{name} of zero": (f"limits: {{{name}: 0s}}", name) for name in (
        "max_run", "daily_budget", "min_run", "min_off", "tail", "start_confirm", "stop_confirm", "emergency_run",
        "emergency_reserve", "warm_up", "charge_confirm")},
    **{f"{name} of zero": (f"alerts: {{{name}: 0s}}", name) for name in ("heartbeat_timeout", "lease", "alert_grace")},
    "a blind run of zero": ("blind: {run: 0s}", "blind.run"),
    "a lease that is no text": ("alerts: {lease: true}", "lease"),
    "no volts": ("evidence: {min_volts: 0}", "min_volts"),
    "quiet hours of 24 h": ('quiet_hours: {from: "21:00", to: "21:00"}', "24"),
    "half of the quiet hours": ('quiet_hours: {from: "21:00"}', "quiet_hours.to: got only from"),
    "the other half of them": ('quiet_hours: {to: "06:00"}', "quiet_hours.from: got only to"),
    "an unquoted time": ('quiet_hours: {from: 21:00, to: "06:00"}', "in quotes"),
    "an unquoted time of exercise": ("exercise: {at: 10:30}", "in quotes"),
    "a number as a time": ("exercise: {at: 630}", "the number 630.* quote it"),
    "a time that is none": ('exercise: {at: "25:00"}', "time of day"),
    "an exercise of zero": ("exercise: {for: 0s}", "exercise.for"),
    "volts both ways": ("emergency_volts: {per_12v: 11.5, value: 46}", "either"),
    "volts no way": ("emergency_volts: {}", "either"),
    "volts without their metric": ("emergency_volts: {value: 46}", "metric"),
    "volts per block with a metric": ("emergency_volts: {per_12v: 11, metric: x}", "metric"),
    "volts of zero": ("emergency_volts: {per_12v: 0}", "more than zero"),
    "one name for two purposes": ("alerts: {start: X, stop: X}", "two purposes"),
    **{f"no name for {name}": (f'alerts: {{{name}: ""}}', rf'alerts.{name}: got "", expected the name of an alert')
       for name in ("start", "stop", "heartbeat", "inhibit")},
    "an inhibit without a name": ('alerts: {inhibit: [A, " "]}', r'alerts.inhibit\[1\]: got " "'),
    "a full charge every second": ("full_charge: {every: 1s}", "full_charge.every: got 1 s, expected at least 1 d: "),
    "a full charge of zero": ("full_charge: {every: 0s}\nlimits: {max_run: 20s}", "every: .* more than zero"),
    "a pause that is no list": ("limits: {short_cycle: 15m}", r"short_cycle: got .*, expected a list .*: write .15m."),
    "a backoff that is no list": ("limits: {backoff: 15m}", r"backoff: got .*, expected a list .*: write .15m."),
    "a mirror by a relative path": ("mirror: memory", 'mirror: got "memory", expected an absolute path'),
    "an unknown key": ("limits: {max_runn: 4h}", "max_runn"),
    "an unknown choice": ("on_blind: hope", "on_blind"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_its_reason(tmp_path: Path, what: str) -> None:
    text, reason = REFUSED[what]
    with pytest.raises(ConfigError, match=reason) as caught:
        load(tmp_path, text)
    assert "actuator.yml" in str(caught.value)


def test_everything_that_is_wrong_in_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = (
        "start_soc: 70%\nemergency_soc: 80%\ndebounce: {start: 1s, stop: 0s}\n"
        "limits: {max_run: 12h, daily_budget: 25h, backoff: 15m, attempts: 0}\n"
        'alerts: {start: "", stop: " "}\nquiet_hours: {from: "25:00", to: "06:00"}\non_blind: hope\n'
        "full_charge: {every: 1s}\nmirror: memory\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{tmp_path}/actuator.yml:").split(": ")[:2] for line in lines] == [
        ["4", "start_soc"],
        ["5", "emergency_soc"],
        ["6", "debounce.start"],
        ["6", "debounce.stop"],
        ["7", "limits.attempts"],
        ["7", "limits.backoff"],
        ["7", "limits.max_run"],
        ["7", "limits.daily_budget"],
        ["8", "alerts.start"],
        ["8", "alerts.stop"],
        ["9", "quiet_hours.from"],
        ["10", "on_blind"],
        ["12", "mirror"],  # what full_charge.every must be depends on max_run
    ]


def test_a_full_charge_of_a_test_may_be_due_after_seconds(tmp_path: Path) -> None:
    limits = "limits: {max_run: 20s, min_off: 5s, min_run: 1s, start_confirm: 3s, daily_budget: 1m}"
    assert isinstance(load(tmp_path, f"full_charge: {{every: 2s}}\n{limits}"), Settings)


@pytest.mark.parametrize(
    ("relay", "hint"),
    [
        ("{type: usb}", 'did you mean "hid"?'),
        ("{type: lcus}", 'did you mean "serial"?'),
        ("{type: MQTT}", "no relay is switched over MQTT"),
        ("hid", "expected a mapping: write {type: hid}"),
    ],
)
def test_another_tools_word_for_a_relay_is_understood(tmp_path: Path, relay: str, hint: str) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text(f"exporter: {{url: http://127.0.0.1:10048/metrics}}\nrelay: {relay}\njournal: journal.db\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert hint in str(refused.value)


def test_pages_too_rare_for_a_proof_are_refused(tmp_path: Path) -> None:
    seldom = "debounce: {start: 2m, stop: 2m, emergency: 2m}"
    assert isinstance(load(tmp_path, seldom, file=FILE.replace("interval: 5s", "interval: 10s")), Settings)
    refused = r"exporter.interval: got 10.5 s, expected at most 10 s: three samples are needed within 30 s"
    with pytest.raises(ConfigError, match=refused):
        load(tmp_path, seldom, file=FILE.replace("interval: 5s", "interval: 10500ms"))


@pytest.mark.parametrize(
    "text",
    [
        "start_soc: 55%\nstop_soc: 60%",
        "stop_soc: 98%",
        "limits: {max_run: 11h30m}",
        "limits: {daily_budget: 24h}",
        "limits: {daily_budget: 25m}",
        "limits: {daily_budget: 20m, max_run: 20m}",
        "limits: {max_run: 20s, min_off: 5s, min_run: 1s, start_confirm: 3s, daily_budget: 1m}",
        "debounce: {start: 15s, stop: 15s, emergency: 15s}",
        "emergency_volts: none",
        "emergency_volts: {value: 46.0, metric: classic_battery_volts, device: classic}",
        "alerts: {inhibit: [A, B], match: {site: cabin}}",
        'quiet_hours: {from: "06:00", to: "21:00"}',
        "quiet_hours: {}",
        'exercise: {every: 28d, at: "10:00", for: 20m}',
    ],
)
def test_unusual_settings_that_fit_together_are_accepted(tmp_path: Path, text: str) -> None:
    assert isinstance(load(tmp_path, text), Settings)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [(("21:00", "06:00"), (1260, 1439, 0, 359), (1259, 360, 720)), (("06:00", "21:00"), (360, 1259), (359, 1260, 0))],
)
def test_quiet_hours_contain_their_first_minute_only(
    hours: tuple[str, str], inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    quiet = QuietHours(from_=TimeOfDay.parse(hours[0]), to=TimeOfDay.parse(hours[1]))
    assert all(quiet.contain(minute) for minute in inside)
    assert not any(quiet.contain(minute) for minute in outside)


def test_quiet_hours_without_times_are_those_of_the_page(tmp_path: Path) -> None:
    quiet = load(tmp_path, "quiet_hours: {}").quiet_hours
    assert quiet == QuietHours(from_=TimeOfDay.parse("21:00"), to=TimeOfDay.parse("06:00"))


NUMBERS = (
    "emergency_volts: {{per_12v: {}}}", "emergency_volts: {{value: {}, metric: x}}", "evidence: {{min_volts: {}}}",
    "start_soc: {}", "start_soc: {}%", "limits: {{daily_budget: {}}}", "limits: {{daily_budget: {}h}}",
    "limits: {{attempts: {}}}", "limits: {{backoff: [{}m]}}",
)  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999", "nan", "inf"])
def test_what_is_no_finite_number_is_refused_everywhere(tmp_path: Path, text: str, number: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, text.format(number))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_volts_that_are_no_finite_number_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="V, expected more than zero"):
        EmergencyVolts(per_12v=number)
    with pytest.raises(ValueError, match="V, expected more than zero"):
        EmergencyVolts(value=number, metric="x")


def test_a_time_of_day_is_written_as_it_is_read() -> None:
    assert str(TimeOfDay.parse("7:05")) == "07:05"


@pytest.mark.parametrize(
    "text",
    ["24:00", "21:60", "21:0", "021:00", "21:000", "21", ":00", "-1:00", "21:00\n", "\uff121:00", "0" * 5000 + ":00"],
)
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a time of day"):
        TimeOfDay.parse(text)


def test_the_relay_alone_is_read_whatever_else_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "actuator.yml"
    path.write_text(FILE + "start_soc: 99%\nnonsense: 1\n")
    assert config.relay_only(path) is not None
    path.write_text("relay: {type: simulated\n")
    assert config.relay_only(path) is None
    path.write_text("start_soc: 25%\n")
    assert config.relay_only(path) is None
    assert config.relay_only(tmp_path / "missing.yml") is None


def test_settings_compare_so_that_an_edit_can_be_detected() -> None:
    assert settings(start_soc="20%") == settings(start_soc=0.2) != settings()


@pytest.mark.parametrize("name", ["", " away", "away ", "a\\nb", "\\u202e", "\\e[2J", "x" * 65])
def test_a_profile_whose_name_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"profiles: got the name .*, expected 1 to 64 printable characters"):
        load(tmp_path, f'profiles: {{"{name}": {{start_soc: 20%}}}}')


def test_a_profile_may_have_any_name_that_can_be_read(tmp_path: Path) -> None:
    for name in ("away", "x" * 64, "Übers Wochenende", "n=1 {a}"):
        assert list(load(tmp_path, f'profiles: {{"{name}": {{start_soc: 20%}}}}').profiles) == [name]


@pytest.mark.parametrize("name", ["quiet_hours", "exercise", "full_charge"])
def test_null_in_a_profile_or_an_edit_switches_a_part_off(name: str) -> None:
    of_file = settings(quiet_hours={}, exercise={}, full_charge={})
    overlays = [decode({name: None}, Profile)] + ([edit({name: None})] if name in EDITABLE else [])
    for overlay in overlays:
        changed = over(of_file, overlay)
        assert [part for part in OVERLAID if getattr(changed, part) != getattr(of_file, part)] == [name]
        assert getattr(changed, name) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (119, "119 s"), (120, "2 min"), (150, "2 min 30 s"), (3600, "1 h"), (5400, "1 h 30 min"),
     (86400, "1 d"), (90061, "1 d 1 h 1 min"), (0.25, "0.2 s")],
)  # fmt: skip
def test_spans_read_naturally(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_percentages_read_as_people_write_them() -> None:
    assert (percent(0.253), percent(0.25)) == ("25.3 %", "25 %")
