"""Which commands over MQTT are obeyed, and in which order they reach the turn."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.core.inputs import Command, Inputs
from actuator.core.settings import Settings
from actuator.intake import mqtt_commands
from actuator.intake.input_queue import InputQueue
from actuator.intake.mqtt_commands import Acceptance, Commands, Now
from toolkit.homeassistant.discovery import Received
from toolkit.homeassistant.metrics import REASONS, Counts

WALL = 1_800_000_000.0
NOW = Now(monotonic=1000.0, wall=WALL, wall_sane=True, longest=14_400.0, is_off=False)
TOPIC = "magnum/actuator/command/x"


def message(
    name: str, value: object = "PRESS", at: object = WALL, *, retained: bool = False, is_new: bool = False
) -> Received:
    return Received(name, json.dumps({"value": value, "at": at}).encode(), retained, is_new)


def new_judge() -> Acceptance:
    return Acceptance(began=NOW.monotonic - 60)


def judged(received: Received, now: Now = NOW, judge: Acceptance | None = None) -> object:
    return (judge or new_judge()).judge(received, TOPIC, now)


@pytest.mark.parametrize(
    ("received", "command"),
    [
        (message("mode", "automatic"), Command(action="auto", topic=TOPIC)),
        (message("mode", "on"), Command(action="on", seconds=7200.0, topic=TOPIC)),
        (message("mode", "off"), Command(action="off", topic=TOPIC)),
        (message("mode", "off", retained=True, is_new=True), Command(action="off", topic=TOPIC)),
        (message("start"), Command(action="on", seconds=7200.0, topic=TOPIC)),
        (message("reset_lockout"), Command(action="reset_lockout", topic=TOPIC)),
        (message("mode", "on", WALL - 30), Command(action="on", seconds=7200.0, topic=TOPIC)),
        (message("minutes", 30), None),
    ],
)
def test_what_is_obeyed(received: Received, command: Command | None) -> None:
    assert judged(received) == command


@pytest.mark.parametrize("payload", [b"", b"off", b"OFF?", b"\xff", b"{}", b'{"value": "off"}', b"[" * 5000])
@pytest.mark.parametrize("now", [NOW, replace(NOW, wall_sane=False)])
def test_an_off_is_obeyed_whatever_it_has(payload: bytes, now: Now) -> None:
    assert judged(Received("off", payload, retained=False), now) == Command(action="off", topic=TOPIC)


@pytest.mark.parametrize("payload", [b"off", b" off\n", b'{"value": "off"}'])
def test_an_off_as_a_mode_needs_no_time(payload: bytes) -> None:
    assert judged(Received("mode", payload, retained=False)) == Command(action="off", topic=TOPIC)


@pytest.mark.parametrize(
    ("received", "now", "reason"),
    [
        (message("mode", "on", retained=True), NOW, "retained"),
        (message("off", retained=True), NOW, "retained"),
        (message("mode", "on", retained=True, is_new=True), NOW, "retained"),
        (message("sideways", "off"), NOW, "malformed"),
        (Received("x" * 60_000, b"off", retained=False), NOW, "malformed"),
        (message("mode", "on", None), NOW, "no_time"),
        (Received("start", b"{}", retained=False), NOW, "no_time"),
        (message("mode", "on", WALL - 30.1), NOW, "late"),
        (message("mode", "automatic", WALL - 3600), NOW, "late"),
        (message("reset_lockout", "PRESS", WALL - 31), NOW, "late"),
        (message("mode", "on", WALL + 31), NOW, "future"),
        (message("mode", "on"), replace(NOW, wall_sane=False), "clock"),
        (message("mode", "sideways"), NOW, "malformed"),
        (message("mode", 1), NOW, "malformed"),
        (message("anything"), NOW, "malformed"),
        (message("reset_inhibit"), NOW, "malformed"),
        (Received("mode", b"on", retained=False), NOW, "malformed"),
        (Received("mode", b'{"value": "on", "at": "now"}', retained=False), NOW, "malformed"),
        (Received("mode", b" " * 2000 + b"{}", retained=False), NOW, "malformed"),
        (message("minutes", 241), NOW, "refused"),
        (message("minutes", 0), NOW, "refused"),
        (message("minutes", "30"), NOW, "malformed"),
    ],
)
def test_what_is_ignored(received: Received, now: Now, reason: str) -> None:
    assert judged(received, now) == reason


def test_a_replayed_command_is_ignored_and_a_second_one_waits_a_second() -> None:
    judge = new_judge()
    assert isinstance(judged(message("mode", "on"), judge=judge), Command)
    assert judged(message("mode", "automatic", WALL + 0.5), replace(NOW, monotonic=1000.9), judge) == "rate"
    later = replace(NOW, monotonic=1001.1, wall=WALL + 1.1)
    assert judged(message("mode", "on"), later, judge) == "replayed"
    assert isinstance(judged(message("mode", "automatic", WALL + 1), later, judge), Command)
    assert isinstance(judged(message("off"), later, judge), Command), "an off needs no pause"


def test_what_was_sent_before_the_start_is_a_replay() -> None:
    judge = Acceptance(began=NOW.monotonic - 10)
    assert judged(message("mode", "on", WALL - 11), judge=judge) == "replayed"
    assert judged(message("mode", "on", WALL - 11), replace(NOW, wall_sane=False), judge) == "clock"
    assert isinstance(judged(message("mode", "off", WALL - 11), judge=judge), Command)
    assert isinstance(judged(message("mode", "on", WALL - 9), judge=judge), Command)


def test_the_length_of_the_next_run() -> None:
    judge = new_judge()
    assert judge.length(3600.0) == 60.0
    assert judged(message("minutes", 30), judge=judge) is None
    later = replace(NOW, monotonic=1002.0)
    assert judged(message("start", at=WALL + 1), later, judge) == Command(action="on", seconds=1800.0, topic=TOPIC)
    assert judge.length(600.0) == 10.0, "the limit has been lowered since"


@given(payload=st.binary(max_size=200), name=st.sampled_from(["mode", "start", "minutes", "reset_lockout", "", "a/b"]))
def test_no_payload_starts_anything_without_a_time(payload: bytes, name: str) -> None:
    result = judged(Received(name, payload, retained=False))
    assert result in REASONS or (isinstance(result, Command) and result.action == "off")


class Turns:
    """A queue, and what its turns have taken."""

    def __init__(self) -> None:
        self.queue = InputQueue()
        self.counts = Counts("x", REASONS)
        self.now = replace(NOW, monotonic=NOW.monotonic - 60, wall=NOW.wall - 60)
        self.commands = Commands(self.queue, lambda: self.now, self.counts, "magnum/actuator/command")
        self.now = NOW

    async def take(self) -> list[str]:
        await asyncio.sleep(0.01)
        inputs, _ = self.queue.take(Inputs(settings=Settings()))
        return [command.action for command in inputs.commands]

    def send(self, name: str, *arguments: Any) -> None:  # noqa: ANN401 - as message takes them
        self.commands.receive(message(name, *arguments))


async def test_an_off_after_an_on_comes_after_it() -> None:
    turns = Turns()
    turns.send("mode", "on")
    turns.send("off")
    assert await turns.take() == ["on", "off"]


async def test_a_flood_of_offs_while_it_is_off_is_two_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_commands, "PAUSE", 0.5)
    turns = Turns()
    turns.now = replace(NOW, is_off=True)
    for _ in range(1_000):
        turns.send("off")
    assert await turns.take() == ["off"]
    assert turns.counts.ignored["rate"] == 998
    await asyncio.sleep(0.6)
    assert await turns.take() == ["off"]
    await asyncio.sleep(0.6)
    assert await turns.take() == []


async def test_while_not_off_each_off_is_sent_at_once_and_a_flood_bounded() -> None:
    turns = Turns()
    for _ in range(3):
        turns.send("off")
        assert await turns.take() == ["off"]
    for _ in range(1_000):
        turns.send("off")
    assert set(await turns.take()) == {"off"}
    assert turns.counts.ignored["rate"] >= 900


async def test_an_off_that_waits_is_sent_before_a_later_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_commands, "PAUSE", 0.2)
    turns = Turns()
    turns.now = replace(NOW, is_off=True)
    turns.send("off")
    turns.send("off")  # after an `on` over HTTP that the last turn does not know yet
    turns.send("reset_lockout")
    assert await turns.take() == ["off", "off", "reset_lockout"]
    turns.send("off")
    assert await turns.take() == ["off"], "after another command at once"
    await asyncio.sleep(0.3)
    assert await turns.take() == []


async def test_a_command_that_no_turn_has_taken_is_counted_as_refused() -> None:
    turns = Turns()
    turns.send("mode", "on")
    await asyncio.sleep(0)
    turns.queue.dismiss()
    await asyncio.sleep(0.01)
    assert (turns.counts.ignored["refused"], turns.counts.obeyed) == (1, 0)


async def test_ignored_commands_are_counted_by_reason() -> None:
    turns = Turns()
    turns.send("mode", "on", None)
    turns.send("mode", "on", WALL - 60)
    turns.send("mode", "on", WALL - 60)
    assert await turns.take() == []
    assert {reason: count for reason, count in turns.counts.ignored.items() if count} == {"no_time": 1, "late": 2}
