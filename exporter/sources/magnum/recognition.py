"""Recognises the next packet on a bus whose inverter is known.

Only the content decides. An inverter's packet must have the inverter's identity, a remote's the remote's settings, an
accessory's the byte that never changes; each must begin where another ended and end where another begins. Anything else
is skipped until the next packet that is recognised beyond doubt.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from exporter.sources.magnum.devices import inverter, remote
from exporter.sources.magnum.devices.inverter import Identity
from exporter.sources.magnum.packet import JUNK, MOST_JUNK
from exporter.sources.magnum.packet_kinds import PacketKind
from exporter.sources.magnum.synchronisation import Accessories, Found, modern_inverters

_ENOUGH_OF_BASE = 4
"""Bytes of a remote's 13 of settings that show where its packet begins: the packet before need not wait for more."""

_ALIKE_IN_BASE = 9
"""Bytes of the 13 that show a remote's packet whose page is unknown: the packet before it is not lost with it while at
most four of them are damaged."""

_ALIKE_IN_INVERTER = 6
"""Bytes of the first eight that are as in the inverter's last packet and show a damaged one. With 8 the packet before
it is lost more often; with 2 other bytes pass for an inverter, and packets are found where none were sent."""

_EARLY = 4
"""Index before which a byte of an accessory's packet is waited for, as the state and revision of a generator starter's
are; a battery monitor's revision, byte 16, comes too late."""


class Verdict(Enum):
    """What to do with the next bytes."""

    WAIT = auto()
    PACKET = auto()
    DAMAGED = auto()
    SKIP = auto()


class Next(NamedTuple):
    """The verdict on the next bytes.

    Attributes:
        verdict: wait for more bytes, take a packet, drop a damaged one, or skip bytes that are in no packet.
        kind: the packet's kind.
        junk: how many bytes of junk come before it.
        length: bytes of the packet, or bytes to skip.
    """

    verdict: Verdict
    kind: str = ""
    junk: int = 0
    length: int = 0


class _Position(Enum):
    """Which packet ended where the buffer begins."""

    UNKNOWN = auto()
    AFTER_INVERTER = auto()
    AFTER_REMOTE = auto()
    AFTER_ACCESSORY = auto()


_WAIT = Next(Verdict.WAIT)


def _either(answers: list[bool | None]) -> bool | None:
    """Return True when one is, None when none is but one may yet be, else False."""
    return True if True in answers else None if None in answers else False


