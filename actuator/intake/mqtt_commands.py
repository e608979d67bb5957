"""Commands over MQTT: which are obeyed. They use the same queue as those over HTTP.

No broker reports the age of a message, so each command carries the time at which it was sent. An *off* needs no time:
it is always obeyed, unless the broker sends a stored one. With MQTT 5 the broker sends no stored message, so an *off*
with the retain flag is obeyed too.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from actuator.core.commands import manual_seconds
from actuator.core.inputs import Command
from actuator.intake.input_queue import MOST_COMMANDS, FullError, InputQueue
from toolkit import log
from toolkit.homeassistant.discovery import Received
from toolkit.homeassistant.metrics import Counts, Ignored

OLDEST: Final = 30.0
"""Seconds by which the time of a command may be before ours, or after it."""

PAUSE: Final = 1.0
"""Seconds between two commands that are taken."""

REMEMBERED: Final = 256
"""Commands that are recognised when they are sent again; one a second is taken, for OLDEST seconds each."""

LARGEST: Final = 1024
"""Bytes of a payload."""

NAMES: Final = frozenset({"mode", "minutes", "start", "off", "reset_lockout"})
"""Of the topics of commands."""

_log = log.get(__name__)


class _Sent(msgspec.Struct, frozen=True):
    value: str | float | None = None
    at: float | None = None


class _Length(NamedTuple):
    minutes: float


@dataclass(frozen=True, kw_only=True)
class Now:
    """The moment at which a command came.

    Attributes:
        monotonic: seconds.
        wall: Unix time.
        wall_sane: the wall clock is known to be right (see `loop.clock`).
        longest: seconds of the longest run that may be requested.
        is_off: the mode is off, as of the last turn.
    """

    monotonic: float
    wall: float
    wall_sane: bool
    longest: float
    is_off: bool


@dataclass
class Acceptance:
    """Decides on each message. Pure: the time comes with it.

    Attributes:
        began: monotonic seconds. What was sent before may have been obeyed by the program before this one.
        minutes: how long the next run lasts, as it was last set; None: not set.
    """

    began: float
    minutes: float | None = None
    _taken_at: float = -math.inf
    _taken: dict[tuple[str, float], None] = field(default_factory=dict)

    def length(self, longest: float) -> float:
        """Return the minutes of the next run."""
        return manual_seconds(longest) / 60 if self.minutes is None else min(self.minutes, longest / 60)

    def judge(self, received: Received, topic: str, now: Now) -> Command | Ignored | None:
        """Return the command that a message is, or why it is ignored; None: it has set the length of the next run."""
        sent = _read(received.payload)
        is_off = received.command == "off" or received.payload.strip() == b"off" or (sent and sent.value == "off")
        if received.retained and not (is_off and received.is_new):
            return "retained"
        if received.command not in NAMES:
            return "malformed"
        if is_off:
            return Command(action="off", topic=topic)
        if sent is None:
            return "malformed"
        command = self._command(received.command, sent.value, topic, now)
        refused = command if isinstance(command, str) else self._too_late(received.command, sent.at, now)
        return refused or self._take(command, now)

    def _take(self, command: Command | _Length | Ignored, now: Now) -> Command | Ignored | None:
        self._taken_at = now.monotonic
        if isinstance(command, _Length):
            self.minutes = command.minutes
            return None
        return command

    def _command(self, name: str, value: str | float | None, topic: str, now: Now) -> Command | _Length | Ignored:
        seconds = 60 * self.length(now.longest)
        match name, value:
            case "mode", "automatic":
                return Command(action="auto", topic=topic)
            case ("mode", "on") | ("start", _):
                return Command(action="on", seconds=seconds, topic=topic)
            case "reset_lockout", _:
                return Command(action="reset_lockout", topic=topic)
            case "minutes", float() if math.isfinite(value):
                return _Length(value) if 0 < 60 * value <= now.longest else "refused"
            case _:
                return "malformed"

    def _too_late(self, name: str, at: float | None, now: Now) -> Ignored | None:
        if at is None or not math.isfinite(at):
            return "no_time"
        if not now.wall_sane:
            return "clock"
        if abs(now.wall - at) > OLDEST:
            return "late" if at < now.wall else "future"
        if (name, at) in self._taken or at < now.wall - (now.monotonic - self.began):
            return "replayed"
        if now.monotonic - self._taken_at < PAUSE:
            return "rate"
        self._taken[name, at] = None
        while len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]
        return None


def _read(payload: bytes) -> _Sent | None:
    """Return what a payload has; None: it is not understood."""
    if len(payload) > LARGEST:
        return None
    try:
        return msgspec.json.decode(payload, type=_Sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _Waiting(NamedTuple):
    """An `off` that is sent later, and the timer that sends it."""

    command: Command
    timer: asyncio.TimerHandle


class Commands:
    """Takes commands to the queue, in the order in which they came.

    Args:
        queue: of the turn's inputs.
        now: returns the moment.
        counts: of commands.
        base: the topic that commands are below.
    """

    def __init__(self, queue: InputQueue, now: Callable[[], Now], counts: Counts, base: str) -> None:
        self._queue, self._now, self._counts, self._base = queue, now, counts, base
        self._acceptance = Acceptance(began=now().monotonic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._off_at = -math.inf
        self._waiting: _Waiting | None = None

    @property
    def minutes(self) -> float:
        """How long the next run lasts."""
        return self._acceptance.length(self._now().longest)

    def receive(self, received: Received) -> None:
        """Take a message; never waits."""
        topic = f"{self._base}/{received.command}"
        judged = self._acceptance.judge(received, topic, self._now())
        if judged is None:
            self._counts.obeyed += 1
        elif isinstance(judged, str):
            self._ignore(judged, topic)
        elif judged.action == "off":
            self._off(judged)
        else:
            # An `off` that waits came before: it must not be lost, nor undo this command.
            self._send_waiting()
            self._off_at = -math.inf
            self._submit(judged)

    def _ignore(self, reason: Ignored, topic: str) -> None:
        self._counts.ignored[reason] += 1
        _log.limited(reason, "command over MQTT ignored", topic=topic[:100], reason=reason)

    def _off(self, command: Command) -> None:
        """Obey at once. While the mode is off, or in a flood: of several within a second, the first and the last."""
        loop = asyncio.get_running_loop()
        left = self._off_at + PAUSE - loop.time()
        if left <= 0 or (not self._now().is_off and len(self._tasks) < MOST_COMMANDS):
            self._off_at = loop.time()
            self._submit(command)
        elif self._waiting is None:
            self._waiting = _Waiting(command, loop.call_later(left, self._send_waiting))
        else:
            self._ignore("rate", command.topic)

    def _send_waiting(self) -> None:
        """Send the `off` that waits, if there is one."""
        if self._waiting is not None:
            command, timer = self._waiting
            self._waiting = None
            timer.cancel()
            self._off_at = asyncio.get_running_loop().time()
            self._submit(command)

    def _submit(self, command: Command) -> None:
        # Tasks begin in the order in which they are made, so that an `off` is never overtaken by an earlier command.
        task = asyncio.create_task(self._obey(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _obey(self, command: Command) -> None:
        try:
            outcome = await self._queue.command(command)
        except FullError:
            outcome = None
        if outcome is None:
            self._ignore("refused", command.topic)
            return
        self._counts.obeyed += 1
        if not outcome.obeyed:
            _log.warning("command over MQTT taken, but the relay did not obey", topic=command.topic)
