"""Basic authentication against bcrypt hashes, without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import dataclasses
import hmac
import ipaddress
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from aiohttp import web

from toolkit.tasks import finish
from toolkit.worker_thread import DeadlineError, Worker

REMEMBERED = 100
"""Credentials that have matched and need no further check."""

QUEUE = 256
"""Waiting checks; beyond this the address with the most of them loses one of them, chosen by chance."""

ADDRESSES = 1024
"""Addresses whose last failure is remembered."""

SLOWDOWN = 4
"""A failure is answered after this many times the work of all checks of its address that wait, or have failed and are
not answered."""

LONGEST_SLOWDOWN = 60.0
"""Seconds."""

CHECK_SECONDS = 60.0
"""For one check; bcrypt at cost 16 takes four on a good computer."""

_SALT = b"." * 22


class Passwords:
    """Checks user names and passwords.

    bcrypt takes a good part of a second on a small computer. So it runs in its own thread, and credentials that matched
    are remembered as a digest with a key of this process. Every check takes as long as one at the highest cost of all
    users, so the time does not reveal which users exist.

    Clients that fail do not keep a right password waiting. `_Turns` lets a newcomer in soon. A failure is answered
    late: clients of one address that ask again after each answer use a quarter of the thread's time, however many they
    are. A client that leaves is forgotten at once, or when the check of its password that runs has ended, and is not
    held: nobody waits for that answer. An order (see `orders`) is checked although its client has left.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._matched: dict[bytes, None] = {}
        self._turns = _Turns()
        self._held: Counter[str] = Counter()
        self._seconds = 0.1
        self._ended = asyncio.Event()

    async def match(
        self,
        users: Mapping[str, bytes],
        authorization: str | None,
        remote: str | None = None,
        connected: Callable[[], bool] = lambda: True,
        failed: Callable[[], None] = lambda: None,
        *,
        leaves: bool = True,
    ) -> str | None:
        """Return the user whose name and password an Authorization header has; None if it has no valid ones.

        Args:
            users: bcrypt hash of each user's password, at least one.
            authorization: the header's value, None when there is none.
            remote: the address that it came from.
            connected: whether somebody still waits for the answer.
            failed: called once if the header is wrong, also when nobody waits for the answer any more.
            leaves: the check is not made when nobody waits for the answer any more.

        Raises:
            HTTPServiceUnavailable: too many checks are waiting, or the server ends.
        """
        credentials = _credentials(authorization or "")
        if credentials is None:
            if authorization is not None:
                failed()
            return None
        user, password = credentials
        costliest = max(users.values(), key=cost)
        known = user in users
        written = users.get(user, costliest)
        digest = hmac.digest(self._key, written + user.encode() + b":" + password, "sha256")
        if known and digest in self._matched:
            return user
        try:
            async with self._turns.turn(remote or "", connected if leaves else lambda: True):
                if known and digest in self._matched:
                    return user

                async def check() -> bool:
                    matches = await self._check(partial(_matches, password, written, cost(costliest))) and known
                    if matches:
                        self._remember(digest)
                    else:
                        self._turns.failed(remote or "")
                        failed()
                    return matches

                # Also if the client leaves: the turn is passed on when the thread is free.
                matches = await finish(check())
        except _DroppedError:
            text = "Too many passwords are being checked; try again in a second."
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "1"}) from None
        if not matches:
            if connected():
                await self._hold(remote or "")
            return None
        return user

    def end(self) -> None:
        """Answer everybody who waits: the server ends."""
        self._ended.set()
        self._turns.end()

    async def _check(self, work: Callable[[], bool]) -> bool:
        # A thread for each check: the end of the program waits for none of them.
        worker, began = Worker("bcrypt"), time.monotonic()
        try:
            return await worker.do(work, CHECK_SECONDS)
        except DeadlineError:
            raise _DroppedError from None
        finally:
            worker.stop()
            self._seconds = time.monotonic() - began

    def _remember(self, digest: bytes) -> None:
        self._matched[digest] = None
        if len(self._matched) > REMEMBERED:
            del self._matched[next(iter(self._matched))]

    async def _hold(self, remote: str) -> None:
        """Wait before a failure is answered: an address that fails again and again is slowed in proportion to that."""
        address, _ = origin(remote)
        self._held[address] += 1
        seconds = SLOWDOWN * self._seconds * (self._held[address] + self._turns.waiting(address))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, LONGEST_SLOWDOWN)):
                    await self._ended.wait()
        finally:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]


