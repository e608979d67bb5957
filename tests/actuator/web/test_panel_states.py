"""Pictures of the panel in each state that an owner may find it in; axe-core finds nothing in any of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import Page, expect

from tests.actuator.harness.process import Actuator, in_time, site
from tests.actuator.web.test_panel_curve import fill
from tests.support import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RAN = """
from msgspec.structs import force_setattr
from actuator.core.state import State
force_setattr(State(started_at=0.0).durable, "engine_seconds", 253 * 3600.0)
force_setattr(State(started_at=0.0).durable, "serviced_seconds", 180 * 3600.0)
"""
"""As the past that is filled in has it."""
FORGETFUL = in_time(f"""{RAN}
from actuator.core import battery, signals
signals.LOST, battery.SOC_FRESH = 3.0, 5.0
""")
"""An actuator to which a state of charge is lost within seconds, not after five minutes."""

PATIENT = {"heartbeat_timeout": "30m", "lease": "30m"}
LIMITS = {"max_run": "4h", "start_confirm": "10m", "stop_confirm": "5m"}


EVENING = datetime.now().astimezone().replace(minute=0) + timedelta(hours=6)
MORNING = EVENING + timedelta(hours=9)
"""Of quiet hours that are not now, at whatever time the tests run."""

CONFIG = {
    "limits": LIMITS,
    "alerts": PATIENT,
    "profiles": {"away": {"start_soc": "20%", "stop_soc": "90%"}},
    "quiet_hours": {"from": f"{EVENING:%H:%M}", "to": f"{MORNING:%H:%M}"},
    "exercise": {"every": "28d", "at": "10:00", "for": "20m"},
    "full_charge": {"every": "14d"},
    "service": {"every": "100h"},
}


def powers(it: Actuator, *, sun: float, load: float, generator: float, amperes: float) -> None:
    """Let the exporter's page have a whole site, one of whose sources is refused."""
    trusted, it.page.full = it.page.soc is not None, False
    refusals = [("bms", "outvoted"), ("main", "absent"), *([] if trusted else [("classic", "stale")])]
    it.page.more = [
        f'classic_battery_watts{{device="roof"}} {sun}',
        f'magnum_inverter_ac_output_watts{{device="main"}} {load}',
        f'magnum_inverter_ac_input_watts{{device="main"}} {generator}',
        *([f'battery_soc_source_ratio{{source="classic"}} {it.page.soc}'] if trusted else []),
        'battery_soc_source_ratio{source="bms"} 0.87',
        *(
            f'battery_soc_{what}{{source="{name}"}} {int(trusted and name == "classic")}'
            for what in ("lead", "trusted")
            for name in ("classic", "bms", "main")
        ),
        *(f'battery_soc_refused{{source="{name}",reason="{reason}"}} 1' for name, reason in refusals),
        f'classic_whizbang_amperes{{device="classic"}} {amperes}',
        'classic_battery_volts{device="classic"} 50.3',
    ]


def opened(page: Page, it: Actuator) -> None:
    wait_until(lambda: it.status()["soc"] == it.page.soc, 15, "a fresh state of charge")
    page.goto(it.url)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#plot .soc")).to_be_visible()


def shows(page: Page, severity: str, headline: str) -> None:
    expect(page.locator("#headline")).to_contain_text(headline, timeout=20_000)
    expect(page.locator("#sentence")).to_have_class(severity, timeout=20_000)


