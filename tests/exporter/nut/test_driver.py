"""The socket for upsd, on a real folder: who may open it, what is sent, and what closes it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.nut import driver
from exporter.nut.config import NutConfig
from exporter.nut.driver import Driver
from exporter.readings import Attempts, Charge, Reading
from exporter.site import Device, Site
from exporter.soc import Judge
from exporter.sources.magnum.source import MagnumSource
from toolkit.build import Build

DEADLINE = 10.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.02)


async def until(predicate: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not predicate():  # noqa: ASYNC110 - the file system has no events
            await asyncio.sleep(0.01)


class Cabin:
    """A driver in a folder, and the site that it shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "magnum-exporter-cabin"
        self.site = Site(Judge(["main"]), None)
        self.site.devices["main"] = Device(MagnumSource.family, 10)

    def receive(self, ratio: float, amperes: float) -> None:
        at = asyncio.get_running_loop().time()
        self.site.take("main", [Reading("bmk", at, at, 10, (), charge=Charge(ratio, amperes))], Attempts())

    @property
    def is_listening(self) -> bool:
        return self.socket.exists() and stat.S_IMODE(self.socket.stat().st_mode) == driver.MODE

    @asynccontextmanager
    async def driven(self) -> AsyncIterator[asyncio.Task[None]]:
        options = NutConfig(ups="cabin", socket_folder=self.folder)
        task = asyncio.create_task(Driver(options, lambda: self.site, Build("1")).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await until(lambda: self.is_listening)
        return await asyncio.open_unix_connection(self.socket)


async def lines_until(reader: asyncio.StreamReader, last: str) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while last not in found:
            line = await reader.readline()
            assert line, f"closed after {found}"
            found.append(line.decode().rstrip("\n"))
    return found


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(DEADLINE):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def cabin(tmp_path: Path) -> Cabin:
    return Cabin(tmp_path)


async def test_a_dump_and_every_change_after_it(cabin: Cabin) -> None:
    async with cabin.driven():
        reader, writer = await cabin.connect()
        writer.write(b"DUMPALL\n")
        assert (await lines_until(reader, "DUMPDONE"))[0] == "DATASTALE"
        cabin.receive(0.5, -8)
        received = await lines_until(reader, "DATAOK")
        assert 'SETINFO ups.status "OL DISCHRG"' in received
        assert 'SETINFO battery.charge "50"' in received
        cabin.receive(0.5, 8)
        assert await lines_until(reader, 'SETINFO ups.status "OL CHRG"') == [
            'SETINFO battery.current "8"',
            'SETINFO ups.status "OL CHRG"',
        ]
        writer.write(b"PING\nGETPID\n")
        assert await lines_until(reader, f"PID {os.getpid()}") == ["PONG", f"PID {os.getpid()}"]
        writer.write(b"INSTCMD shutdown.return\nSET battery.charge.low 99\nPING\n")
        assert await lines_until(reader, "PONG") == ["PONG"]
        writer.close()


async def test_a_connection_that_declines_changes_gets_none(cabin: Cabin) -> None:
    async with cabin.driven():
        quiet, to_quiet = await cabin.connect()
        other, to_other = await cabin.connect()
        to_quiet.write(b"NOBROADCAST\nPING\n")
        await lines_until(quiet, "PONG")
        to_other.write(b"PING\n")
        await lines_until(other, "PONG")
        cabin.receive(0.5, -8)
        await lines_until(other, "DATAOK")
        to_quiet.write(b"PING\n")
        assert await lines_until(quiet, "PONG") == ["PONG"]
        to_quiet.close()
        to_other.close()


async def test_a_folder_that_comes_later_and_a_socket_that_goes(cabin: Cabin, tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "nut")
    async with cabin.driven():
        await asyncio.sleep(0)
        cabin.folder.mkdir(mode=0o770)
        os.chown(cabin.folder, -1, _another_group())
        await until(lambda: cabin.is_listening)
        assert cabin.socket.stat().st_gid == cabin.folder.stat().st_gid
        reader, writer = await cabin.connect()
        cabin.socket.unlink()
        assert await is_closed(reader)
        writer.close()
        reader, writer = await cabin.connect()
        writer.write(b"PING\n")
        await lines_until(reader, "PONG")
        writer.close()
    assert not cabin.socket.exists()


def _another_group() -> int:
    groups = [group for group in os.getgroups() if group != os.getgid()]
    return 1 if os.geteuid() == 0 else next(iter(groups), os.getgid())


async def test_a_dead_socket_is_replaced(cabin: Cabin) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(cabin.socket))
    async with cabin.driven():
        reader, writer = await cabin.connect()
        writer.write(b"PING\n")
        assert await lines_until(reader, "PONG") == ["PONG"]
        writer.close()


