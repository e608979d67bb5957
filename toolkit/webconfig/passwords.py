"""Basic authentication against bcrypt hashes, without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import ipaddress
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import bcrypt
from aiohttp import web

REMEMBERED = 100
"""Credentials that have matched and need no further check."""

EACH = 2
"""Waiting checks of one user from one address."""

QUEUE = 64
"""Waiting checks in all; checks from this machine are never too many."""

_SALT = b"." * 22


class Passwords:
    """Checks user names and passwords.

    bcrypt takes a good part of a second on a small computer. So it runs in its own thread, and credentials that matched
    are remembered as a digest with a key of this process. Each address and user has its own queue and the queues take
    turns, so a client that floods one locks out nobody else. Every check takes as long as one at the highest cost of
    all users, so the time does not reveal which users exist.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._matched: dict[bytes, None] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._turns = _Turns()

    async def match(self, users: Mapping[str, bytes], authorization: str | None, remote: str | None = None) -> bool:
        """Return whether an Authorization header has a valid user name and password.

        Args:
            users: bcrypt hash of each user's password, at least one.
            authorization: the header's value, None when there is none.
            remote: the address that it came from.

        Raises:
            HTTPServiceUnavailable: too many checks are waiting.
        """
        credentials = _credentials(authorization or "")
        if credentials is None:
            return False
        user, password = credentials
        costliest = max(users.values(), key=_cost)
        written = users.get(user, costliest)
        digest = hmac.digest(self._key, written + user.encode() + b":" + password, "sha256")
        if digest in self._matched:
            return True
        async with self._turns.turn(remote or "", user if user in users else ""):
            if digest in self._matched:
                return True
            work = partial(_matches, password, written, _cost(costliest))
            matches = await asyncio.get_running_loop().run_in_executor(self._executor, work)
        if not matches or user not in users:
            return False
        self._matched[digest] = None
        if len(self._matched) > REMEMBERED:
            del self._matched[next(iter(self._matched))]
        return True


class _Turns:
    """Lets in one caller at a time; waiting addresses and users take turns."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: dict[tuple[str, str], deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, remote: str, user: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it within the context.

        Raises:
            HTTPServiceUnavailable: too many are waiting.
        """
        if self._taken:
            await self._wait(remote, user)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, remote: str, user: str) -> None:
        mine = self._waiting.get((remote, user), ())
        if len(mine) >= EACH or (sum(map(len, self._waiting.values())) >= QUEUE and not _is_ours(remote)):
            text = "Too many passwords are being checked; try again in a second."
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "1"})
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((remote, user), deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            queue = self._waiting.pop(key)
            future = queue.popleft()
            if queue:
                self._waiting[key] = queue
            if not future.done():
                future.set_result(None)
                return
        self._taken = False


def _is_ours(remote: str) -> bool:
    try:
        return ipaddress.ip_address(remote.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _cost(written: bytes) -> int:
    return int(written.split(b"$")[2])


def _matches(password: bytes, written: bytes, cost: int) -> bool:
    """Check a password in the time of a check at this cost; each cost is twice the work of the one below."""
    password = password[:72]  # bcrypt uses 72 bytes; Prometheus ignores the rest too
    try:
        matches = bcrypt.checkpw(password, written)
        for step in range(_cost(written), cost):
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
