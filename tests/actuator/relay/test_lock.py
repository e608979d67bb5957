"""A name that one process holds, whichever of its objects asked for it."""

from __future__ import annotations

import errno
import subprocess
import sys
import uuid
from types import SimpleNamespace
from typing import NoReturn

import pytest

from actuator.relay import lock as lock_module
from actuator.relay.errors import RelayHeldError
from actuator.relay.lock import Lock
from tests.actuator.harness.foreign_lock import held_by_another_user

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


@pytest.mark.parametrize("listen", [True, False])
def test_lock_of_another_user_prevents_nothing_and_is_named(
    name: str, caplog: pytest.LogCaptureFixture, *, listen: bool
) -> None:
    lock = Lock()
    with held_by_another_user(name, listen=listen) as stranger:
        lock.acquire(name)
        (record,) = caplog.records
        fields = record.__dict__["fields"]
    assert record.levelname == "ERROR"
    if listen:
        assert (fields["process"], fields["user"], fields["program"][:6]) == (stranger, 65534, "python")
    lock.acquire(name)
    assert not free(name), "it is taken once it is free"
    lock.release()


def test_users_that_count_as_controllers(monkeypatch: pytest.MonkeyPatch) -> None:
    service = SimpleNamespace(pw_name="generator-actuator")
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    monkeypatch.setattr("pwd.getpwuid", {4321: service, 7: SimpleNamespace(pw_name="x")}.__getitem__)
    assert [user for user in (0, 7, 8, 1234, 4321) if lock_module._is_controller(user)] == [0, 1234, 4321]


def test_no_lock_to_be_had_prevents_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("socket.socket", refuse)
    Lock().acquire(name)