def test_a_day_without_a_fault(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    fill(tmp_path)
    with site(tmp_path, CONFIG) as it, it.running(in_time(RAN)):
        it.page.soc = 0.412
        powers(it, sun=212, load=640, generator=0, amperes=-9.1)
        it.beat_twice()
        opened(page, it)
        shows(page, "ok", "Off. Battery 41.2")
        expect(page.locator("#powers")).to_contain_text("212")
        expect(page.locator("#settings tbody")).to_contain_text(f"{EVENING:%-I:%M %p} to {MORNING:%-I:%M %p}")
        picture("idle")
        it.page.soc = 0.243
        powers(it, sun=0, load=640, generator=0, amperes=-13.8)
        assert it.notify("BatterySocLow") == 200
        shows(page, "running", "Starting. Battery 24.3")
        expect(page.locator("#contact .big")).to_have_text("Closed")
        picture("starting")
        it.page.engine(runs=True)
        powers(it, sun=0, load=710, generator=3920, amperes=58.1)
        shows(page, "running", "Running to charge the battery.")
        expect(page.locator("#powers")).to_contain_text("3920", timeout=20_000)
        expect(page.locator("#runs tbody")).not_to_contain_text("\u22120")
        picture("running")
        it.page.soc = 0.412
        expect(page.locator("#soc .big")).to_have_text("41.2\u00a0%")
        assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
        shows(page, "running", "Stopping.")
        picture("stopping")
        it.page.engine(runs=False)
        shows(page, "ok", "Switched off.")
        expect(page.locator("#outlook")).to_have_text("Thresholds: 25\u00a0% and 60\u00a0%.")
        picture("off")
        wait_until(lambda: "min_off" not in it.status()["inhibitors"], 10, "the end of min off")
        assert it.request("POST", "/api/v1/mode", {"mode": "on", "for": "2h"})[0] == 200
        it.page.engine(runs=True)
        shows(page, "running", "Running, switched on by the operator.")
        expect(page.locator("#outlook")).to_have_text("Thresholds: 25\u00a0% and 60\u00a0%.")
        picture("manual")
        page.get_by_role("link", name="Runbooks: stop the engine, start it by hand").click()
        expect(page.get_by_role("heading", name="Stop the engine")).to_be_visible()


def test_a_dead_exporter_and_a_faulty_relay_are_shown(
    tmp_path: Path, page: Page, picture: Callable[[str], None]
) -> None:
    fill(tmp_path)
    with site(tmp_path, CONFIG) as it, it.running(FORGETFUL):
        it.page.soc = 0.412
        powers(it, sun=312, load=640, generator=0, amperes=-6.9)
        it.beat_twice()
        opened(page, it)
        it.page.status = 500
        expect(page.locator("#soc .big")).to_have_text("Unknown")
        expect(page.locator("#faults")).to_contain_text("The exporter", timeout=20_000)
        picture("exporter-dead")
        it.page.status = 200
        it.board.refuses_writes = True
        it.board.set(0, closed=True)
        shows(page, "act_now", "Relay fault: ")
        picture("relay-fault")


def test_locked_out_at_6_percent(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    fill(tmp_path)
    with (
        site(tmp_path, CONFIG | {"limits": LIMITS | {"attempts": 1, "start_confirm": "2s"}}) as it,
        it.running(in_time(RAN)),
    ):
        it.page.soc = 0.06
        powers(it, sun=0, load=310, generator=0, amperes=-6.6)
        it.beat_twice()
        opened(page, it)
        assert it.notify("BatterySocLow") == 200
        shows(page, "act_now", "Locked out: failed to start once. Battery 6\u00a0%.")
        expect(page.locator("#todo")).to_be_visible()
        picture("locked-out")


def test_without_alerts(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    fill(tmp_path)
    with site(tmp_path, CONFIG | {"alerts": {"heartbeat_timeout": "5s"}}) as it:
        it.page.soc = 0.412
        powers(it, sun=312, load=640, generator=0, amperes=-6.9)
        with it.running(in_time(RAN)):
            opened(page, it)
            expect(page.locator("#details")).to_contain_text("the actuator itself", timeout=20_000)
            picture("fallback")
        it.page.soc = None
        powers(it, sun=0, load=310, generator=0, amperes=-6.6)
        with it.running(FORGETFUL):
            opened(page, it)
            expect(page.locator("#details")).to_contain_text("nobody", timeout=20_000)
            picture("blind")
