"""Break each rule of the core once, and see a named test fail.

    python -m tests.actuator.mutations [--only TEXT]

Each mutation replaces one piece of one module's source; the module is loaded from it in a process of its own, and the
tests run until the first one fails: that one is its killer. A survivor is a missing test, or code that does nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.abc
import importlib.machinery
import io
import multiprocessing
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import hypothesis
import hypothesis.stateful
import msgspec  # noqa: F401 - loaded once, before the processes part
import prometheus_client.parser  # noqa: F401
import pytest
from hypothesis import Phase

ROOT = Path(__file__).parents[2]
PROPERTIES = "properties"
FIRST = {"ends": "status", "settings": "settings", "page": "page", "notification": "notification"}
"""Which tests are asked before the properties, where no property looks at a module closely."""
TESTS = (
    *(PROPERTIES, "controller_inhibitors", "controller_proof", "controller_path", "controller_demand", "resume"),
    *("freshness", "beliefs", "status", "page", "notification", "settings"),
)

# What kills is asked for, not the smallest thing that does.
hypothesis.settings.register_profile("mutations", phases=(Phase.explicit, Phase.generate))


class Mutation(NamedTuple):
    """One rule broken: in a module, this text becomes that."""

    module: str
    text: str
    becomes: str


def of(module: str, *changes: tuple[str, str]) -> list[Mutation]:
    return [Mutation(module, text, becomes) for text, becomes in changes]


MUTATIONS: tuple[Mutation, ...] = (
    *of(
        "freshness",
        ("min(now - self.last, share)\n", "now - self.last\n"),
        ("elapsed=self.elapsed + min(now - self.last, share), paused=True", "paused=True"),
        ("None if self.seen_at is None or now - self.seen_at >= limit else self.value", "self.value"),
        ("None if self.seen_at is None or now - self.seen_at >= limit else self.value", "None"),
        ("changed_at=now, seen_at=now, sampled", "changed_at=now, seen_at=self.seen_at, sampled"),
        ("if self.count or said == self.last else", "if said == self.last else"),
        ("SAMPLES = 3", "SAMPLES = 2"),
        (
            "return Watch(value=value, stamp=stamp, seen_at=now)\n        if",
            "return Watch(value=value, stamp=stamp, changed_at=now)\n        if",
        ),
        ("now - self.changed_at >= limit", "now - self.changed_at > limit + 5"),
        ("return Watch(stamp=self.stamp, changed_at=self.changed_at, seen_at=self.seen_at)", "return self"),
        ("        if not agrees:\n            return Debounced()\n", ""),
        ("self.last is None or self.paused", "self.last is None"),
        ("now - self.last >= limit:", "now - self.last >= 10 * limit:"),
        (" and not self.paused", ""),
        ("self.samples >= SAMPLES and ", ""),
        ("        if not sampled:\n            return self\n        count", "        count"),
        ("if said == self.last else 1", "if True else 1"),
        ("now - self.at >= memory", "True"),
        ("return self.verdict if self.count >= SAMPLES else None", "return self.verdict"),
    ),
    *of(
        "beliefs",
        ("max(starts_at, before.starts_at)", "starts_at"),
        ("until=now + lease", "until=now + 1e9"),
        ("starts_at < before.starts_at", "False"),
        ("return Beliefs(held=_without(self.held, fingerprint),", "return Beliefs(held={},"),
        ("spent=_without(self.spent, fingerprint))", "spent=self.spent)"),
        ("belief.starts_at > self.spent.get(key, -math.inf)", "True"),
        ("replace(self, spent={}) if self.spent else self", "self"),
        ("since is None or belief.heard_at >= since", "True"),
        ("now < belief.until})", "True})"),
    ),
    *of(
        "page",
        ("0.0 <= soc <= 1.0", "soc <= 1.0"),
        ("(soc is not None or samples.any_refused())", "samples.any_refused()"),
        ("amperes > 0 and", "True and"),
        ('"float", "absorb"', '"float", "absorb", "battery_saver"'),
        ("value if math.isfinite(value) else None", "value"),
        ('frozenset({"range", ', 'frozenset({"stale", "range", '),
        ("        value = samples.value(DC_VOLTS, device)\n", "        pass\n"),
        ("frame=AGS_FRAME", "frame=None"),
    ),
    *of(
        "notification",
        ('payload.version != "4"', "False"),
        ("alert.labels.get(label) != value", "False"),
        ("beats = max(beats, int(fires))", "beats += 1"),
        ("payload.alerts and malformed == len(payload.alerts)", "malformed"),
    ),
    *of(
        "perception",
        ("state.evidence.standing(now, BUS_FRESH) if state.evidence.changed_at is None else evidence", "evidence"),
        ("state.ags.standing(now, BUS_FRESH) if state.ags.changed_at is None else None", "None"),
        ("= None if soc is None else agrees, debounce / SAMPLES", "= None if soc is None else agrees, 1e9"),
        ("SOC_FRESH: Final = 60.0", "SOC_FRESH: Final = 90.0"),
        ("LOST: Final = 300.0", "LOST: Final = 900.0"),
        ("BUS_FRESH: Final = 30.0", "BUS_FRESH: Final = 120.0"),
        ("BEATS_TO_TRUST: Final = 2", "BEATS_TO_TRUST: Final = 1"),
        ('before == state.path == "alerts"', 'state.path == "alerts"'),
        (">= settings.evidence.min_volts", "> 0"),
        ("        if page.charging:\n            return 1.0\n", ""),
        ("return float(page.ags_code in ags.RUNNING)", "return 1.0"),
        ("if settings.evidence.ac_input:\n        if page", "if True:\n        if page"),
        ("level <= settings.start_soc", "level < settings.start_soc"),
        ("level >= settings.stop_soc", "level > settings.stop_soc"),
        ("level <= settings.emergency_soc", "level <= settings.start_soc"),
        ("volts <= threshold", "volts < threshold"),
        ("memory=math.inf", "memory=0.0"),
        ("state.durable.run is not None or state.proof.sure is False or", "state.proof.sure is False or"),
        ("state.proof.sure is False or evidence_lost", "state.proof.last is False or evidence_lost"),
        ("or evidence_lost(state, now):", "or False:"),
        ("memory=BUS_FRESH)", "memory=0.0)"),
        ("if code in ags.RUNNING else None", "if True else None"),
        ("return state.proof.verdict is True or now", "return now"),
        ("durable.run is not None or durable.candidate is not None", "durable.run is not None"),
        ("state.last_beat is not None and now - state.last_beat < timeout", "state.last_beat is not None"),
        ("if in_time and beats >=", "if beats >="),
        ("now - state.started_at < timeout", "True"),
        ('"blind" if soc_lost(state, now) else "fallback"', '"fallback"'),
        ("now - max(state.started_at, state.soc_fresh_at or state.started_at) >= LOST", "True"),
        ("before.beats_left is None and notice.starts_at", "notice.starts_at"),
        (" and notice.starts_at >= before.starts_at:", ":"),
        ("    beliefs = beliefs.lapse(now)\n", ""),
        ("        beliefs = beliefs.restore()\n", "        pass\n"),
        ("replace(inhibit, beats_left=BEATS_TO_TRUST)", "inhibit"),
        ("inhibit.beats_left > beats", "False"),
        ("attempts=0, locked_out=False, inhibits={}, torn=False", "attempts=0, locked_out=False, torn=False"),
        ("attempts=0, locked_out=False,", "attempts=0, locked_out=False, back_off_until=None,"),
        ("not 0 < seconds <= longest", "not 0 < seconds"),
        ("not 0 < seconds <= longest", "seconds > longest"),
        ('durable.mode_before if durable.mode == "on" else durable.mode', "durable.mode"),
        ("durable.manual_until is None or now >= durable.manual_until", "durable.manual_until is None"),
        ("mode=durable.mode_before, manual_until=None", 'mode="auto", manual_until=None'),
        ("and not inputs.relay_error\n    contrary", "\n    contrary"),
        ("inputs.relay_error or contrary >= SAMPLES", "contrary >= SAMPLES"),
        ("contrary >= SAMPLES", "contrary >= 1"),
        ("state.relay_fault and good >= SAMPLES", "state.relay_fault and good >= 1"),
        ("if agrees and state.relay_fault and not wanted else 0", "if state.relay_fault else 0"),
        ("durable = replace(durable, released_at=now, stopped_at=now if state.proof.sure is False else None)", "pass"),
    ),
    *of(
        "ags",
        ("_PERMITTING: Final = TAILS | {READY, OURS}", "_PERMITTING: Final = TAILS | {READY, OURS, 28}"),
        ("(closed and code == AC_IN)", "code == AC_IN"),
        ("(closed and code == AC_IN)", "False"),
        ("last_start in FOREIGN or", "False or"),
        ("(last_start is None and not ours)", "False"),
        ("{3, 6, 8, 12, 13, 14, 18, 19, 20}", "{3, 6, 8, 12, 13, 14, 18, 19}"),
        ("21, 22, 23, 24, 25}", "21, 22, 23, 25}"),
    ),
    *of(
        "demand",
        ("state.soc.standing(now, SOC_FRESH)", "state.soc.fresh(now, SOC_FRESH)"),
        ("goes_on = not begun and run.lasting and", "goes_on = run.lasting and"),
        ("elif begun and not looked(state, inputs, now):", "elif False:"),
        ("or inputs.page_fault or", "or"),
        ("or now - state.started_at >= BUS_FRESH", ""),
        ("if not _ended(cause, run, state, inputs, now)", "if True"),
        ("state.durable.run or state.durable.candidate", "state.durable.run"),
        ('if state.durable.mode == "off":', "if False:"),
        ('if settings.on_blind != "stop":', "if True:"),
        ('if state.path == "blind":\n        return', "if False:\n        return"),
        (" and evidence_lost(state, now):", " and False:"),
        ("settings.evidence.ac_input or settings.evidence.ags", "True"),
        ('if state.path == "alerts":\n        begun', 'if state.path != "waiting":\n        begun'),
        ('state.path == "fallback" and state.low', 'state.path != "alerts" and state.low'),
        ("_due(durable.blind_at, settings.blind.every, now)", "True"),
        ('settings.on_blind == "start" and', "True and"),
        ('state.path != "waiting" and _exercise_due', "_exercise_due"),
        ("state.low.holds(settings.debounce.start + grace)", "state.low.holds(settings.debounce.start)"),
        ("if not state.low.holds(settings.debounce.start):\n            return set(), ()", "if False:\n            return"),  # noqa: E501
        ("    if beliefs.stop():\n        return", "    if False:\n        return"),
        ("if not beliefs.start_counts:", "if False:"),
        ("soc >= settings.stop_soc", "soc > settings.stop_soc"),
        ("state.soc_refused and state.page_at", "False and state.page_at"),
        ("now - state.page_at < SOC_FRESH", "True"),
        ("not inputs.wall_sane or last is None", "last is None"),
        ("inputs.wall - last < exercise.every", "False"),
        ("% 1440 < 60", "% 1440 < 1440"),
        ("(inputs.minute_of_day - exercise.at) % 1440", "(inputs.minute_of_day - exercise.at)"),
        ("_due(state.durable.exercise_at, HALF_A_DAY, now)", "True"),
        ("return recovered or state.beliefs.stop()", "return recovered"),
        ("return recovered or state.beliefs.stop()", "return state.beliefs.stop()"),
        ("state.beliefs.stop(since=run.closed_at)", "state.beliefs.stop()"),
        ("state.beliefs.stop(since=run.closed_at)", "False"),
        ("now < run.volts_until", "True"),
        ("run.soc_emergency and not recovered", "run.soc_emergency"),
        ("run.soc_emergency and not recovered", "False"),
        ("now >= run.closed_at + settings.blind.run", "False"),
        ("(run.proven_at or run.closed_at) + length", "run.closed_at + length"),
        ('return state.durable.mode != "on"', "return False"),
    ),
    *of(
        "inhibitors",
        ('"back_off": frozenset({"manual"}),\n', ""),
        ('frozenset({"emergency", "manual"})', 'frozenset({"manual"})'),
        ('"mode_off": durable.mode == "off"', '"mode_off": False'),
        ('"locked_out": durable.locked_out', '"locked_out": False'),
        ('"inhibit_alert": bool(durable.inhibits)', '"inhibit_alert": False'),
        ('"relay_fault": state.relay_fault', '"relay_fault": False'),
        ('"max_run": durable.max_run_reached', '"max_run": False'),
        ('"budget": budget_left(durable, settings, now) <= 0', '"budget": False'),
        ("not closed and not rested(state, settings, now)", "False"),
        ("now < durable.back_off_until", "False"),
        ('"quiet_hours": quiet(inputs)', '"quiet_hours": False'),
        ("ags = (state.ags_stands.verdict, state.ags_stands.last)", "ags = (state.ags_stands.verdict,)"),
        ("ags = (state.ags_stands.verdict, state.ags_stands.last)", "ags = (state.ags_stands.last,)"),
        ('"ags_refuses": "refuses" in ags', '"ags_refuses": False'),
        ('"foreign_run": "foreign" in ags', '"foreign_run": False'),
        ('"ac_live": state.ac_live', '"ac_live": False'),
        ("and inputs.wall_sane and", "and"),
        ("max(closure.start, now - DAY)", "closure.start"),
        ("used += now - max(open_run.closed_at, now - DAY)", "used += 0"),
        ("durable.run or durable.candidate", "durable.run"),
        ("durable.released_at + settings.limits.tail if", "durable.released_at if"),
        (" and not runs_on", ""),
        ("stopped_at + settings.limits.min_off", "stopped_at"),
    ),
    *of(
        "controller",
        ('{"start_failed", "died"', '{"died"'),
        ('"died", "ags_fault"})', '"ags_fault"})'),
        ('"died", "ags_fault"})', '"died"})'),
        ('"died", "ags_fault"})', '"died", "ags_fault", "ags_refuses"})'),
        ('STOPS: frozenset[End] = frozenset({"mode_off", "demand_gone"})', "STOPS: frozenset[End] = frozenset()"),
        ('frozenset({"mode_off", "demand_gone"})', 'frozenset({"mode_off", "demand_gone", "max_run", "quiet_hours"})'),
        ("if closure.end > self.now - DAY", "if closure.end > self.now - DAY / 4"),
        ("self.state = replace(self.state, volts_emergency=Debounced())", "pass"),
        ("max_run if self.inputs.journal_ok else max_run / 2", "max_run"),
        (' and self.state.ags_stands.last != "foreign"', ""),
        ("elif proof.sure is False and not run.denied:", "elif False:"),
        ("self.now - proven_at >= self.settings.limits.min_run", "True"),
        ("            self.keep(attempts=0)\n", "            pass\n"),
        ("self.inputs.wall_sane and proof.verdict:", "proof.verdict:"),
        ("self.now - (proof.since if proven_at is None else proven_at) >= exercise.for_", "True"),
        ("if proof and not foreign and waited < confirm:", "if False:"),
        ("if proof and not foreign and waited < confirm:", "if proof and not foreign:"),
        ("if unheard else self.now", "if False else self.now"),
        ("replace(candidate, opened_at=None)", "candidate"),
        ("        elif foreign:\n", "        elif False:\n"),
        ("        elif self.state.proof.sure is False:\n", "        elif self.state.proof.sure is not True:\n"),
        ("confirm * (self.state.stop_alarms + 1)", "confirm * 1e9"),
        ("if not self.durable.stop_failed:", "if True:"),
        ("stop_alarms=int(waited // confirm)", "stop_alarms=0"),
        ("min(run.deadline, run.closed_at + self.longest())", "run.closed_at + self.longest()"),
        ("min(run.deadline, run.closed_at + self.longest())", "run.deadline"),
        ("run.lasting or not LASTING.isdisjoint(wanted)", "False"),
        ("(run.soc_emergency or by_soc)", "by_soc"),
        ('{"max_run"} if self.now >= run.deadline else set()', "set()"),
        ("if self.state.proof.sure is not False:", "if self.state.proof.last is not False:"),
        ("waited < self.settings.limits.start_confirm", "waited < 1e9"),
        ("waited < self.settings.limits.start_confirm", "waited < 30"),
        ('if stands not in ("refuses", "foreign"):', 'if stands != "refuses":'),
        ('if stands not in ("refuses", "foreign"):', 'if stands != "foreign":'),
        ("if code in ags.FAULTS:", "if False:"),
        ("and quiet(self.inputs):", "and False:"),
        ('EXEMPT["quiet_hours"].isdisjoint(wanted) and quiet', "quiet"),
        ("not self.decided(run) and", "True and"),
        ("(lack := undecidable(self.state, self.inputs, self.now))", "(lack := '')"),
        ("and run.volts_until is None\n", "\n"),
        ("self.now - run.closed_at < self.settings.limits.min_run", "False"),
        ("run.lasting and self.now", "self.now"),
        ("closures=(*durable.closures, Closure(start=run.closed_at, end=self.now)),", ""),
        ("stopped_at=self.now if self.state.proof.sure is False else None", "stopped_at=self.now"),
        ("stopped_at=self.now if self.state.proof.sure is False else None", "stopped_at=None"),
        ('max_run_reached=ending.end == "max_run"', "max_run_reached=False"),
        ("self.state = replace(self.state, beliefs=self.state.beliefs.spend())", "pass"),
        ("limits.backoff[min(attempts, len(limits.backoff)) - 1]", "limits.backoff[0]"),
        ("attempts >= self.settings.limits.attempts", "attempts > self.settings.limits.attempts"),
        ("durable.run is None and not durable.locked_out and attempts", "not durable.locked_out and attempts"),
        ("        self.lock_out()\n        self.judge()", "        self.judge()"),
        ("            self.lock_out()\n", ""),
        ("None if last else self.now + pause", "self.now + pause"),
        ("back_off_until=None if last else self.now + pause", "back_off_until=None"),
        ("self.now >= candidate.deadline or forbidden", "forbidden"),
        ("or forbidden or proof.verdict is False", "or forbidden"),
        ("waited >= max(self.settings.limits.tail, RESUME_WITHIN)", "waited >= 1e9"),
        ("max(self.settings.limits.tail, RESUME_WITHIN)", "self.settings.limits.tail"),
        ("max(self.settings.limits.tail, RESUME_WITHIN)", "RESUME_WITHIN"),
        ("or forbidden or proof", "or proof"),
        ('set(self.state.inhibitors) - {"ac_live"}', "set(self.state.inhibitors)"),
        (" and proof.last is not False", ""),
        ("(proof.verdict or for_us)", "proof.verdict"),
        ("(proof.verdict or for_us)", "True"),
        ("not wanted or held(self.state.inhibitors, wanted)", "not wanted"),
        ("deadline=self.now + self.longest()", "deadline=self.now + 1e9"),
        ("runs=run.number,", ""),
        ("self.keep(blind_at=self.now)", "pass"),
        ("self.keep(exercise_at=self.now)", "pass"),
        ("self.inputs.read_back is False and", "True and"),
        ("if self.durable.max_run_reached and rested", "if False and rested"),
        ("if self.state.relay_fault or not self.state.board_heard or durable.candidate is not None:", "if False:"),
        ("not self.state.board_heard or ", ""),
        ('"unknown" if proof is None and passed else "stopping"', '"off" if proof is None and passed else "stopping"'),
        ("if proof is None and run.proven_at is not None:", "if False:"),
        ("if confirmed and run.proven_at is None and self.state.proof.sure is None:", "if False:"),
        ("missed and not self.state.evidence_missed", "missed"),
        ("self.say(kind, note, Level.WARNING)", "pass"),
        ("if note not in self.noted and self.untold(note):", "if note not in self.noted:"),
        ("if note not in self.noted and self.untold(note):", "if self.untold(note):"),
        ('if not text or self.untold("held back"):', "if True:"),
        ("        if what in told:\n            return False\n", ""),
        ("self.now - at < MINUTE", "True"),
        ("if not looked(self.state, self.inputs, self.now):", "if False:"),
        ("self.keep(blind_at=None)", "pass"),
        ('"blind" in run.causes and run.proven_at is None', '"blind" in run.causes'),
        ("ending.end in FAILURES or self.fruitless(run, ending.end)", "ending.end in FAILURES"),
        ("        if self.state.proof.sure is not False:\n            return False\n        if end", "        if end"),
        ("return self.settings.limits.max_run >= self.settings.limits.start_confirm", "return True"),
        ("return self.settings.limits.max_run >= self.settings.limits.start_confirm", "return False"),
        ('not run.lasting and run.cause in ("exercise", "blind")', 'run.cause in ("exercise", "blind")'),
        ('run.cause in ("exercise", "blind")', "True"),
        ("self.inputs.wall_sane and self.durable.anchor is not None", "False"),
        ("self.keep(spent=self.state.beliefs.spent)", "pass"),
    ),
    *of(
        "ends",
        ("max(cap - AGS_MARGIN, cap / 2)", "cap - AGS_MARGIN"),
        ("max(cap - AGS_MARGIN, cap / 2)", "cap"),
        ("return min(end, run.deadline)", "return run.deadline"),
        ("return min(end, run.deadline)", "return end"),
        ("leaves = max(closure.start + DAY, now)", "leaves = closure.start + DAY"),
        ("        if leaves >= end:\n            break\n", ""),
        ("end += max(0.0, closure.end + DAY - leaves)", "pass"),
        ("ends.append(run.closed_at + settings.limits.min_run)", "pass"),
        ("max(_own(cause", "min(_own(cause"),
        ('if quiet_in is not None and EXEMPT["quiet_hours"].isdisjoint(run.causes):', "if False:"),
        ('EXEMPT["quiet_hours"].isdisjoint(run.causes)', "True"),
        ("LASTING.issuperset(run.causes) and run.volts_until is None", "run.volts_until is None"),
        (" and run.volts_until is None\n", "\n"),
        ("if hours is None or not wall_sane:", "if hours is None:"),
        ('if cause == "manual" and durable.manual_until is not None:', "if False:"),
        ('if cause == "exercise" and settings.exercise is not None:', "if False:"),
        ("run.proven_at or run.closed_at", "run.closed_at"),
        ('if cause == "blind":', "if False:"),
        ("not run.soc_emergency and run.volts_until", "run.volts_until"),
    ),
    *of(
        "reboot",
        ("if moment.wall_sane and here.wall_sane else 0.0", "if moment.wall_sane else 0.0"),
        ("if moment.wall_sane and here.wall_sane else 0.0", "if here.wall_sane else 0.0"),
        ("max(0.0, here.wall - moment.wall)", "(here.wall - moment.wall)"),
        ("anchor = None if here.wall_sane else Anchor(wall=moment.wall, now=here.now)", "anchor = None"),
        ("anchor = replace(anchor, now=anchor.now + shift)", "anchor = replace(anchor, now=here.now)"),
        ("anchor = replace(anchor, now=anchor.now + shift)", "anchor = None"),
        ("back_off_until=moved(durable.back_off_until)", "back_off_until=durable.back_off_until"),
        ("released_at=moved(durable.released_at)", "released_at=durable.released_at"),
        ("blind_at=moved(durable.blind_at)", "blind_at=durable.blind_at"),
        ("start=closure.start + shift, end=closure.end + shift", "start=closure.start, end=closure.end"),
        ("mode=durable.mode_before if manual_over else durable.mode", "mode=durable.mode"),
        ("passed = max(0.0, wall - anchor.wall - (now - anchor.now))", "passed = max(0.0, wall - anchor.wall)"),
        ("max(0.0, wall - anchor.wall - (now - anchor.now))", "(wall - anchor.wall - (now - anchor.now))"),
        ("time > anchor.now else time", "False else time"),
        ("closure if closure.end > anchor.now else", "closure if False else"),
        ("until if until is None or run_since else", "until if until is None else"),
        ("        anchor=None,\n", ""),
    ),
    *of(
        "resume",
        ("ours = run.proven_at is not None and", "ours ="),
        (" and here.now - held_until < settings.limits.tail", ""),
        ("if same_boot and not torn and ours and", "if not torn and ours and"),
        ("if same_boot and not torn and ours and", "if same_boot and ours and"),
        ("ours and not run.resumed and", "ours and"),
        (" and here.now < run.deadline", ""),
        ("    if run.opened_at is not None:\n        return run.opened_at\n", ""),
        ("if saved is None or found is not False:", "if True:"),
        ("if saved is None or found is not False:", "if saved is None:"),
        ('"contact_opened" if found else "run_broken_off"', '"run_broken_off"'),
        ("beliefs=Beliefs(spent=durable.spent)", "beliefs=Beliefs()"),
        ("candidate=replace(run, resumed=True)", "candidate=run"),
        ("past = Closure(start=run.closed_at, end=here.now)", "past = Closure(start=run.closed_at, end=run.closed_at)"),
        ("if opened_at is not None:", "if False:"),
        ("start=run.closed_at - DURABLE_TICK", "start=run.closed_at"),
        ("min(run.closed_at - DURABLE_TICK, longest)", "run.closed_at"),
        ("durable = replace(durable, anchor=None)", "pass"),
        ("anchor=None,  # what", "# what"),
        ("end=min(here.now, run.deadline)", "end=here.now"),
        ("released_at = here.now if opened_at is None else opened_at", "released_at = here.now"),
        (
            "replace(_counted(durable, run), released_at=released_at, stopped_at=None)",
            "_counted(durable, run)",
        ),
        ("failed = run.denied and run.proven_at is None", "failed = False"),
        ("failed = run.denied and run.proven_at is None", "failed = run.proven_at is None"),
        ("failed = run.denied and run.proven_at is None", "failed = run.denied"),
        ("missing = budget_left(durable, settings, here.now) - most", "missing = 0"),
        (
            "            released_at=here.now,\n            stopped_at=None,\n            torn=True",
            "            torn=True",
        ),
    ),
    *of(
        "settings",
        ("if self.start_soc >= self.stop_soc:", "if False:"),
        ("< 0.05 - 1e-9", "< 0.0"),
        ("if self.stop_soc > 0.98:", "if False:"),
        ("if self.emergency_soc >= self.start_soc:", "if False:"),
        ("            if value <= 0:\n", "            if False:\n"),
        ("self.max_run + AGS_MARGIN > self.ags_max_run", "False"),
        ("if self.from_ == self.to:", "if False:"),
        ("isinstance(value, int) and not isinstance(value, bool)", "False"),
        ("minute >= self.from_ or minute < self.to", "minute >= self.from_"),
    ),
)  # fmt: skip


class Broken(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module from a source that has been changed."""

    def __init__(self, mutation: Mutation) -> None:
        self._name = f"actuator.{mutation.module}"
        self._path = ROOT / "actuator" / f"{mutation.module}.py"
        source = self._path.read_text()
        self.there = mutation.text in source
        self._source = source.replace(mutation.text, mutation.becomes)

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Return where the broken module comes from."""
        del path, target
        return importlib.machinery.ModuleSpec(name, self, origin=str(self._path)) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the broken source."""
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)  # noqa: S102 - that is the point


