"""A kind of relay that is added by the guide in `actuator.relay`: one file, and one line in `AnyRelay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from actuator.relay import AnyRelay, Relay, RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from actuator.relay.release import CONFIRMED, FAILED, release
from tests.actuator.harness.other_controller import other_controller
from toolkit.config import ConfigError, decode

# --- the new file: a board whose contacts are letters in a file, c for closed and o for open


class FileRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="file"):
    """Synthetic: a contact in a file."""

    path: str
    channel: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0

    def __post_init__(self) -> None:
        """Refuse a path of nothing."""
        if not self.path:
            raise ConfigError("path", "nothing", "a path such as /dev/contacts")

    def make_relay(self, *, exclusive: bool = True) -> FileBoard:
        """See RelayConfig."""
        return FileBoard(self, exclusive=exclusive)


class FileBoard(Relay):
    """Synthetic: the contact of one channel."""

    def __init__(self, config: FileRelay, *, exclusive: bool) -> None:
        super().__init__(exclusive=exclusive)
        self.description = f"channel {config.channel} of {config.path}"
        self._config = config
        self._device: Path | None = None

    def open_contact(self) -> None:
        self._write("o")

    def close_contact(self) -> None:
        self._write("c")

    def read_back(self) -> bool | None:
        return self._read()[self._config.channel] == "c"

    def disconnect(self) -> None:
        self._device = None

    def _write(self, letter: str) -> None:
        contacts = self._read()
        channel = self._config.channel
        self._connected().write_text(contacts[:channel] + letter + contacts[channel + 1 :])

    def _read(self) -> str:
        try:
            return self._connected().read_text()
        except OSError as error:
            self.disconnect()
            raise RelayError(f"{self._config.path} cannot be read: {error}") from error

    def _connected(self) -> Path:
        if self._device is None:
            self._lock.acquire(f"file {self._config.path} channel {self._config.channel}")
            self._device = Path(self._config.path)
        return self._device


# --- the one line

EveryRelay = AnyRelay | FileRelay


class Contacts:
    """The board's contacts, all closed at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> str:
        return self.path.read_text()

    def plug(self) -> None:
        self.path.write_text("cccc")

    def unplug(self) -> None:
        self.path.unlink()


@pytest.fixture
def board(tmp_path: Path) -> Contacts:
    return Contacts(tmp_path / "contacts")


def decoded(document: object) -> RelayConfig:
    union: Any = EveryRelay
    config: RelayConfig = decode(document, union)
    return config


def configured(board: Contacts, **more: object) -> RelayConfig:
    return decoded({"type": "file", "path": str(board), "channel": 2, **more})


async def test_configured_driven_and_opened(board: Contacts) -> None:
    config = configured(board)
    relay = AsyncRelay(config.make_relay)
    opening = Opening(relay)
    assert await opening.attempt()
    assert (board.read(), opening.confirmed) == ("ccoc", True)
    await relay.close_contact()
    assert await relay.read_back() is True
    assert await Opening(relay).repeat()
    assert await relay.read_back() is False
    board.unplug()
    with pytest.raises(RelayError, match=r"contacts cannot be read: .*No such file"):
        await relay.open_contact()
    board.plug()
    assert await Opening(relay).attempt(), "found again"
    await relay.dispose()


async def test_release_opens_the_contact_or_reports_why_it_did_not(board: Contacts) -> None:
    assert await release(configured(board)) == (CONFIRMED, f"channel 2 of {board}: confirmed open.")
    board.unplug()
    status, sentence = await release(configured(board))
    assert status == FAILED
    assert sentence.startswith(f"channel 2 of {board}: NOT opened: {board} cannot be read: ")


def test_copy_of_its_configuration(board: Contacts) -> None:
    config = configured(board)
    document: object = msgspec.json.decode(msgspec.json.encode(config.plain()))
    assert document == {"type": "file", "path": str(board), "channel": 2}
    assert decoded(document) == config
    assert config.contact() == config


def test_wrong_configuration_is_refused(board: Contacts) -> None:
    with pytest.raises(ConfigError, match=r"^channel: .* 9 .*, expected a whole number from 0 to 3"):
        configured(board, channel=9)
    with pytest.raises(ConfigError, match=r"^path: .*nothing, expected a path such as"):
        configured(board, path="")


def test_second_controller_is_refused(board: Contacts) -> None:
    relay = configured(board).make_relay()
    with other_controller(__name__, "FileRelay", path=str(board), channel=2) as other:
        with pytest.raises(RelayHeldError, match=f"held by another controller \\(process {other}\\)"):
            relay.open_contact()
        assert board.read()[2] == "c", "a refused controller moves nothing"
    relay.open_contact()
    assert board.read()[2] == "o"
    relay.dispose()
