"""A synthetic fortnight, with known rates, played through the real decision; and where such a record comes from."""

from __future__ import annotations

import json
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

from actuator import cli
from actuator.commands import client, recording, rehearsal
from actuator.core.settings import Settings
from tests.actuator.harness.recorded import BEGIN, CHARGE, DAYS, FALL, fortnight, site, write_csv
from tests.support import Process, free_port, prometheus_tool, run_command, wait_until
from tests.support.http import request
from toolkit.config import decode

CONFIG = "exporter: {url: 'http://127.0.0.1:1/metrics'}\nrelay: {type: simulated}\njournal: j.db\n"


def settings(**parts: object) -> Settings:
    return decode(parts, Settings)


def minute_of_day(at: float) -> int:
    return int(at / 60) % 1440


def played(*, days: float = DAYS, **parts: object) -> rehearsal.Outcome:
    return rehearsal.play(rehearsal.record(list(fortnight(days=days))), settings(**parts), minute_of_day)


def cycle(start: float, stop: float) -> tuple[float, float]:
    """Return the hours of a run and of a whole cycle, from the rates alone."""
    run = (stop - start) / (CHARGE - FALL)
    return run, run + (stop - start) / FALL


@pytest.mark.parametrize(("start", "stop"), [(0.25, 0.60), (0.30, 0.60), (0.20, 0.50), (0.40, 0.58)])
def test_starts_and_hours_are_those_of_the_rates(start: float, stop: float) -> None:
    outcome = played(start_soc=start, stop_soc=stop)
    run, whole = cycle(start, stop)
    first = (0.6 - start) / FALL
    expected = (DAYS * 24 - first) / whole
    assert len(outcome.runs) == pytest.approx(expected, rel=0.05, abs=1)
    assert outcome.engine_seconds / 3600 == pytest.approx(expected * run, abs=run + 1)
    assert start - 0.015 <= outcome.lowest <= start
    assert outcome.emergencies == 0


def test_the_same_settings_do_what_was_recorded() -> None:
    it = rehearsal.record(list(fortnight()))
    was = rehearsal.recorded(it, settings(), minute_of_day)
    again = rehearsal.play(it, settings(), minute_of_day)
    assert len(again.runs) == len(was.runs) == 17
    assert again.engine_seconds == pytest.approx(was.engine_seconds, rel=0.05)
    assert again.lowest == pytest.approx(was.lowest, abs=0.01)


@pytest.mark.parametrize(("start_confirm", "stop_confirm"), [("2m", "2m"), ("2m", "20s"), ("30s", "5m")])
def test_an_engine_that_is_expected_soon_starts_and_stops_soon(start_confirm: str, stop_confirm: str) -> None:
    limits = {"start_confirm": start_confirm, "stop_confirm": stop_confirm, "tail": "10s"}
    assert len(played(days=3, limits=limits).runs) == len(played(days=3).runs) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("start", "stop"), [(0.40, 0.60), (0.25, 0.45), (0.40, 0.80)])
def test_a_simulated_site_runs_about_as_the_rehearsal_predicts(start: float, stop: float) -> None:
    """Sun, load, engine and charger are the simulator's, which knows nothing of the rehearsal's model."""
    there = settings(start_soc=start, stop_soc=stop)
    did = rehearsal.recorded(rehearsal.record(site(start, stop)), there, minute_of_day)
    would = rehearsal.play(rehearsal.record(site(0.25, 0.60)), there, minute_of_day)
    assert len(would.runs) == pytest.approx(len(did.runs), rel=0.15)
    assert would.engine_seconds == pytest.approx(did.engine_seconds, rel=0.15)
    assert would.lowest == pytest.approx(did.lowest, abs=0.02)


def test_what_the_engine_adds_is_measured_by_band_and_the_rest_is_natural() -> None:
    it = rehearsal.record(list(fortnight(days=90)))
    measured = [rate and rate * 3600 for rate in it.charge.rates]
    assert [index for index, rate in enumerate(measured) if rate is not None] == [2, 3, 4, 5]
    assert all(rate == pytest.approx(CHARGE, rel=0.1) for rate in measured if rate is not None)
    assert it.charge.rate(0.95) == it.charge.rate(0.55), "as in the nearest band"
    assert it.natural[-1] == pytest.approx(-FALL * 90 * 24, rel=0.03)


