"""The commissioning trial: it measures by the actuator's own seconds, and refuses when there is nothing to measure."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actuator import cli
from actuator.commands.client import ClientError
from actuator.commands.commission import Commission
from tests.actuator.harness.process import site
from tests.support import Process, command, wait_until

STANDING: dict[str, Any] = {
    "mode": "auto", "run": None, "causes": [], "why_not": [], "proof": "stopped", "faults": [], "sentence": "Off.",
    "max_run": 7200.0, "time": 1_000_000.0, "ags": None,
    "contact": {"read_back": False, "wanted": False, "can_read_back": True},
}  # fmt: skip
RUNNING = STANDING | {"mode": "on", "run": 7, "causes": ["manual"], "proof": "running"}
STOPPING = STANDING | {"mode": "off", "proof": "running"}


def row(number: int, kind: str, wall: float, text: str = "", **fields: object) -> dict[str, Any]:
    return {"id": number, "kind": kind, "wall": wall, "text": text, "fields": fields}


BEFORE = [row(40, "engine_proven", 2e9, seconds=999.0, run=6), row(41, "engine_stopped", 2e9, seconds=999.0, run=6)]


class SyntheticActuator:
    """Answers with one sequence of statuses and rows."""

    def __init__(self, statuses: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
        self._statuses: Iterator[dict[str, Any]] = iter(statuses)
        self._last = STANDING
        self._rows = BEFORE, rows
        self.commands: list[dict[str, object] | None] = []
        self.lines: list[str] = []

    def ask(self, path: str, command: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
        if path.startswith("/api/v1/journal"):
            before, during = self._rows
            rows = before + during if self.commands else before
            return rows[-1:] if path.endswith("most=1") else rows
        if command is not None:
            self.commands.append(command)
            return RUNNING
        self._last = next(self._statuses, self._last)
        return self._last

    def measure(self) -> bool:
        return Commission(self.ask, self.lines.append, run=0.0, pause=lambda _: None).measure()


def test_a_step_of_the_wall_clock_changes_no_proposal() -> None:
    story = [
        row(42, "contact_closed", 1_000_000.0, run=7),
        row(43, "engine_proven", 1_000_030.0, run=7, seconds=30.0),
        row(44, "contact_opened", 990_000.0, run=7, reason="mode_off"),
        row(45, "engine_stopped", 999_999_000.0, run=7, seconds=130.0),
    ]
    synthetic = SyntheticActuator([STANDING, RUNNING, RUNNING, STOPPING, STANDING], story)
    assert synthetic.measure()
    text = "\n".join(synthetic.lines)
    assert "Confirmed start: 30 s after closing. Confirmed stop: 2 min 10 s after opening." in text
    assert "start_confirm: 10m\n  stop_confirm: 6m\n  tail: 3m" in text
    assert synthetic.commands[-1] == {"mode": "auto"}


def test_an_ags_that_reads_its_input_every_30_minutes() -> None:
    story = [
        row(42, "contact_closed", 0.0, run=7),
        row(43, "engine_proven", 0.0, run=7, seconds=30.0),
        row(44, "contact_opened", 0.0, run=7, reason="mode_off"),
        *(row(45 + times, "stop_failed", 0.0) for times in range(5)),
        row(50, "engine_stopped", 0.0, run=7, seconds=1815.0),
    ]
    synthetic = SyntheticActuator([STANDING, RUNNING, RUNNING, STOPPING, STOPPING, STANDING], story)
    assert synthetic.measure()
    text = "\n".join(synthetic.lines)
    assert "only at the end of each Gen Run Temp Time" in text, "so that nobody gives up while it waits"
    assert "Confirmed stop: 30 min 15 s after opening." in text
    assert "stop_confirm: 62m\n  tail: 31m" in text
    assert 'With a shorter stop_confirm each run would end with "failed to stop".' in text


@pytest.mark.parametrize("missing", ["engine_proven", "engine_stopped"])
def test_a_measure_missing_in_the_journal_is_reported(missing: str) -> None:
    story = [
        row(43, "engine_proven", 0.0, run=7, seconds=30.0),
        row(44, "contact_opened", 0.0, run=7, reason="mode_off"),
        row(45, "engine_stopped", 0.0, run=7, seconds=130.0),
    ]
    synthetic = SyntheticActuator([STANDING, RUNNING, STANDING], [row for row in story if row["kind"] != missing])
    assert not synthetic.measure()
    assert synthetic.lines[-1] == f"The journal has no row {missing} of run 7: no limits can be proposed."


def test_an_engine_that_dies_is_reported_and_not_measured() -> None:
    died = "Contact open after 45 s. The engine has died: no AC any more."
    story = [
        row(43, "engine_proven", 0.0, run=7, seconds=30.0),
        row(44, "contact_opened", 0.0, died, run=7, reason="died"),
    ]
    synthetic = SyntheticActuator([STANDING, RUNNING, STANDING], story)
    assert not synthetic.measure()
    assert synthetic.lines[-1] == f"The run ended by itself: {died} No limits can be proposed."
    assert synthetic.commands[-1] == {"mode": "auto"}


def test_an_automation_that_stays_off_is_reported() -> None:
    class Refuses(SyntheticActuator):
        def ask(self, path: str, command: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - any JSON document
            if command == {"mode": "auto"}:
                raise ClientError("503")
            return super().ask(path, command)

    synthetic = Refuses([STANDING, RUNNING, STANDING], [])
    with pytest.raises(ClientError):
        synthetic.measure()
    assert synthetic.lines[-1] == "The mode is off; it was auto: generator-actuator mode auto"
    assert synthetic.commands[-1] == {"mode": "off"}


@pytest.mark.parametrize("run", ["5", "-5", "nan", "inf", "59.9", "long"])
def test_a_run_shorter_than_the_warm_up_is_refused(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["commission", f"--run={run}"])
    assert refused.value.code == 2
    assert f'got "{run}", expected a number of seconds of at least 60' in capsys.readouterr().err


def test_the_command_reports_a_dead_engine_and_fails(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        wait_until(lambda: it.status()["proof"] == "stopped", 10, "the proof that it has stopped")
        trial: list[str | Path] = [command("generator-actuator"), "commission", "--yes", "--run=60", "--url", it.url]
        with Process(trial) as process:
            wait_until(it.board.closed, 10, "the contact to close")
            it.page.engine(runs=True)
            wait_until(lambda: "Engine running, confirmed" in process.output, 10, "the trial to see the engine run")
            it.page.engine(runs=False)
            assert process.wait(20) == 1
            assert "The run ended by itself: Contact open after" in process.output
            assert "has died" in process.output
            assert "Traceback" not in process.output
        assert not it.board.closed()
        assert it.status()["mode"] == "auto"


@pytest.mark.parametrize(("max_run", "seconds"), [(7200.0, 1860), (900.0, 900)])
def test_the_engine_is_requested_for_no_longer_than_it_takes(max_run: float, seconds: int) -> None:
    before = STANDING | {"max_run": max_run}
    synthetic = SyntheticActuator([before, RUNNING, STANDING], [])
    Commission(synthetic.ask, synthetic.lines.append, run=60.0, pause=lambda _: None).measure()
    assert synthetic.commands[0] == {"mode": "on", "for": f"{seconds}s"}


def operators(*actions: str) -> list[dict[str, Any]]:
    return [row(50 + number, "operator", 0.0, action=action) for number, action in enumerate(actions)]


@pytest.mark.parametrize(
    ("story", "last"),
    [
        (operators("on", "off", "off"), "auto"),
        (operators("on", "off", "off", "off"), "off"),
        (operators("on", "off", "auto", "off"), "auto"),
    ],
)
def test_an_off_of_somebody_else_stays(story: list[dict[str, Any]], last: str) -> None:
    synthetic = SyntheticActuator([STANDING, RUNNING, RUNNING, STOPPING, STANDING], story)
    assert not synthetic.measure()
    assert synthetic.commands[-1] == {"mode": last}
    told = "Somebody else has switched the mode off meanwhile: it stays off." in synthetic.lines
    assert told is (last == "off")


def test_what_is_proposed_for_the_start_fits_a_cold_engine_and_a_slow_one() -> None:
    for seconds, expected in ((16.0, "10m"), (400.0, "15m")):
        story = [
            row(43, "engine_proven", 0.0, run=7, seconds=seconds),
            row(44, "contact_opened", 0.0, run=7, reason="mode_off"),
            row(45, "engine_stopped", 0.0, run=7, seconds=130.0),
        ]
        synthetic = SyntheticActuator([STANDING, RUNNING, RUNNING, STOPPING, STANDING], story)
        assert synthetic.measure()
        assert f"start_confirm: {expected}\n" in synthetic.lines[-1]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_a_command_that_is_ended_opens_the_contact(tmp_path: Path, number: signal.Signals) -> None:
    with site(tmp_path) as it, it.running():
        wait_until(lambda: it.status()["proof"] == "stopped", 10, "the proof that it has stopped")
        trial: list[str | Path] = [command("generator-actuator"), "commission", "--yes", "--run=60", "--url", it.url]
        with Process(trial) as process:
            wait_until(it.board.closed, 10, "the contact to close")
            process.signal(number)
            assert process.wait(20) == 1
            assert "Cancelled." in process.output
        wait_until(lambda: not it.board.closed(), 5, "the contact to open")
        assert it.status()["mode"] == "auto"
