"""A name that one process holds, whichever of its objects asked for it."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NoReturn

import pytest

from actuator.relay import lock as lock_module
from actuator.relay.errors import RelayHeldError
from actuator.relay.lock import Lock
from tests.actuator.harness.foreign_lock import PORTS, USER, address_of, taken_by_a_stranger

TRY = """
import sys
from actuator.relay.lock import Lock
from toolkit import log
log.setup("info", "logfmt")
Lock().acquire(sys.argv[1])
"""


@pytest.fixture
def name() -> str:
    return f"test {uuid.uuid4()}"


IN_A_USER_NAMESPACE = ("unshare", "--user", "--map-root-user")


def acquire(name: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Let another process hold the name and end."""
    command = [*before, sys.executable, "-c", TRY, name]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def free(name: str, *before: str) -> bool:
    """Return whether another process could hold the name."""
    done = acquire(name, *before)
    assert done.returncode == 0 or RelayHeldError.__name__ in done.stderr, done.stderr
    return done.returncode == 0


@contextmanager
def held_by_another(name: str, *before: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the name until the block ends."""
    command = [*before, sys.executable, "-c", f"{TRY}print('held', flush=True)\nsys.stdin.read()", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate(timeout=10)


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


def test_it_stays_held_however_often_others_ask_and_whatever_they_send(name: str) -> None:
    lock = Lock()
    lock.acquire(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(5000):
            sender.sendto(bytes(1000), (address_of(name), PORTS.start))
    assert [free(name) for _ in range(5)] == [False] * 5
    lock.release()


def test_it_ends_with_its_process_however_that_ends(name: str) -> None:
    with held_by_another(name) as process:
        assert not free(name)
        process.kill()
    assert free(name)


FORMS = ["{}", "::ffff:{}", "64:ff9b::{}"]
"""The address, the same for IPv6, and another one that ends alike."""


@pytest.mark.parametrize("form", FORMS[:2])
def test_ports_of_a_stranger_prevent_nothing_and_it_is_named(
    name: str, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    lock = Lock()
    with taken_by_a_stranger(form.format(address_of(name)), ports=3) as stranger:
        lock.acquire(name)
        (record,) = caplog.records
        fields = record.__dict__["fields"]
        assert [free(name) for _ in range(5)] == [False] * 5
    assert record.levelname == "ERROR"
    assert (fields["process"], fields["user"], fields["program"][:6]) == (stranger, USER, "python")
    assert not free(name), "also when the stranger has left its ports"
    lock.release()
    assert free(name)


@pytest.mark.parametrize(("family", "everywhere"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_socket_for_all_addresses_is_no_hold(name: str, family: socket.AddressFamily, everywhere: str) -> None:
    # It would take the port from every other lock of the machine, so it takes one that no other test gets to.
    lock = Lock()
    with taken_by_a_stranger(address_of(name), ports=len(PORTS) - 2), socket.socket(family, socket.SOCK_DGRAM) as own:
        own.bind((everywhere, PORTS[-2]))
        lock.acquire(name)
        assert [free(name) for _ in range(5)] == [False] * 5
    lock.release()


def test_ports_that_prevent_nothing_are_not_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    lock = Lock()
    with taken_by_a_stranger(FORMS[-1].format(address_of(name)), ports=3):
        lock.acquire(name)
    assert not caplog.records
    lock.release()


def test_stranger_that_comes_later_hides_no_hold(name: str) -> None:
    lock = Lock()
    lock.acquire(name)
    with taken_by_a_stranger(FORMS[-1].format(address_of(name)), ports=len(PORTS)):
        assert not free(name)
    lock.release()


def test_stranger_with_every_port_prevents_nothing_and_is_named(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with taken_by_a_stranger(address_of(name), ports=len(PORTS)) as stranger:
        Lock().acquire(name)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "no lock" in caplog.records[0].getMessage()
    fields = caplog.records[1].__dict__["fields"]
    assert (fields["process"], fields["user"], fields["ports"]) == (stranger, USER, len(PORTS))


def test_list_that_is_too_long_to_be_read_prevents_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger with very many sockets would otherwise keep every start from opening."""
    lock = Lock()
    with taken_by_a_stranger(address_of(name)):
        monkeypatch.setattr(lock_module, "_SECONDS", -1.0)
        monkeypatch.setattr(lock_module, "_others", lambda *_: ({}, False))
        lock.acquire(name)
        lock.release()
    (record,) = caplog.records
    assert record.getMessage() == "no lock, going on without it"
    lock.acquire(name)  # nobody has the port; the list may have another controller's
    assert "not read to its end" in caplog.records[1].getMessage()
    lock.release()


def test_what_the_kernel_does_not_show_counts_as_held(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENFILE, "Too many open files in system")

    with taken_by_a_stranger(address_of(name)):
        monkeypatch.setattr("pathlib.Path.open", refuse)
        with pytest.raises(RelayHeldError, match=f"is held: UDP port {PORTS.start} of {address_of(name)} is taken"):
            Lock().acquire(name)
    lock = Lock()
    lock.acquire(name)  # nobody has it
    assert not free(name)
    lock.release()


class TestUserNamespace:
    """As the service's unit has one (PrivateUsers=yes): it shows root, and every other user as 65534."""

    def test_hold_counts_in_both_directions(self, name: str) -> None:
        lock = Lock()
        lock.acquire(name)
        assert not free(name, *IN_A_USER_NAMESPACE)
        lock.release()
        with held_by_another(name, *IN_A_USER_NAMESPACE):
            assert not free(name)
        assert free(name)

    def test_stranger_prevents_nothing_and_the_log_shows_how_to_name_it(self, name: str) -> None:
        with taken_by_a_stranger(address_of(name)) as stranger:
            done = acquire(name, *IN_A_USER_NAMESPACE)
            listed = subprocess.run(
                ["ss", "-uanpe", "src", address_of(name)], capture_output=True, text=True, timeout=30, check=True
            ).stdout
        assert done.returncode == 0, done.stderr
        assert "process=unknown user=unknown program=unknown" in done.stderr
        assert f'remedy="as root: ss -uanpe src {address_of(name)}"' in done.stderr
        assert f"pid={stranger}," in listed
        assert f"uid:{USER}" in listed


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
