"""The GPIO contact against a fake of libgpiod's chip that keeps lines as the kernel does; tests/vm uses a real one."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Self, cast

import gpiod
import pytest
from gpiod.line import Direction, Value

from actuator.config import relay_only
from actuator.relay import GpioRelay, RelayError, RelayHeldError, libgpiod
from actuator.relay.discover import gpio_chips
from actuator.relay.gpio import Gpio
from actuator.relay.release import CONFIRMED, FAILED, release
from toolkit.config import ConfigError, decode

if TYPE_CHECKING:
    from gpiod import ChipInfo, LineInfo, LineSettings

    from actuator.relay.libgpiod import LineConfig

CHIP = "/dev/gpiochip0"


class FakeLine:
    """Synthetic: one line, whose level stays when it is given back, as a Raspberry Pi's does."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.consumer = ""
        self.level = 0
        self.levels: list[int] = []
        self.shorted: int | None = None

    def drive(self, level: int) -> None:
        self.level = level
        self.levels.append(level)


class FakeGpio:
    """Synthetic: the kernel with one chip."""

    def __init__(self) -> None:
        self.lines = {offset: FakeLine(f"GPIO{offset}") for offset in range(28)}
        self.plugged = True
        self.opened = 0
        self.times_unplugged = 0

    def unplug(self) -> None:
        self.plugged = False
        self.times_unplugged += 1
        for line in self.lines.values():
            line.consumer, line.level = "", 0

    def open(self, path: str) -> FakeChip:
        if path != CHIP or not self.plugged:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.opened += 1
        return FakeChip(self)


class FakeChip:
    def __init__(self, kernel: FakeGpio) -> None:
        self._kernel = kernel

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self._kernel.opened -= 1

    def get_info(self) -> ChipInfo:
        return cast("ChipInfo", SimpleNamespace(label="pinctrl-bcm2711", num_lines=len(self._kernel.lines)))

    def get_line_info(self, line: int | str) -> LineInfo:
        return cast("LineInfo", SimpleNamespace(consumer=self._line(line).consumer))

    def request_lines(self, config: LineConfig, consumer: str | None) -> FakeRequest:
        ((asked, settings),) = config.items()
        assert settings is not None
        assert isinstance(asked, int | str)
        assert consumer is not None
        assert len(consumer) <= 31, "the kernel cuts it there"
        line = self._line(asked)
        if line.consumer:
            raise OSError(errno.EBUSY, "Device or resource busy")
        line.consumer = consumer
        if settings.direction is not Direction.AS_IS:
            assert settings.direction is Direction.OUTPUT
            line.drive(_level(settings.output_value, settings))
        return FakeRequest(self._kernel, asked, line, settings)

    def _line(self, asked: int | str) -> FakeLine:
        for offset, line in self._kernel.lines.items():
            if asked in (offset, line.name):
                return line
        if isinstance(asked, int):
            raise ValueError("line offset of out range")  # noqa: TRY004 - as libgpiod does
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


class FakeRequest:
    def __init__(self, kernel: FakeGpio, asked: int | str, line: FakeLine, settings: LineSettings) -> None:
        self._kernel, self._asked, self._line, self._settings = kernel, asked, line, settings
        self._times_unplugged = kernel.times_unplugged

    def set_value(self, line: int | str, value: Value) -> None:
        self._check(line)
        self._line.drive(_level(value, self._settings))

    def get_value(self, line: int | str) -> Value:
        self._check(line)
        level = self._line.level if self._line.shorted is None else self._line.shorted
        return Value.ACTIVE if bool(level) is not self._settings.active_low else Value.INACTIVE

    def release(self) -> None:
        if self._kernel.times_unplugged == self._times_unplugged:
            self._line.consumer = ""

    def _check(self, line: int | str) -> None:
        assert line == self._asked
        if self._kernel.times_unplugged > self._times_unplugged:
            raise OSError(errno.ENODEV, "No such device")
        assert self._line.consumer, "used after it was let go"


def _level(value: Value, settings: LineSettings) -> int:
    return int((value is Value.ACTIVE) is not settings.active_low)


@pytest.fixture
def kernel() -> FakeGpio:
    return FakeGpio()


def contact_on(kernel: FakeGpio, line: int | str = 17, *, active_low: bool = False, exclusive: bool = False) -> Gpio:
    return Gpio(GpioRelay(chip=CHIP, line=line, active_low=active_low), exclusive=exclusive, open_chip=kernel.open)


