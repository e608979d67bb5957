"""What the journal keeps of the controller: its form on the disk does not change by itself."""

from __future__ import annotations

import json

import msgspec

from actuator.core.alert_path import Inhibit
from actuator.core.short_runs import ShortRuns
from actuator.core.state import Anchor, Closure, Durable, Moment, Run, Saved

RUN = Run(
    number=7,
    cause="alert",
    causes=("alert", "manual"),
    closed_at=100.5,
    closed_wall=1700000000.25,
    deadline=14500.5,
    proven_at=130.0,
    denied=True,
    opened_at=900.0,
    resumed=True,
    lasting=True,
    soc_emergency=True,
    volts_until=3700.5,
)
SAVED = Saved(
    durable=Durable(
        run=RUN,
        candidate=Run(number=6, cause="blind", causes=("blind",), closed_at=1.0, closed_wall=2.0, deadline=3.0),
        runs=7,
        closures=(Closure(start=-50.0, end=-10.0),),
        attempts=2,
        locked_out=True,
        back_off_until=1000.0,
        released_at=90.0,
        stopped_at=95.0,
        stop_failed=True,
        max_run_reached=True,
        mode="on",
        mode_before="off",
        manual_until=7300.5,
        inhibits={
            "co": Inhibit(summary="CO alarm", starts_at=1699999999.0, beats_left=1, name="GeneratorInhibit"),
            "gas": Inhibit(summary="Gas", starts_at=3.0),
        },
        spent={"low": 1699990000.0},
        exercised_wall=1699900000.0,
        blind_at=5.0,
        exercise_at=6.0,
        starts={"alert": 3, "manual": 1},
        start_failures=4,
        stop_failures=5,
        run_seconds=1234.5,
        relay_errors=6,
        torn=True,
        anchor=Anchor(wall=1699999000.0, now=-500.0, held=Closure(start=-90.0, end=-60.0), backs_off=True),
        stuck_stops={"full": 1699980000.0},
        resolved={"low": 1699970000.0},
        locked_out_at=80.0,
        torn_at=70.0,
        full_at=-90000.0,
        full_runs=(5, 6),
        full_retry_at=80000.0,
        engine_ran=True,
        engine_stopped_at=60.0,
        quiet_ahead_at=-3000.0,
        short_runs=ShortRuns(in_a_row=2, last_at=50.0, ends=(40.0, 50.0)),
        engine_seconds=360000.5,
        serviced_seconds=1800.0,
        profile="away",
        edits={"start_soc": "30%"},
        dropped="too old",
    ),
    moment=Moment(boot="b", now=101.0, wall=1700000001.0, wall_sane=True),
)

WRITTEN = (
    '{"durable":{"run":{"number":7,"cause":"alert","causes":["alert","manual"],"closed_at":100.5,'
    '"closed_wall":1700000000.25,"deadline":14500.5,"proven_at":130.0,"denied":true,"opened_at":900.0,"resumed":true,'
    '"lasting":true,"soc_emergency":true,"volts_until":3700.5},"candidate":{"number":6,"cause":"blind",'
    '"causes":["blind"],"closed_at":1.0,"closed_wall":2.0,"deadline":3.0,"proven_at":null,"denied":false,'
    '"opened_at":null,"resumed":false,"lasting":false,"soc_emergency":false,"volts_until":null},"runs":7,'
    '"closures":[{"start":-50.0,"end":-10.0}],"attempts":2,"locked_out":true,"back_off_until":1000.0,'
    '"released_at":90.0,"stopped_at":95.0,"stop_failed":true,"max_run_reached":true,"mode":"on","mode_before":"off",'
    '"manual_until":7300.5,"inhibits":{"co":{"summary":"CO alarm","starts_at":1699999999.0,"beats_left":1,'
    '"name":"GeneratorInhibit"},'
    '"gas":{"summary":"Gas","starts_at":3.0,"beats_left":null,"name":""}},"spent":{"low":1699990000.0},'
    '"exercised_wall":1699900000.0,"blind_at":5.0,"exercise_at":6.0,"starts":{"alert":3,"manual":1},'
    '"start_failures":4,"stop_failures":5,"run_seconds":1234.5,"relay_errors":6,"torn":true,'
    '"anchor":{"wall":1699999000.0,"now":-500.0,"held":{"start":-90.0,"end":-60.0},"backs_off":true},'
    '"stuck_stops":{"full":1699980000.0},"resolved":{"low":1699970000.0},'
    '"locked_out_at":80.0,"torn_at":70.0,"full_at":-90000.0,"full_runs":[5,6],"full_retry_at":80000.0,'
    '"engine_ran":true,"engine_stopped_at":60.0,"quiet_ahead_at":-3000.0,'
    '"short_runs":{"in_a_row":2,"last_at":50.0,"ends":[40.0,50.0]},"engine_seconds":360000.5,"serviced_seconds":1800.0,'
    '"profile":"away","edits":{"start_soc":"30%"},"dropped":"too old"},'
    '"moment":{"boot":"b","now":101.0,"wall":1700000001.0,"wall_sane":true}}'
)
"""As earlier versions have written it."""


def test_what_was_written_reads_back_as_it_was() -> None:
    assert msgspec.json.decode(WRITTEN, type=Saved) == SAVED


def test_its_written_form_does_not_change() -> None:
    assert msgspec.json.encode(SAVED).decode() == WRITTEN


def test_keys_of_another_version_are_ignored() -> None:
    kept = json.loads(WRITTEN)
    kept["durable"] = {"runs": 3, "not yet known": 1}
    assert msgspec.json.decode(json.dumps(kept), type=Saved).durable == Durable(runs=3)
