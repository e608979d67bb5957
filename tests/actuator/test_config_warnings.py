"""The warning about a valid but unusual configuration, and none about an ordinary one."""

from __future__ import annotations

from typing import Any

import pytest

from actuator import config
from actuator.config import Config
from actuator.config_warnings import warnings
from simulator.demo.deployment import merged
from tests.actuator.harness.process import FAST
from tests.support import ROOT
from toolkit.config import decode

BASE: dict[str, Any] = {
    "exporter": {"url": "http://127.0.0.1:10048/metrics"},
    "relay": {"type": "hid"},
    "journal": "journal.db",
}


def warned(over: dict[str, Any], base: dict[str, Any] = BASE) -> tuple[str, ...]:
    return warnings(decode(merged(base, over), Config))


UNUSUAL: dict[str, dict[str, Any]] = {
    "emergency_soc: got 23 % with start_soc 25 %: ": {"emergency_soc": "23%"},
    "start_soc: got 85 %: ": {"start_soc": "85%", "stop_soc": "95%"},
    "emergency_volts.per_12v: got 5 V, which damages": {"emergency_volts": {"per_12v": 5}},
    "emergency_volts.per_12v: got 46 V, which a healthy": {"emergency_volts": {"per_12v": 46}},
    "emergency_volts.value: got 4.6 V: ": {"emergency_volts": {"value": 4.6, "metric": "classic_battery_volts"}},
    "emergency_volts.value: got 15 V: ": {"emergency_volts": {"value": 15, "metric": "classic_battery_volts"}},
    "emergency_volts.value: got 460 V: ": {"emergency_volts": {"value": 460, "metric": "classic_battery_volts"}},
    "alerts.heartbeat_timeout: got 90 s: ": {"alerts": {"heartbeat_timeout": "90s"}},
    "alerts.lease: got 4 min with heartbeat_timeout 5 min: ": {"alerts": {"lease": "4m"}},
    "alerts.inhibit: got no name: ": {"alerts": {"inhibit": []}},
    "debounce.start: got 10 min: ": {"debounce": {"start": "10m"}},
    "debounce.stop: got 5 min: ": {"debounce": {"stop": "5m"}},
    "limits.min_run: got 4 h with max_run 4 h: ": {"limits": {"min_run": "4h"}},
    "limits.start_confirm: got 5 h with max_run 4 h: ": {"limits": {"start_confirm": "5h"}},
    "limits.charge_confirm: got 4 h with max_run 4 h: ": {"limits": {"charge_confirm": "4h"}},
    "limits.daily_budget: got 3 h with max_run 4 h: ": {"limits": {"daily_budget": "3h"}},
    "limits.stop_confirm: got 2 min with tail 3 min: ": {"limits": {"stop_confirm": "2m"}},
    "limits.attempts: got 6: ": {"limits": {"attempts": 6}},
    "evidence: got ac_input and ags both false: ": {"evidence": {"ac_input": False, "ags": False}},
    "evidence.min_volts: got 8 V, which a dead line": {"evidence": {"min_volts": 8}},
    "evidence.min_volts: got 800 V, which a line of 120 V never": {"evidence": {"min_volts": 800}},
    "quiet_hours: got 06:00 to 05:00: 23 h of": {"quiet_hours": {"from": "06:00", "to": "05:00"}},
    "exercise.for: got 4 h with limits.max_run 4 h: ": {"exercise": {"for": "4h"}},
    "exercise.every: got 10 min with for 20 min: ": {"exercise": {"every": "10m"}},
    "exercise.at: got 22:00 for 20 min with quiet_hours from 21:00 to 06:00: ": {
        "exercise": {"at": "22:00"}, "quiet_hours": {},
    },
    "exercise.at: got 20:50 for 20 min with quiet_hours from 21:00 to 06:00: ": {
        "exercise": {"at": "20:50"}, "quiet_hours": {},
    },
    "full_charge: got with limits.daily_budget 4 h and max_run 4 h: ": {
        "full_charge": {}, "limits": {"daily_budget": "4h"},
    },
    "blind: got with on_blind finish: ": {"blind": {"run": "1h"}},
    "blind.run: got 5 h with limits.max_run 4 h: ": {"on_blind": "start", "blind": {"run": "5h"}},
    "blind.every: got 1 h with run 2 h: ": {"on_blind": "start", "blind": {"every": "1h"}},
    "relay.type: got simulated: ": {"relay": {"type": "simulated"}},
}  # fmt: skip


@pytest.mark.parametrize("begins", UNUSUAL)
def test_unusual_is_the_only_warning(begins: str) -> None:
    (sentence,) = warned(UNUSUAL[begins])
    assert sentence.startswith(begins)


ORDINARY: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "a start three points over the emergency": {"emergency_soc": "22%"},
    "volts of each nominal": {"emergency_volts": {"value": 46.0, "metric": "classic_battery_volts"}},
    "volts of 12 V nominal": {"emergency_volts": {"value": 11.5, "metric": "classic_battery_volts"}},
    "no volts": {"emergency_volts": "none"},
    "a heartbeat of two minutes": {"alerts": {"heartbeat_timeout": "2m"}},
    "as many attempts as that": {"limits": {"attempts": 5}},
    "a day as long as a run": {"limits": {"daily_budget": "4h"}},
    "nights, and an exercise in the morning": {"quiet_hours": {}, "exercise": {"at": "06:00"}},
    "an exercise that is over when the night begins": {"quiet_hours": {}, "exercise": {"at": "20:30"}},
    "twenty quiet hours": {"quiet_hours": {"from": "12:00", "to": "08:00"}},
    "runs without any information": {"on_blind": "start"},
    "the AGS alone": {"evidence": {"ac_input": False}},
    "seconds instead of hours": {"exporter": {"interval": "200ms"}, **FAST},
}


@pytest.mark.parametrize("what", ORDINARY)
def test_ordinary_has_no_warning(what: str) -> None:
    assert warned(ORDINARY[what]) == ()


def test_the_example_is_ordinary() -> None:
    assert warnings(config.load(ROOT / "deploy" / "actuator.yml")) == ()