@pytest.mark.parametrize(("active_low", "levels"), [(False, [0, 0, 1, 0]), (True, [1, 1, 0, 1])])
def test_closes_opens_and_reads_back(kernel: FakeGpio, levels: list[int], *, active_low: bool) -> None:
    contact = contact_on(kernel, active_low=active_low)
    assert contact.can_read_back
    assert contact.lease is None
    contact.open_contact()
    assert contact.read_back() is False
    contact.close_contact()
    assert contact.read_back() is True
    contact.renew()
    contact.open_contact()
    assert contact.read_back() is False
    assert kernel.lines[17].levels == levels
    assert all(not line.levels for offset, line in kernel.lines.items() if offset != 17)
    contact.dispose()
    assert not kernel.lines[17].consumer
    assert kernel.opened == 0, "the chip itself is not kept open"


@pytest.mark.parametrize("active_low", [False, True])
def test_first_reading_moves_nothing(kernel: FakeGpio, *, active_low: bool) -> None:
    line = kernel.lines[17]
    line.level = int(not active_low)
    contact = contact_on(kernel, active_low=active_low)
    assert contact.read_back() is True
    assert line.levels == []
    assert not line.consumer, "nothing is held that is not driven"
    assert contact.read_back() is False, "from then on it is ours, and begins open"
    assert line.levels == [int(active_low)]
    contact.dispose()


def test_active_low_is_off_by_default() -> None:
    assert GpioRelay(chip=CHIP, line=17).active_low is False


def test_line_by_name(kernel: FakeGpio) -> None:
    contact = contact_on(kernel, "GPIO5")
    contact.close_contact()
    assert kernel.lines[5].levels == [0, 1]
    contact.dispose()


def test_pin_that_does_not_follow(kernel: FakeGpio) -> None:
    contact = contact_on(kernel)
    kernel.lines[17].shorted = 1
    contact.open_contact()
    assert contact.read_back() is True
    contact.dispose()


def test_line_is_kept_between_commands_under_our_name(kernel: FakeGpio) -> None:
    contact = contact_on(kernel)
    contact.open_contact()
    assert kernel.lines[17].consumer == f"generator-actuator {os.getpid()}"
    contact.disconnect()
    assert not kernel.lines[17].consumer
    contact.close_contact()
    assert kernel.lines[17].levels == [0, 0, 0, 1], "asked for anew it begins open"
    contact.dispose()


def test_unplugged_chip_is_found_again_open(kernel: FakeGpio) -> None:
    contact = contact_on(kernel)
    contact.close_contact()
    kernel.unplug()
    with pytest.raises(RelayError, match=f"GPIO line 17 of {CHIP} cannot be read: .*No such device"):
        contact.read_back()
    with pytest.raises(RelayError, match=f"{CHIP} cannot be opened: .*No such file"):
        contact.open_contact()
    kernel.plugged = True
    assert contact.read_back() is False
    assert kernel.lines[17].consumer, "driven, not only read"
    contact.close_contact()
    kernel.unplug()
    with pytest.raises(RelayError, match=r"cannot be set: .*No such device"):
        contact.open_contact()
    kernel.plugged = True
    contact.open_contact()
    contact.dispose()
    assert kernel.opened == 0


@pytest.mark.parametrize(
    ("consumer", "text"),
    [
        (
            "generator-actuator 4711",
            r"generator-actuator \(process 4711\).*generator-actuator mode off.*stop that service",
        ),
        ("gpioset", r'is held by "gpioset": stop that first, or choose another line'),
        ("spi0 CS0", r'is held by "spi0 CS0"'),
    ],
)
def test_line_held_by_another_is_not_moved(kernel: FakeGpio, consumer: str, text: str) -> None:
    line = kernel.lines[17]
    line.consumer, line.level = consumer, 1
    contact = contact_on(kernel)
    for order in (contact.open_contact, contact.close_contact, contact.read_back):
        with pytest.raises(RelayHeldError, match=text):
            order()
    assert (line.level, line.levels, line.consumer) == (1, [], consumer)
    contact.dispose()
    assert line.consumer == consumer


def test_line_held_by_this_process(kernel: FakeGpio) -> None:
    kernel.lines[17].consumer = f"generator-actuator {os.getpid()}"
    with pytest.raises(RelayError, match="an earlier command of this process") as refused:
        contact_on(kernel).open_contact()
    assert not isinstance(refused.value, RelayHeldError)


