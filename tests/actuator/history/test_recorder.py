"""Samples and runs from what the controller makes of a synthetic world."""

from __future__ import annotations

import pytest

from actuator.history.documents import curve
from actuator.history.recorder import PastRun, Recorder, Sample
from actuator.journal import Row
from actuator.report import wording
from actuator.site.values import SiteValues
from tests.actuator.harness.simulated_site import World
from tests.actuator.report.test_status import snapshot, world


class Watched:
    """A world whose turns a recorder observes, with a constant current."""

    def __init__(self, of: World, recorder: Recorder | None = None, amperes: float | None = 50.0) -> None:
        self.world, self.amperes = of, amperes
        self.recorder = recorder or Recorder()
        self._seen = 0

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.world.step()
            self.observe()

    def observe(self) -> bool:
        events, self._seen = self.world.events[self._seen :], len(self.world.events)
        rows = [
            Row(
                id=number,
                wall=self.world.wall,
                sane=True,
                kind=event.kind,
                level=str(event.level),
                text=wording.events.event(event),
                fields={name: value for name, value in event.fields.items()},  # noqa: C416 - its values' type is narrower
            )
            for number, event in enumerate(events)
        ]
        return self.recorder.observe(snapshot(self.world, site=SiteValues(amperes=self.amperes)), rows)


def started(**parts: object) -> Watched:
    """Return a world in a run for an operator, the engine confirmed."""
    watched = Watched(world(**parts))
    watched.world.run(10)
    watched.world.operator("on", 600)
    watched.observe()
    watched.run(60)
    return watched


def test_a_sample_each_minute() -> None:
    watched = Watched(world())
    watched.world.soc, watched.world.volts = 0.5, 48.2
    watched.run(301)
    samples, _ = watched.recorder.take()
    assert [sample.wall - samples[1].wall for sample in samples] == [-60, 0, 60, 120, 180, 240]
    assert samples[-1] == Sample(
        wall=samples[-1].wall, soc=0.5, volts=48.2, amperes=50.0, running=False, closed=False, engine_seconds=0.0
    )
    assert watched.recorder.take() == ((), ())


def test_what_is_not_fresh_is_unknown() -> None:
    watched = Watched(world(), amperes=None)
    watched.run(10)
    watched.world.page_reachable = False
    watched.run(120)
    (*_, last), _ = watched.recorder.take()
    assert (last.soc, last.volts, last.amperes) == (None, None, None)


def test_a_run_is_recorded_with_its_charge() -> None:
    watched = started()
    watched.world.soc = 0.6
    watched.run(600)
    _, (run,) = watched.recorder.take()
    assert run.number == 1
    assert run.cause == "manual"
    assert run.confirmed
    assert run.seconds == pytest.approx(600, abs=2)
    assert run.ended == pytest.approx(run.began + 600, abs=2)
    assert run.ampere_hours == pytest.approx(50 * 600 / 3600, rel=0.01)
    assert (run.soc_before, run.soc_after) == (0.5, 0.6)
    assert run.end == "demand_gone"
    assert run.text
    assert watched.recorder.present is None


def test_charge_is_unknown_after_a_minute_without_a_current() -> None:
    watched = started()
    watched.amperes = None
    watched.run(59)
    watched.amperes = 50.0
    watched.run(1)
    assert watched.recorder.present is not None
    assert watched.recorder.present.ampere_hours == pytest.approx(50 * 120 / 3600, rel=0.02)
    watched.amperes = None
    watched.run(62)
    watched.amperes = 50.0
    watched.run(10)
    assert watched.recorder.present.ampere_hours is None


def test_a_run_goes_on_over_a_restart() -> None:
    watched = started()
    before = watched.recorder.present
    assert before is not None
    watched.world.die(dead_for=5)
    again = Watched(watched.world, Recorder(before))
    again.observe()
    again.run(60)
    (after,) = (run for run in (again.recorder.present,) if run is not None)
    assert after.number == before.number
    assert after.began == pytest.approx(before.began, abs=0.1)
    assert (after.ended, after.end) == (None, None)
    assert after.soc_before == before.soc_before


def test_a_run_whose_end_was_lost_ends_unknown() -> None:
    lost = PastRun(number=0, cause="alert", began=1.0)
    watched = Watched(world(), Recorder(lost))
    watched.run(2)
    assert watched.recorder.runs[0].end == "unknown"
    assert watched.recorder.present is None


def test_curve_has_means_and_leaves_gaps() -> None:
    def sample(wall: float, soc: float | None, *, running: bool | None = None, closed: bool = False) -> Sample:
        return Sample(wall=wall, soc=soc, volts=None, amperes=None, running=running, closed=closed)

    drawn = curve(
        [sample(0, 0.5), sample(60, 0.7, running=True), sample(120, None, closed=True), sample(3000, None)],
        "24h",
        start_soc=0.25,
        stop_soc=0.6,
    )
    assert drawn.time == (0, 3000)
    assert drawn.soc == (0.6, None)
    assert drawn.running == (True, None)
    assert drawn.closed == (True, False)