class _DroppedError(Exception):
    """The check was not made."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiter:
    address: str
    own: bool
    connected: Callable[[], bool]
    turn: asyncio.Future[None]


class _Turns:
    """Lets in one caller at a time.

    Clients of this machine and others alternate, so neither can lock out the other. Of each, the address comes first
    that has never failed, then the one whose last failure is the longest ago. Of those that are equal, the newest and
    the oldest take turns, so that neither a crowd that waits nor one that keeps coming shuts others out.
    """

    def __init__(self) -> None:
        self._taken = False
        self._number = 0
        self._waiting: list[_Waiter] = []
        self._failed: dict[str, int] = {}

    def waiting(self, address: str) -> int:
        """Return how many of an address wait."""
        return sum(waiter.address == address for waiter in self._waiting)

    @contextlib.asynccontextmanager
    async def turn(self, remote: str, connected: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for a turn and hold it within the context.

        Raises:
            _DroppedError: too many are waiting, the client is gone, or the server ends.
        """
        if self._taken:
            await self._wait(remote, connected)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    def failed(self, remote: str) -> None:
        """Let the others go before this address."""
        address, _ = origin(remote)
        self._failed.pop(address, None)
        self._failed[address] = self._number
        if len(self._failed) > ADDRESSES:
            del self._failed[next(iter(self._failed))]

    def end(self) -> None:
        """Let everybody go."""
        for waiter in tuple(self._waiting):
            self._drop(waiter)

    async def _wait(self, remote: str, connected: Callable[[], bool]) -> None:
        address, own = origin(remote)
        waiter = _Waiter(address, own, connected, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        if len(self._waiting) > QUEUE:
            crowd = Counter(waiting.address for waiting in self._waiting).most_common(1)[0][0]
            self._drop(secrets.choice([waiting for waiting in self._waiting if waiting.address == crowd]))
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._pass_on()
            raise

    def _drop(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        if not waiter.turn.done():
            waiter.turn.set_exception(_DroppedError())

    def _pass_on(self) -> None:
        self._number += 1
        for waiter in [waiting for waiting in self._waiting if waiting.turn.done() or not waiting.connected()]:
            self._drop(waiter)
        if not self._waiting:
            self._taken = False
            return
        own = [waiter for waiter in self._waiting if waiter.own]
        others = [waiter for waiter in self._waiting if not waiter.own]
        group = (own or others) if self._number % 2 else (others or own)
        longest_ago = min(self._failed.get(waiter.address, -1) for waiter in group)
        equal = [waiter for waiter in group if self._failed.get(waiter.address, -1) == longest_ago]
        chosen = equal[-1 if self._number // 2 % 2 else 0]
        self._waiting.remove(chosen)
        chosen.turn.set_result(None)


def origin(remote: str) -> tuple[str, bool]:
    """Return what counts as one address, and whether it is this machine's; an IPv6 network has countless addresses."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote, False
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False)), False
    return str(address), address.is_loopback


def cost(written: bytes) -> int:
    """Return the cost of a bcrypt hash; one more is twice the work."""
    return int(written.split(b"$")[2])


def _matches(password: bytes, written: bytes, highest: int) -> bool:
    """Check a password in the time of a check at this cost; each cost is twice the work of the one below."""
    import bcrypt  # noqa: PLC0415 - 0.7 MB that a program without users never pays for

    password = password[:72]  # bcrypt uses 72 bytes; Prometheus ignores the rest too
    try:
        matches = bcrypt.checkpw(password, written)
        for step in range(cost(written), highest):
            bcrypt.hashpw(password, b"$2b$%02d$" % step + _SALT)
    except ValueError:
        return False
    return matches


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