async def test_a_socket_on_which_another_answers_is_kept(cabin: Cabin) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(cabin.socket))
        other.listen()
        mine = cabin.socket.stat().st_ino
        async with cabin.driven():
            await until(lambda: _pending(other))
            assert cabin.socket.stat().st_ino == mine
            cabin.socket.unlink()
            other.close()
            await until(lambda: cabin.is_listening)


def _pending(server: socket.socket) -> bool:
    server.setblocking(False)
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def test_a_file_that_is_no_socket_is_kept(cabin: Cabin) -> None:
    cabin.socket.write_text("mine")
    with pytest.raises(OSError, match="not a socket"):
        driver._remove_dead(cabin.socket)
    assert cabin.socket.read_text() == "mine"


@pytest.mark.parametrize("sent", [b"x" * (driver.LONGEST_LINE + 1), b"DUMPALL\n" * 2000])
async def test_a_connection_that_sends_no_end_or_reads_nothing_is_closed(cabin: Cabin, sent: bytes) -> None:
    cabin.receive(0.5, -8)
    async with cabin.driven():
        await until(lambda: cabin.is_listening)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(cabin.socket))
            client.setblocking(False)
            loop = asyncio.get_running_loop()

            async def send() -> None:
                while True:
                    await loop.sock_sendall(client, sent)

            async with asyncio.timeout(DEADLINE):
                with pytest.raises((BrokenPipeError, ConnectionResetError)):
                    await send()
        reader, writer = await cabin.connect()
        writer.write(b"PING\n")
        assert await lines_until(reader, "PONG") == ["PONG"]
        writer.close()


async def test_a_defect_closes_the_socket_and_is_tried_again(cabin: Cabin) -> None:
    async with cabin.driven() as task:
        reader, writer = await cabin.connect()
        good = cabin.site
        cabin.site = None  # type: ignore[assignment] # what no site is
        assert await is_closed(reader)
        writer.close()
        cabin.site = good
        reader, writer = await cabin.connect()
        writer.close()
        assert not task.done()


async def test_a_cancelled_driver_ends_although_its_socket_cannot_be_removed(cabin: Cabin, tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "nut")
    cabin.folder.mkdir()
    async with cabin.driven() as task:
        await until(lambda: cabin.is_listening)
        cabin.folder.rename(tmp_path / "gone")
        cabin.folder.write_text("a file: ENOTDIR")
        task.cancel()
        await asyncio.wait({task}, timeout=DEADLINE)
        assert task.cancelled()


async def test_idle_connections_make_room_for_a_new_one(cabin: Cabin) -> None:
    async with cabin.driven():
        opened = [await cabin.connect() for _ in range(driver.MOST_CONNECTIONS)]
        for reader, writer in opened[:1] + opened[2:]:
            writer.write(b"PING\n")
            await lines_until(reader, "PONG")
        late, to_late = await cabin.connect()
        to_late.write(b"PING\n")
        assert await lines_until(late, "PONG") == ["PONG"]
        assert await is_closed(opened[1][0]), "the one that was idle longest"
        for reader, writer in opened[:1] + opened[2:]:
            writer.write(b"PING\n")
            await lines_until(reader, "PONG")
        for _, writer in opened:
            writer.close()
        to_late.close()
