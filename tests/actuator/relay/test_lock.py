"""A name that one process holds, whichever of its objects asked for it."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest

from actuator.relay.errors import RelayHeldError
from actuator.relay.lock import Lock

TRY = """
import sys
from actuator.relay.lock import Lock
Lock().acquire(sys.argv[1])
"""


@pytest.fixture
def name() -> str:
    return f"test {uuid.uuid4()}"


def free(name: str) -> bool:
    """Return whether another process could hold the name."""
    done = subprocess.run([sys.executable, "-c", TRY, name], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 or RelayHeldError.__name__ in done.stderr, done.stderr
    return done.returncode == 0


def test_held_until_released(name: str) -> None:
    lock = Lock()
    lock.acquire(name)
    lock.acquire(name)
    assert not free(name)
    lock.release()
    assert free(name)
    lock.release()
    assert lock.names == ()


def test_new_names_replace_old_ones(name: str) -> None:
    first, second, third = f"{name} first", f"{name} second", f"{name} third"
    lock = Lock()
    lock.acquire(first, second)
    lock.acquire(first, third)
    assert [free(name) for name in (first, second, third)] == [False, True, False]
    lock.release()
    assert all(map(free, (first, second, third)))


def test_second_lock_of_this_process_gets_the_name(name: str) -> None:
    Lock().acquire(name)
    second = Lock()
    second.acquire(name)
    assert not free(name)
    second.release()
    assert free(name)


def test_not_exclusive_holds_nothing(name: str) -> None:
    lock = Lock(exclusive=False)
    lock.acquire(name)
    assert (lock.names, free(name)) == ((), True)


def test_long_name(name: str) -> None:
    lock = Lock()
    lock.acquire(name * 10)
    assert not free(name * 10)
    lock.release()