def test_quiet_hours_have_no_engine_and_a_lower_battery() -> None:
    free = played(days=5)
    quiet = played(days=5, quiet_hours={"from": "21:00", "to": "06:00"})
    assert free.quiet_seconds is None
    assert quiet.quiet_seconds == 0
    assert quiet.lowest < free.lowest - 0.02
    it = rehearsal.record(list(fortnight(days=3)))
    was = rehearsal.recorded(it, settings(quiet_hours={"from": "21:00", "to": "06:00"}), minute_of_day)
    assert was.quiet_seconds is not None
    assert 0 < was.quiet_seconds < was.engine_seconds


def test_a_run_before_quiet_hours_is_played() -> None:
    hours = {"from": "21:00", "to": "06:00"}
    without = played(days=5, quiet_hours=hours)
    ahead = played(days=5, quiet_hours={**hours, "prepare": True})
    assert not {minute_of_day(run.begin) // 60 for run in without.runs} & {17, 18, 19, 20}
    assert 17 in {minute_of_day(run.begin) // 60 for run in ahead.runs}
    assert ahead.lowest > without.lowest + 0.04


def test_an_emergency_starts_the_engine_in_quiet_hours_and_is_counted() -> None:
    outcome = played(days=5, start_soc="16%", quiet_hours={"from": "07:00", "to": "06:00"})
    assert outcome.emergencies > 0
    assert outcome.quiet_seconds
    assert outcome.lowest == pytest.approx(0.12, abs=0.01)


def test_a_full_charge_and_an_exercise_are_played() -> None:
    it = rehearsal.record(list(fortnight(days=4)))
    full = rehearsal.play(it, settings(full_charge={"every": "2d"}), minute_of_day)
    assert max(soc for _, soc in full.curve) >= 0.99
    exercised = rehearsal.play(
        it, settings(start_soc="13%", exercise={"every": "12h", "at": "10:00", "for": "20m"}), minute_of_day
    )
    assert {minute_of_day(run.begin) for run in exercised.runs} & set(range(600, 610))


def test_a_gap_is_bridged_and_reported() -> None:
    samples = [one for one in fortnight(days=3) if not BEGIN + 3600 * 5 < one.at < BEGIN + 3600 * 9]
    it = rehearsal.record(samples)
    assert it.gaps == pytest.approx(4 * 3600, abs=120)
    assert len(rehearsal.play(it, settings(), minute_of_day).runs) == 3


def test_the_best_pair_has_no_more_hours_and_never_an_emergency() -> None:
    sunny = [
        rehearsal.Sample(BEGIN + minute * 60, min(1.0, 0.5 + 0.4 * ((minute % 1440) / 720)), 600 < minute % 5760 < 640)
        for minute in range(4 * 1440)
    ]
    it = rehearsal.record(sunny, charge_per_hour=CHARGE)
    found = rehearsal.best(it, settings(), minute_of_day)
    assert found is not None
    assert found.outcome.lowest >= 0.12
    assert found.outcome.engine_seconds <= rehearsal.play(it, settings(), minute_of_day).engine_seconds


def test_no_pair_is_best_where_the_load_exceeds_the_engine() -> None:
    falling = [
        rehearsal.Sample(BEGIN + minute * 60, max(0.0, 0.5 - minute / 1440), runs=False) for minute in range(1440)
    ]
    assert rehearsal.best(rehearsal.record(falling, 0.0001), settings(), minute_of_day) is None


# --- the command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "actuator.yml").write_text(CONFIG)
    return tmp_path


class Tags(HTMLParser):
    """Collects the tags of a page, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [name for name, _ in attributes if name in ("src", "href", "xlink:href")]


def test_the_table_the_assumptions_and_the_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(here / "record.csv", days=5)
    tries = ("--try", "start_soc=30%,limits.max_run=3h", "--try", "quiet_hours.from=22:00,quiet_hours.to=07:00")
    assert cli.main(["rehearse", "--csv", "record.csv", *tries, "--html", "page.html"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(5.0 days), record.csv")
    rows = [line.split() for line in lines[3:7]]
    assert [row[0] for row in rows[:3]] == ["recorded", "actuator.yml:", "start_soc=30%,limits.max_run=3h"]
    assert lines[3].split()[1] == "6"
    assert rows[3][:4] == ["quiet_hours.from=22:00,quiet_hours.to=07:00", *rows[3][1:3], "0.0"]
    assert any("emergencies by volts" in line for line in lines)
    tags = Tags()
    tags.feed((here / "page.html").read_text())
    assert (tags.tags.count("svg"), tags.tags.count("tr"), tags.tags.count("script")) == (4, 5, 0)
    assert not tags.references
    assert "url(" not in (here / "page.html").read_text()


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ("start_soc=70%", "--try.start_soc: got 70\u00a0% with stop_soc 60\u00a0%, expected less than stop_soc"),
        ("strat_soc=30%", 'did you mean "start_soc"?'),
        ("start_soc", '--try: got "start_soc", expected a setting and its value, such as start_soc=30%'),
        ("limits=3", "--try.limits: got 3"),
        ("quiet_hours.from=22:00", "--try.quiet_hours.to: got only from, expected both"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_words_of_the_file(
    tried: str, expected: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(here / "record.csv", days=1)
    assert cli.main(["rehearse", "--csv", "record.csv", "--try", tried]) == 2
    shown = capsys.readouterr()
    assert expected.replace("\u00a0", " ") in shown.err.replace("\u00a0", " ")
    assert shown.out == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "got the columns none, expected time, soc, generator in the first line"),
        ("time,soc\n1,0.5\n", "got the columns time, soc, expected time, soc, generator"),
        ("time,soc,generator\nyesterday,0.5,0\n", ':2: got the time "yesterday", expected Unix seconds'),
        *(
            (f"time,soc,generator\n{time},0.5,0\n", f':2: got the time "{time}", expected Unix seconds')
            for time in ("nan", "inf", "-1", "1e13", "0001-01-01", "9999-12-31T23:59:59")
        ),
        ("time,soc,generator\n1,53,0\n", ':2: got the soc "53", expected 0.53 or 53 %'),
        ("time,soc,generator\n1,nan,0\n", ':2: got the soc "nan"'),
        ("time,soc,generator\n1,0.5,on\n", ':2: got the generator "on", expected 0 or 1'),
        ("time,soc,generator\n2,0.5,0\n1,0.5,0\n", "row 2 is not later than the row before it"),
        ("time,soc,generator\n1,0.5,0\n2,0.5,0\n", "got 1 s of samples, expected at least 12 h"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "record.csv"
    file.write_text(text)
    with pytest.raises(recording.RecordingError) as refused:
        recording.from_csv(file, 90)
    assert str(refused.value).startswith(str(file))
    assert expected in str(refused.value)


def test_other_ways_to_write_a_row(tmp_path: Path) -> None:
    file = tmp_path / "record.csv"
    file.write_text(
        "volts,time,soc,generator\n24,2026-01-31T00:00:00+00:00,53 %,true\n24,2026-01-31T06:00:00+00:00,,0\n"
        "24,2026-01-31T13:00:00+00:00,40%,\n"
    )
    first, last = recording.from_csv(file, 90)
    assert (first.soc, first.runs, last.soc, last.runs, last.at - first.at) == (0.53, True, 0.4, False, 13 * 3600)


def test_a_record_without_a_run_asks_how_fast_the_engine_charges(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{3600 * hour},{0.6 - hour / 100},0" for hour in range(50)]
    (here / "record.csv").write_text("\n".join(["time,soc,generator", *lines]) + "\n")
    assert cli.main(["rehearse", "--csv", "record.csv"]) == 1
    assert "give --charge, such as --charge 15%" in capsys.readouterr().err
    assert cli.main(["rehearse", "--csv", "record.csv", "--charge=15%"]) == 0
    shown = capsys.readouterr().out
    assert "The engine adds 15\u00a0% in an hour at every state of charge, as given." in shown.replace(" %", "\u00a0%")


def test_no_prometheus_is_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (here / "actuator.yml").exists()
    url = f"http://127.0.0.1:{free_port()}"
    assert cli.main(["rehearse", "--prometheus", url]) == 1
    assert capsys.readouterr().err.startswith(f"no Prometheus answers at {url}: ")


NOW = 1_780_000_020.0


def answered(points: list[list[object]], *more: list[list[object]]) -> bytes:
    """Return what Prometheus would answer with these series."""
    result = [{"metric": {}, "values": series} for series in (points, *more)]
    return json.dumps({"data": {"result": result}}).encode()


HOURS: list[list[object]] = [[NOW - 3600 * hour, "0.5"] for hour in range(20, -1, -1)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (answered([*HOURS[:-1], [NOW, "1e308"]]), "got battery_soc_ratio 1e+308 at 1780000020, expected 0 to 1"),
        (answered([*HOURS[:-1], [NOW, "-5"]]), "got battery_soc_ratio -5 at 1780000020, expected 0 to 1"),
        (answered([*HOURS[:-1], [1e13, "0.5"]]), "not as Prometheus does"),
        (answered([*HOURS[:-1], [10**400, "0.5"]]), "not as Prometheus does"),
        (answered([*HOURS[:-1], ["nan", "0.5"]]), "not as Prometheus does"),
        (answered(HOURS[::-1]), "not as Prometheus does"),
        (answered(HOURS, HOURS), "not as Prometheus does"),
        (b"[" * 100_000, "not as Prometheus does"),
    ],
)
def test_a_hostile_answer_is_refused(body: bytes, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(_url: str, path: str) -> bytes:
        (query,) = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)["query"]
        return body if query == recording.SOC else b'{"data": {"result": []}}'

    monkeypatch.setattr(client, "fetch", fetch)
    with pytest.raises(recording.RecordingError) as refused:
        recording.from_prometheus("http://there", 1, NOW)
    assert expected in str(refused.value)


def test_the_names_of_columns_cannot_write_to_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "record.csv").write_text("time,\x1b[2Jsoc\n1,2\n")
    assert cli.main(["rehearse", "--csv", "record.csv"]) == 1
    assert "got the columns time, \\x1b[2Jsoc, expected" in capsys.readouterr().err


@pytest.mark.e2e
def test_the_record_of_a_real_prometheus(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days in three requests; the engine by AC at the inverter before the actuator was there."""
    monkeypatch.setattr(recording, "MOST_POINTS", 1000)
    end = 1_780_000_020.0
    samples = list(fortnight(days=2, begin=end - 2 * 86400))
    half = samples[len(samples) // 2].at
    page = ["# TYPE battery_soc_ratio gauge", *(f"battery_soc_ratio {one.soc:.2f} {one.at:.0f}" for one in samples)]
    for name, chosen in (
        ("generator_running", [one for one in samples if one.at >= half]),
        ("magnum_inverter_ac_input_present", [one for one in samples if one.at < half]),
    ):
        page += [f"# TYPE {name} gauge", *(f"{name} {int(one.runs)} {one.at:.0f}" for one in chosen)]
    (here / "page").write_text("\n".join([*page, "# EOF"]) + "\n")
    blocks = ("tsdb", "create-blocks-from", "openmetrics", here / "page", here / "data")
    assert run_command(prometheus_tool("promtool"), *blocks).returncode == 0
    (here / "prometheus.yml").write_text("{}")
    url = f"http://127.0.0.1:{free_port()}"
    storage = (f"--storage.tsdb.path={here / 'data'}", "--storage.tsdb.retention.time=100y")
    listens = f"--web.listen-address={url.removeprefix('http://')}"
    with Process([prometheus_tool("prometheus"), f"--config.file={here / 'prometheus.yml'}", *storage, listens]):

        def ready() -> bool:
            try:
                return request("GET", f"{url}/-/ready")[0] == 200
            except OSError:
                return False

        wait_until(ready, 60, "Prometheus to be ready")
        assert recording.from_prometheus(url, 2, end)[: len(samples)] == samples
        with pytest.raises(recording.RecordingError, match="got 0 s of samples, expected at least 12 h"):
            recording.from_prometheus(url, 2, end - 100 * 86400)