def test_lock_lasts_while_the_line_is_not_requested(kernel: FakeGpio) -> None:
    contact = contact_on(kernel, exclusive=True)
    contact.open_contact()
    contact.disconnect()
    script = f"""
from actuator.relay.lock import Lock
Lock().acquire("gpio {os.path.realpath(CHIP)} line 17")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    assert f"held by another controller (process {os.getpid()})" in done.stderr
    contact.dispose()
    assert subprocess.run([sys.executable, "-c", script], timeout=20, check=False).returncode == 0


def test_wrong_lines_are_explained(kernel: FakeGpio) -> None:
    with pytest.raises(RelayError, match="the chip has lines 0 to 27"):
        contact_on(kernel, 28).open_contact()
    with pytest.raises(RelayError, match="the chip has no line of that name"):
        contact_on(kernel, "GPIO99").open_contact()


def test_real_module_refuses_what_is_no_chip(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, text in (
        ("/dev/null", "/dev/null is not a GPIO chip"),
        (f"{tmp_path}/file", "file is not a GPIO chip"),
        (f"{tmp_path}/none", "none cannot be opened: .*No such file"),
    ):
        with pytest.raises(RelayError, match=text):
            Gpio(GpioRelay(chip=path, line=1), exclusive=False).open_contact()


async def test_release_opens_after_a_dead_holder(kernel: FakeGpio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libgpiod, "load", lambda: kernel.open)
    monkeypatch.setattr("actuator.relay.opening.SECONDS", 0.3)
    config = GpioRelay(chip=CHIP, line=17)
    line = kernel.lines[17]
    line.level, line.consumer = 1, "generator-actuator 4711"
    status, sentence = await release(config)
    assert status == FAILED == 1
    assert "NOT opened: GPIO line 17 of /dev/gpiochip0 is held by generator-actuator (process 4711)" in sentence
    assert line.level == 1
    line.consumer = ""
    status, sentence = await release(config)
    assert status == CONFIRMED == 0
    assert sentence == f"GPIO line 17 of {CHIP} (its pin is read back, not its contact): confirmed open."
    assert line.level == 0


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"chip": "gpiochip0", "line": 17}, '"gpiochip0", expected a path such as /dev/gpiochip0'),
        ({"chip": CHIP, "line": -1}, "line"),
        ({"chip": CHIP, "line": 1.5}, "line"),
        ({"chip": CHIP, "line": True}, "line"),
        ({"chip": CHIP, "line": ""}, "line"),
        ({"chip": CHIP}, "line"),
        ({"chip": CHIP, "line": 17, "active_low": 1}, "active_low"),
    ],
)
def test_wrong_configuration_is_refused(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        decode({"type": "gpio", **document}, GpioRelay)


@pytest.mark.parametrize("found", [None, ModuleType("gpiod")])
def test_missing_or_old_package_is_refused_at_load(found: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", found)
    with pytest.raises(ConfigError, match="expected it for a relay of type gpio: deploy/install gpio"):
        decode({"type": "gpio", "chip": CHIP, "line": 17}, GpioRelay)


def test_relay_of_a_file_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text(f"relay: {{type: gpio, chip: {CHIP}, line: 17, active_low: true}}\nstart_soc: nonsense\n")
    assert relay_only(file) == GpioRelay(chip=CHIP, line=17, active_low=True)


def test_chips_are_listed_and_not_touched(kernel: FakeGpio, tmp_path: Path) -> None:
    assert list(gpio_chips(tmp_path)) == []
    (tmp_path / "gpiochip0").touch()
    found = list(gpio_chips(tmp_path, lambda _: kernel.open(CHIP)))
    assert found == [
        (
            f"GPIO chip {tmp_path}/gpiochip0: pinctrl-bcm2711, lines 0 to 27; their wiring cannot be detected\n"
            f"    relay: {{type: gpio, chip: {tmp_path}/gpiochip0, line: LINE}}"
        )
    ]
    assert all(not line.levels for line in kernel.lines.values())
    (text,) = gpio_chips(tmp_path)
    assert text.startswith(f"GPIO chip {tmp_path}/gpiochip0: "), "one that cannot be opened is said, not left out"


def test_real_module_has_what_is_used() -> None:
    assert {"get_info", "get_line_info", "request_lines", "__enter__"} <= set(dir(gpiod.Chip))
    assert {"set_value", "get_value", "release"} <= set(dir(gpiod.LineRequest))
