"""A board that hangs does not stall the loop, and is an error like any other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from actuator.relay import RelayError, SimulatedRelay, async_relay
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.simulated import Simulated
from tests.actuator.harness.hanging_relay import Hanging
from toolkit.worker_thread import ExhaustedError


async def test_commands_reach_the_relay() -> None:
    relay = AsyncRelay(SimulatedRelay().make_relay)
    await relay.close_contact()
    assert await relay.read_back() is True
    await relay.open_contact()
    assert await relay.read_back() is False
    await relay.dispose()


async def test_hang_is_an_error_and_gets_a_new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_relay, "DEADLINE", 0.2)
    free = threading.Event()
    made: list[Simulated] = []

    def make() -> Simulated:
        made.append(Hanging(free) if not made else Simulated())
        return made[-1]

    relay = AsyncRelay(make)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    try:
        with pytest.raises(RelayError, match=r"hangs: no answer within 0.2 s"):
            await relay.open_contact()
        assert ticks > 100, "the loop went on"
        monkeypatch.setattr(async_relay, "DEADLINE", 10.0)
        assert await relay.read_back() is False
        assert len(made) == 2
    finally:
        ticking.cancel()
        free.set()
        await relay.dispose()


async def test_hanging_threads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_relay, "DEADLINE", 0.02)
    free = threading.Event()
    relay = AsyncRelay(lambda: Hanging(free))
    before = threading.active_count()
    try:
        for _ in range(5):
            with pytest.raises(RelayError):
                await relay.open_contact()
        for _ in range(7):
            with pytest.raises(ExhaustedError, match=r"simulated contact .* hangs: 5 earlier attempts still hang"):
                await relay.open_contact()
        assert threading.active_count() - before <= 6
    finally:
        free.set()


class Defective(Simulated):
    """Synthetic: a driver that raises what no driver should."""

    def open_contact(self) -> None:
        raise TypeError("no port")

    def disconnect(self) -> None:
        raise ValueError


async def test_any_exception_of_a_driver_is_a_relay_error() -> None:
    relay = AsyncRelay(Defective)
    with pytest.raises(RelayError, match=r"simulated contact .*: TypeError: no port"):
        await relay.open_contact()
    with pytest.raises(RelayError, match=r"simulated contact .*: ValueError"):
        await relay.disconnect()
    await relay.dispose()