def killer(mutation: Mutation, *, fast: bool = False) -> str:
    """Return the first test that fails under a mutation; empty: it survives, or there is nothing to be broken."""
    for name in [name for name in sys.modules if name.startswith(("actuator", "tests.actuator"))]:
        del sys.modules[name]
    broken = Broken(mutation)
    if not broken.there:
        return ""
    sys.meta_path.insert(0, broken)
    first = FIRST.get(mutation.module, PROPERTIES)
    names = [name for name in dict.fromkeys((first, *TESTS)) if not (fast and name == PROPERTIES)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "--assert=plain", "--hypothesis-seed=1"]
        options += ["--hypothesis-profile=mutations", "--rootdir", str(ROOT)]
        code = pytest.main([*options, *(str(ROOT / "tests" / "actuator" / f"test_{name}.py") for name in names)])
    if code == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (?:tests/actuator/)?(\S+)", said.getvalue(), re.MULTILINE)
    return found[1] if found else said.getvalue().strip().splitlines()[-1]


def main(arguments: list[str] | None = None) -> int:
    """Try every mutation and print its killer; return how many survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="those whose module or text contains this")
    parser.add_argument("--fast", action="store_true", help="without the properties")
    given = parser.parse_args(arguments)
    chosen = [mutation for mutation in MUTATIONS if given.only in mutation.module or given.only in mutation.text]
    judge = functools.partial(killer, fast=given.fast)
    survivors = 0
    context = multiprocessing.get_context("fork")
    with context.Pool(maxtasksperchild=1) as pool:
        for mutation, killed_by in zip(chosen, pool.imap(judge, chosen, chunksize=1), strict=True):
            survivors += not killed_by
            change = f"{mutation.text.strip()!r} -> {mutation.becomes.strip()!r}"
            print(f"{mutation.module}: {change}\n    {killed_by or 'SURVIVES'}", flush=True)
    print(f"{len(chosen)} mutations, {survivors} survive")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