class Recogniser:
    """Reads a buffer packet by packet, from its front. The caller removes what a verdict covers.

    The questions below are answered True, False, or None when there are too few bytes to decide.

    Attributes:
        identity: the inverter's identity.
        nominal_volts: by the inverter's model and volts; None when unknown.
    """

    def __init__(self, found: Found, accessories: Accessories) -> None:
        self.identity = found.identity
        self.nominal_volts = inverter.nominal_volts(found.inverter)
        self._accessories = accessories
        self._inverter = found.inverter
        self._remote_length = found.remote_length
        self._base = found.base
        self._new_base = b""
        self._constants: dict[str, int] = {}
        self._new_constants: dict[str, int] = {}
        self._position = _Position.UNKNOWN

    def lose_position(self) -> None:
        """Take note that the buffer no longer begins where the last packet ended."""
        self._position = _Position.UNKNOWN

    def next(self, buffer: bytearray, *, final: bool) -> Next:
        """Judge the front of the buffer.

        Args:
            buffer: the bytes received and not yet judged.
            final: whether the line has gone silent, so that a packet may end where the buffer does.
        """
        if self._position is _Position.UNKNOWN:
            return self._search(buffer, final=final)
        starts = self._starts(buffer)
        expected = [packet for start in starts for packet in self._expected(buffer, start)]
        doubtful = [packet for start in starts for packet in self._doubtful(start)]
        for packets, is_here, accept in (
            (expected, self._is_packet, self._accept),
            (doubtful, self._is_doubtful_remote, self._accept_doubtful_remote),
        ):
            undecided = False
            for packet in packets:
                answer = is_here(buffer, packet, final=final)
                if answer:
                    return accept(buffer, packet)
                undecided = undecided or answer is None
                if undecided and not final:
                    break
            if undecided:
                return _WAIT
        self.lose_position()
        return Next(Verdict.DAMAGED)

    @staticmethod
    def _starts(buffer: bytearray) -> list[int]:
        """Return where the next packet may begin: at the front, or after junk."""
        junk = 0
        while junk < MOST_JUNK and junk < len(buffer) and buffer[junk] in JUNK:
            junk += 1
        return list(range(junk + 1))

    def _expected(self, buffer: bytearray, start: int) -> list[Next]:
        expected = [Next(Verdict.PACKET, "inverter", start, self.identity.length)]
        if self._position is _Position.AFTER_INVERTER and self._base:
            expected.append(Next(Verdict.PACKET, "remote", start, self._remote_length))
        elif self._position is _Position.AFTER_REMOTE and start < len(buffer) and buffer[start] in self._accessories:
            accessory = self._accessories[buffer[start]]
            expected += [Next(Verdict.PACKET, accessory.name, start, length) for length in accessory.lengths]
        return expected

    def _doubtful(self, start: int) -> list[Next]:
        if self._position is not _Position.AFTER_INVERTER:
            return []
        return [Next(Verdict.PACKET, "remote", start, self._remote_length or remote.LENGTH)]

    # -- is this packet here?

    def _is_packet(self, buffer: bytearray, packet: Next, *, final: bool) -> bool | None:
        """Return whether this packet is here and ends where another begins."""
        end = packet.junk + packet.length
        matches = self._matches(packet.kind, bytes(buffer[packet.junk : end]), packet.length)
        return self._is_end(buffer, packet.kind, end, final=final) if matches else matches

    def _is_doubtful_remote(self, buffer: bytearray, packet: Next, *, final: bool) -> bool | None:
        """Return whether a remote's packet, damaged or with new settings, is here and ends where another begins."""
        shaped = self._is_shaped_like_remote(buffer, packet.junk, packet.length)
        return self._is_end(buffer, "remote", packet.junk + packet.length, final=final) if shaped else shaped

    def _matches(self, kind: str, payload: bytes, length: int) -> bool | None:
        if kind == "inverter":
            return self._matches_inverter(payload)
        if kind == "remote":
            return self._matches_remote(payload, length)
        return self._matches_accessory(payload) if len(payload) == length else None

    def _matches_inverter(self, payload: bytes) -> bool | None:
        if len(payload) > inverter.REVISION and payload[inverter.REVISION] != self.identity.revision:
            return False
        if len(payload) < self.identity.length:
            return None
        return (
            Identity.of(payload) == self.identity
            and inverter.plausible(payload, self.nominal_volts)
            # An unlisted state is accepted, unless it may as well be junk.
            and (payload[inverter.STATE] in inverter.STATES or payload[inverter.STATE] not in JUNK)
        )

    def _matches_remote(self, payload: bytes, length: int) -> bool | None:
        base = payload[1 : remote.BASE_LENGTH]
        if base != self._base[: len(base)] or any(command & ~remote.COMMAND_BITS for command in payload[:1]):
            return False
        if len(payload) < length:
            return None
        return length == remote.CLASSIC_LENGTH or payload[remote.FOOTER] in remote.FOOTERS

    def _matches_accessory(self, payload: bytes) -> bool:
        accessory = self._accessories[payload[0]]
        return all(payload[index] in values for index, values in accessory.allowed.items()) and accessory.plausible(
            payload, self.nominal_volts
        )

    # -- does a packet end here?

    def _is_end(self, buffer: bytearray, kind: str, at: int, *, final: bool) -> bool | None:
        """Return whether a packet that may follow this kind begins here, or after junk."""
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
        """Return whether a packet that may follow begins here, a damaged one included."""
        answers = [self._resembles_inverter(buffer, at)]
        if after == "inverter":
            answers.append(self._resembles_remote(buffer, at))
        elif after == "remote":
            answers.append(self._resembles_accessory(buffer, at))
        return _either(answers)

    def _resembles_inverter(self, buffer: bytearray, at: int) -> bool | None:
        seen = buffer[at : at + inverter.STACK_MODE]
        if len(seen) < inverter.INVERTER_LED:
            return None
        alike = sum(one == other for one, other in zip(seen[: inverter.INVERTER_LED], self._inverter, strict=False))
        if alike >= _ALIKE_IN_INVERTER:
            return True
        if len(seen) < inverter.STACK_MODE:
            return None
        return seen[inverter.REVISION] == self.identity.revision and seen[inverter.MODEL] == self.identity.model

    def _resembles_remote(self, buffer: bytearray, at: int) -> bool | None:
        base = buffer[at + 1 : at + remote.BASE_LENGTH]
        if self._base and len(base) >= _ENOUGH_OF_BASE and base[:_ENOUGH_OF_BASE] == self._base[:_ENOUGH_OF_BASE]:
            return True
        return self._is_shaped_like_remote(buffer, at, self._remote_length or remote.LENGTH)

    def _is_shaped_like_remote(self, buffer: bytearray, at: int, length: int) -> bool | None:
        seen = buffer[at : at + length]
        if len(seen) < length:
            return None
        if any(at == 0 for at, _ in modern_inverters(bytes(seen))):
            return False
        alike = sum(one == other for one, other in zip(seen[1:], self._base, strict=False))
        return alike >= _ALIKE_IN_BASE or length == remote.CLASSIC_LENGTH or seen[remote.FOOTER] in remote.FOOTERS

    def _resembles_accessory(self, buffer: bytearray, at: int) -> bool | None:
        accessory = self._accessories.get(buffer[at])
        if accessory is None:
            return False
        known = self._constants.get(accessory.name)
        if accessory.constant is None or known is None:
            return True
        if accessory.constant < _EARLY:
            return None if len(buffer) <= at + accessory.constant else buffer[at + accessory.constant] == known
        # A late byte is not waited for: that would hold back the packet before this one.
        for index, values in accessory.allowed.items():
            if index < _EARLY and len(buffer) <= at + index:
                return None
            if index < _EARLY and buffer[at + index] not in values:
                return False
        return True

    # -- what follows from a verdict

    def _accept(self, buffer: bytearray, packet: Next) -> Next:
        payload = bytes(buffer[packet.junk : packet.junk + packet.length])
        if packet.kind == "inverter":
            self._inverter = payload
            self._position = _Position.AFTER_INVERTER
        elif packet.kind == "remote":
            self._new_base = b""
            self._position = _Position.AFTER_REMOTE
            if packet.length == remote.LENGTH:
                return packet._replace(kind=remote.page_name(payload[remote.FOOTER]))
        else:
            self._position = _Position.AFTER_ACCESSORY
            if not self._has_known_constant(self._accessories[payload[0]], payload):
                return packet._replace(verdict=Verdict.DAMAGED)
        return packet

    def _has_known_constant(self, accessory: PacketKind, payload: bytes) -> bool:
        """Return whether the byte that never changes is as known. Another value received twice in a row replaces it."""
        if accessory.constant is None:
            return True
        value = payload[accessory.constant]
        if value == self._constants.setdefault(accessory.name, value):
            self._new_constants.pop(accessory.name, None)
            return True
        if self._new_constants.get(accessory.name) == value:
            self._constants[accessory.name] = value
            return True
        self._new_constants[accessory.name] = value
        return False

    def _accept_doubtful_remote(self, buffer: bytearray, packet: Next) -> Next:
        """Drop a remote's packet whose settings differ from the known ones; received twice alike, they replace them."""
        payload = bytes(buffer[packet.junk : packet.junk + packet.length])
        base = payload[1 : remote.BASE_LENGTH]
        if base == self._new_base and base != self._base:
            self._base, self._remote_length = base, packet.length
            if self._matches_remote(payload, packet.length):
                return self._accept(buffer, packet)
        self._new_base = base
        self._position = _Position.AFTER_REMOTE
        return packet._replace(verdict=Verdict.DAMAGED)

    # -- after damage: the next packet beyond doubt

    def _search(self, buffer: bytearray, *, final: bool) -> Next:
        start = 0
        while (found := self._next_certain(buffer, start)) is not None:
            kind, at, length = found
            is_end = self._is_end(buffer, kind, at + length, final=final)
            if is_end:
                packet = Next(Verdict.PACKET, kind, 0, length)
                return Next(Verdict.SKIP, length=at) if at else self._accept(buffer, packet)
            if is_end is None:
                return Next(Verdict.SKIP, length=at) if at else _WAIT
            start = at + 1
        hopeless = len(buffer) - max(self.identity.length, self._remote_length) + 1
        return Next(Verdict.SKIP, length=hopeless) if hopeless > 0 else _WAIT

    def _next_certain(self, buffer: bytearray, start: int) -> tuple[str, int, int] | None:
        inverter_at, remote_at = self._next_inverter(buffer, start), self._next_remote(buffer, start)
        if remote_at is not None and (inverter_at is None or remote_at < inverter_at):
            return "remote", remote_at, self._remote_length
        return None if inverter_at is None else ("inverter", inverter_at, self.identity.length)

    def _next_inverter(self, buffer: bytearray, start: int) -> int | None:
        at = buffer.find(self.identity.revision, start + inverter.REVISION) - inverter.REVISION
        while at >= start and at + self.identity.length <= len(buffer):
            payload = bytes(buffer[at : at + self.identity.length])
            listed = payload[inverter.STATE] in inverter.STATES and payload[inverter.FAULT] in inverter.FAULTS
            if listed and self._matches_inverter(payload):
                return at
            at = buffer.find(self.identity.revision, at + inverter.REVISION + 1) - inverter.REVISION
        return None

    def _next_remote(self, buffer: bytearray, start: int) -> int | None:
        at = buffer.find(self._base, start + 1) - 1 if self._base else -1
        while at >= start:
            if self._matches_remote(bytes(buffer[at : at + self._remote_length]), self._remote_length):
                return at
            at = buffer.find(self._base, at + 2) - 1
        return None
