"""Basic authentication against bcrypt hashes, without a pause for anyone else."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from aiohttp import web

REMEMBERED = 100
QUEUE = 16


class Passwords:
    """Checks what requests bring.

    bcrypt takes a good part of a second on a small computer, so it runs in one thread of its own, and credentials that
    matched are remembered, as a digest under a key that dies with the process. An unknown user takes as long as a known
    one.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._matched: dict[bytes, None] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._queued = 0

    async def match(self, users: Mapping[str, bytes], authorization: str | None) -> bool:
        """Return whether an Authorization header brings one of the users and their password.

        Args:
            users: bcrypt hash of each user's password, at least one.
            authorization: the header's value, None when there is none.

        Raises:
            HTTPServiceUnavailable: too many are waiting to be checked.
        """
        brought = _credentials(authorization or "")
        if brought is None:
            return False
        user, password = brought
        written = users.get(user, next(iter(users.values())))
        digest = hmac.digest(self._key, written + user.encode() + b":" + password, "sha256")
        if digest in self._matched:
            return True
        if self._queued >= QUEUE:
            text = "Too many passwords are being checked; try again in a second."
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "1"})
        self._queued += 1
        try:
            matches = await asyncio.get_running_loop().run_in_executor(self._executor, _matches, password, written)
        finally:
            self._queued -= 1
        if not matches or user not in users:
            return False
        self._matched[digest] = None
        if len(self._matched) > REMEMBERED:
            del self._matched[next(iter(self._matched))]
        return True


def _matches(password: bytes, written: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:72], written)  # the algorithm takes 72 bytes; Go's passes over the rest too
    except ValueError:
        return False


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
