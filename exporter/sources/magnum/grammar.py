"""Says which packet, if any, stands next on a bus whose inverter is known.

Nothing but content decides. An inverter packet must have the inverter's identity, a remote packet the remote's
settings, an accessory's the byte that never changes in it; each must begin where another ended and end where another
begins. What does not fit is passed over, and the next packet that proves itself is where reading goes on.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from exporter.sources.magnum import inverter, remote
from exporter.sources.magnum.accessories import AGS_STATES
from exporter.sources.magnum.hunting import ACCESSORIES, JUNK, MOST_JUNK, Found, inverters, nominal_volts, plausible

_HEAD = 4
_ALIKE_IN_BASE = 9
_ALIKE_IN_HEAD = 6


class Verdict(Enum):
    """What is to be done with the next bytes."""

    WAIT = auto()
    PACKET = auto()
    DAMAGED = auto()
    SKIP = auto()


class Next(NamedTuple):
    """The verdict on the next bytes.

    Attributes:
        verdict: wait for more bytes; take a packet; pass over a damaged one; or skip what is none.
        kind: the packet's kind.
        junk: bytes before it that are junk between packets.
        length: bytes of the packet, or bytes to skip.
    """

    verdict: Verdict
    kind: str = ""
    junk: int = 0
    length: int = 0


class _Place(Enum):
    NOWHERE = auto()
    AFTER_INVERTER = auto()
    AFTER_REMOTE = auto()
    AFTER_ACCESSORY = auto()


_WAIT = Next(Verdict.WAIT)


def _either(answers: list[bool | None]) -> bool | None:
    """Return True when one is, None when none is but one may yet be, else False."""
    return True if True in answers else None if None in answers else False


class Grammar:
    """Reads a buffer one packet after the other, from its front. The caller removes what has been judged.

    Attributes:
        identity: the inverter's identity.
        nominal_volts: by the inverter's model and volts; None when unknown.
    """

    def __init__(self, found: Found) -> None:
        self.identity = found.identity
        self.nominal_volts = nominal_volts(found.inverter)
        self._inverter = found.inverter
        self._remote_length = found.remote_length
        self._base = found.base
        self._new_base = b""
        self._constants: dict[str, int] = {}
        self._new_constants: dict[str, int] = {}
        self._place = _Place.NOWHERE

    def lose(self) -> None:
        """Take note that the buffer's front is no longer where the last packet ended."""
        self._place = _Place.NOWHERE

    def next(self, buffer: bytearray, *, final: bool) -> Next:
        """Judge what stands at the front of the buffer.

        Args:
            buffer: what has come and not been judged.
            final: whether the line has fallen silent, so that a packet may end where the buffer does.
        """
        if self._place is _Place.NOWHERE:
            return self._search(buffer, final=final)
        starts = self._starts(buffer)
        expected = [packet for start in starts for packet in self._expected(buffer, start)]
        doubtful = [packet for start in starts for packet in self._doubtful(start)]
        for packets, stands, take in (
            (expected, self._stands, self._took),
            (doubtful, self._stands_doubtful, self._took_doubtful),
        ):
            undecided = False
            for packet in packets:
                answer = stands(buffer, packet, final=final)
                if answer:
                    return take(buffer, packet)
                undecided = undecided or answer is None
                if undecided and not final:
                    break
            if undecided:
                return _WAIT
        self.lose()
        return Next(Verdict.DAMAGED)

    @staticmethod
    def _starts(buffer: bytearray) -> list[int]:
        """Return where the next packet may begin: here, or after junk."""
        junk = 0
        while junk < MOST_JUNK and junk < len(buffer) and buffer[junk] in JUNK:
            junk += 1
        return list(range(junk + 1))

    def _expected(self, buffer: bytearray, start: int) -> list[Next]:
        expected = [Next(Verdict.PACKET, "inverter", start, self.identity.length)]
        if self._place is _Place.AFTER_INVERTER and self._base:
            expected.append(Next(Verdict.PACKET, "remote", start, self._remote_length))
        elif self._place is _Place.AFTER_REMOTE and start < len(buffer) and buffer[start] in ACCESSORIES:
            kind, lengths, _ = ACCESSORIES[buffer[start]]
            expected += [Next(Verdict.PACKET, kind, start, length) for length in lengths]
        return expected

    def _doubtful(self, start: int) -> list[Next]:
        if self._place is not _Place.AFTER_INVERTER:
            return []
        return [Next(Verdict.PACKET, "remote", start, self._remote_length or remote.LENGTH)]

    # -- what a packet must be, True, False, or None when there are too few bytes to say

    def _stands(self, buffer: bytearray, packet: Next, *, final: bool) -> bool | None:
        """Say whether this packet stands here and ends where another begins."""
        end = packet.junk + packet.length
        fits = self._fits(packet.kind, bytes(buffer[packet.junk : end]), packet.length)
        return self._ends(buffer, packet.kind, end, final=final) if fits else fits

    def _stands_doubtful(self, buffer: bytearray, packet: Next, *, final: bool) -> bool | None:
        """Say whether a remote packet, damaged or with new settings, stands here and ends where another begins."""
        shaped = self._shaped_like_remote(buffer, packet.junk, packet.length)
        return self._ends(buffer, "remote", packet.junk + packet.length, final=final) if shaped else shaped

    def _fits(self, kind: str, payload: bytes, length: int) -> bool | None:
        if kind == "inverter":
            return self._fits_inverter(payload)
        if kind == "remote":
            return self._fits_remote(payload, length)
        return self._fits_accessory(kind, payload) if len(payload) == length else None

    def _fits_inverter(self, payload: bytes) -> bool | None:
        if len(payload) > inverter.REVISION and payload[inverter.REVISION] != self.identity.revision:
            return False
        if len(payload) < self.identity.length:
            return None
        return (
            type(self.identity).of(payload) == self.identity
            and plausible(payload, self.nominal_volts)
            and (payload[inverter.STATE] in inverter.STATES or payload[inverter.STATE] not in JUNK)
        )

    def _fits_remote(self, payload: bytes, length: int) -> bool | None:
        base = payload[1 : remote.BASE_LENGTH]
        if base != self._base[: len(base)] or any(command & ~remote.COMMAND_BITS for command in payload[:1]):
            return False
        if len(payload) < length:
            return None
        return length == remote.CLASSIC_LENGTH or payload[remote.FOOTER] in remote.FOOTERS

    def _fits_accessory(self, kind: str, payload: bytes) -> bool:
        if kind == "ags_a1":
            return payload[1] in AGS_STATES
        if kind == "bmk":
            volts, nominal = int.from_bytes(payload[2:4], "big") / 100, self.nominal_volts
            return (payload[1] <= 100 or payload[1] == 255) and (
                nominal is None or 0.35 * nominal <= volts <= 1.7 * nominal
            )
        return True

    def _ends(self, buffer: bytearray, kind: str, at: int, *, final: bool) -> bool | None:
        """Say whether something that may follow this kind begins here, after junk."""
        answers: list[bool | None] = []
        for junk in range(MOST_JUNK + 1):
            if len(buffer) <= at + junk:
                answers.append(True if final and len(buffer) == at + junk else None)
                break
            answers.append(self._begins(buffer, kind, at + junk))
            if answers[-1] or buffer[at + junk] not in JUNK:
                break
        return _either(answers)

    def _begins(self, buffer: bytearray, after: str, at: int) -> bool | None:
        """Say whether a packet that may follow begins here, a damaged one included."""
        answers = [self._like_inverter(buffer, at)]
        if after == "inverter":
            answers.append(self._like_remote(buffer, at))
        elif after == "remote":
            answers.append(self._like_accessory(buffer, at))
        return _either(answers)

    def _like_inverter(self, buffer: bytearray, at: int) -> bool | None:
        seen = buffer[at : at + inverter.STACK_MODE]
        if len(seen) < inverter.INVERTER_LED:
            return None
        alike = sum(one == other for one, other in zip(seen[: inverter.INVERTER_LED], self._inverter, strict=False))
        if alike >= _ALIKE_IN_HEAD:
            return True
        if len(seen) < inverter.STACK_MODE:
            return None
        return seen[inverter.REVISION] == self.identity.revision and seen[inverter.MODEL] == self.identity.model

    def _like_remote(self, buffer: bytearray, at: int) -> bool | None:
        base = buffer[at + 1 : at + remote.BASE_LENGTH]
        if self._base and len(base) >= _HEAD and base[:_HEAD] == self._base[:_HEAD]:
            return True
        return self._shaped_like_remote(buffer, at, self._remote_length or remote.LENGTH)

    def _shaped_like_remote(self, buffer: bytearray, at: int, length: int) -> bool | None:
        seen = buffer[at : at + length]
        if len(seen) < length:
            return None
        if any(at == 0 for at, _ in inverters(bytes(seen))):
            return False
        alike = sum(one == other for one, other in zip(seen[1:], self._base, strict=False))
        return alike >= _ALIKE_IN_BASE or length == remote.CLASSIC_LENGTH or seen[remote.FOOTER] in remote.FOOTERS

    def _like_accessory(self, buffer: bytearray, at: int) -> bool | None:
        accessory = ACCESSORIES.get(buffer[at])
        if accessory is None:
            return False
        if accessory.constant is None or accessory.kind not in self._constants:
            return True
        seen = buffer[at : at + accessory.lengths[0]]
        if accessory.kind == "bmk":
            return None if len(seen) < 2 else seen[1] <= 100 or seen[1] == 255
        return None if len(seen) <= accessory.constant else seen[accessory.constant] == self._constants[accessory.kind]

    # -- what follows from a verdict

    def _took(self, buffer: bytearray, packet: Next) -> Next:
        payload = bytes(buffer[packet.junk : packet.junk + packet.length])
        if packet.kind == "inverter":
            self._inverter = payload
            self._place = _Place.AFTER_INVERTER
        elif packet.kind == "remote":
            self._new_base = b""
            self._place = _Place.AFTER_REMOTE
            if packet.length == remote.LENGTH:
                return packet._replace(kind=remote.page_name(payload[remote.FOOTER]))
        else:
            self._place = _Place.AFTER_ACCESSORY
            if not self._constant_fits(packet.kind, payload):
                return packet._replace(verdict=Verdict.DAMAGED)
        return packet

    def _constant_fits(self, kind: str, payload: bytes) -> bool:
        """Say whether the byte that never changes is as known; twice the same other one in a row becomes the known."""
        constant = ACCESSORIES[payload[0]].constant
        if constant is None:
            return True
        value = payload[constant]
        if value == self._constants.setdefault(kind, value):
            self._new_constants.pop(kind, None)
            return True
        if self._new_constants.get(kind) == value:
            self._constants[kind] = value
            return True
        self._new_constants[kind] = value
        return False

    def _took_doubtful(self, buffer: bytearray, packet: Next) -> Next:
        """Pass over a remote packet whose settings differ from the known ones; twice the same makes them the known."""
        payload = bytes(buffer[packet.junk : packet.junk + packet.length])
        base = payload[1 : remote.BASE_LENGTH]
        if base == self._new_base and base != self._base:
            self._base, self._remote_length = base, packet.length
            if self._fits_remote(payload, packet.length):
                return self._took(buffer, packet)
        self._new_base = base
        self._place = _Place.AFTER_REMOTE
        return packet._replace(verdict=Verdict.DAMAGED)

    # -- after damage: the next packet that proves itself

    def _search(self, buffer: bytearray, *, final: bool) -> Next:
        start = 0
        while (found := self._next_strong(buffer, start)) is not None:
            kind, at, length = found
            ends = self._ends(buffer, kind, at + length, final=final)
            if ends:
                return (
                    Next(Verdict.SKIP, length=at) if at else self._took(buffer, Next(Verdict.PACKET, kind, 0, length))
                )
            if ends is None:
                return Next(Verdict.SKIP, length=at) if at else _WAIT
            start = at + 1
        hopeless = len(buffer) - max(self.identity.length, self._remote_length) + 1
        return Next(Verdict.SKIP, length=hopeless) if hopeless > 0 else _WAIT

    def _next_strong(self, buffer: bytearray, start: int) -> tuple[str, int, int] | None:
        inverter_at, remote_at = self._next_inverter(buffer, start), self._next_remote(buffer, start)
        if remote_at is not None and (inverter_at is None or remote_at < inverter_at):
            return "remote", remote_at, self._remote_length
        return None if inverter_at is None else ("inverter", inverter_at, self.identity.length)

    def _next_inverter(self, buffer: bytearray, start: int) -> int | None:
        at = buffer.find(self.identity.revision, start + inverter.REVISION) - inverter.REVISION
        while at >= start and at + self.identity.length <= len(buffer):
            payload = bytes(buffer[at : at + self.identity.length])
            listed = payload[inverter.STATE] in inverter.STATES and payload[inverter.FAULT] in inverter.FAULTS
            if listed and self._fits_inverter(payload):
                return at
            at = buffer.find(self.identity.revision, at + inverter.REVISION + 1) - inverter.REVISION
        return None

    def _next_remote(self, buffer: bytearray, start: int) -> int | None:
        at = buffer.find(self._base, start + 1) - 1 if self._base else -1
        while at >= start:
            if self._fits_remote(bytes(buffer[at : at + self._remote_length]), self._remote_length):
                return at
            at = buffer.find(self._base, at + 2) - 1
        return None
