"""Finds the inverter on a bus of which nothing is known yet, or says that the data wires are swapped.

An inverter packet repeats its identity (model, revision, place in a stack). Three that look like one, with the same
identity and nothing but well-formed packets between them, are no accident; five when nobody has listed the model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.sources.magnum import inverter, models, remote
from exporter.sources.magnum.accessories import AGS_REVISION, BMK_REVISION, RTR_REVISION

JUNK = frozenset(b"\xff\xfe\xfc\xf8\xf0\xe0\xc0\x80\x00\x39")
MOST_JUNK = 2
LONGEST_BODY = MOST_JUNK + remote.LENGTH + MOST_JUNK + 18 + MOST_JUNK

_ENOUGH = 3
_ENOUGH_UNLISTED = 5


class Identity(NamedTuple):
    """What an inverter repeats in every packet; `stack_mode` is 0 in the classic packet, which has none."""

    length: int
    revision: int
    model: int
    stack_mode: int

    @classmethod
    def of(cls, payload: bytes) -> Identity:
        """Return the identity in an inverter packet."""
        stack_mode = payload[inverter.STACK_MODE] if len(payload) == inverter.LENGTH else 0
        return cls(len(payload), payload[inverter.REVISION], payload[inverter.MODEL], stack_mode)

    @property
    def listed(self) -> bool:
        """Whether the model is one that somebody has listed."""
        return self.model in models.MODELS

    def __str__(self) -> str:
        """Return model, revision and place in a stack, in words."""
        stack = f" {inverter.STACK_MODES.get(self.stack_mode, '?')}" if self.length == inverter.LENGTH else ""
        name = models.name(self.model) if self.listed else f"model {self.model:#04x}"
        return f"{name} {self.revision / 10:.1f}{stack}"


class Accessory(NamedTuple):
    """An accessory's packet: its kind, its possible lengths, and the index of a byte that never changes."""

    kind: str
    lengths: tuple[int, ...]
    constant: int | None = None


ACCESSORIES: Mapping[int, Accessory] = {
    0x81: Accessory("bmk", (18,), BMK_REVISION),
    0x91: Accessory("rtr", (2,), RTR_REVISION),
    0xA1: Accessory("ags_a1", (6,), AGS_REVISION),
    0xA2: Accessory("ags_a2", (6,)),
    0xC1: Accessory("pt100_c1", (16,)),
    0xC2: Accessory("pt100_c2", (13,)),
    0xC3: Accessory("pt100_c3", (14, 15)),
    0xC4: Accessory("pt100_c4", (8,)),
    0xD1: Accessory("acld", (8,)),
}


@dataclass(frozen=True, slots=True)
class Found:
    """The inverter that speaks here, and the remote if one was seen with the same settings twice.

    Attributes:
        identity: the inverter's identity.
        inverter: one packet of it.
        remote_length: 21, 16 for a classic remote, or 0 without one.
        base: the remote's settings, bytes 1 to 13 of its packet, or nothing.
    """

    identity: Identity
    inverter: bytes
    remote_length: int
    base: bytes


def _any_of(codes: Iterable[int]) -> bytes:
    return b"[" + b"".join(re.escape(bytes([code])) for code in sorted(codes)) + b"]"


def _window(states: Iterable[int], faults: Iterable[int], model: bytes, tail: bytes) -> re.Pattern[bytes]:
    """Return a pattern for every place at which an inverter packet may begin, overlapping ones included."""
    head = _any_of(states) + _any_of(faults) + rb"[\x00-\x02].[\x00-\x03\xfc-\xff].{5}[\x0a-\x7f][\x00-\x96]{3}"
    return re.compile(rb"(?s)(?=(" + head + model + tail + rb"))")


_TAIL = _any_of(inverter.STACK_MODES) + rb"..[\x00-\x02].\x00"
_MODERN = _window(inverter.STATES, inverter.FAULTS, rb"[\x05-\x96]", _TAIL)
_CLASSIC = _window(inverter.STATES, inverter.FAULTS, _any_of(models.MODELS), rb".")
_UNSWAPPED = _window(
    {code & 0x7F for code in inverter.STATES},
    {code & 0x7F for code in inverter.FAULTS},
    _any_of(models.MODELS),
    _TAIL,
)
_UNSWAP = bytes((~byte & 0xFF) >> 1 for byte in range(256))


def nominal_volts(payload: bytes) -> int | None:
    """Return the nominal volts of the inverter that sent this packet, or None when they are not known."""
    return models.nominal_volts(payload[inverter.MODEL], int.from_bytes(payload[2:4], "big") / 10)


def plausible(payload: bytes, nominal: int | None) -> bool:
    """Say whether the numbers of an inverter packet are ones that an inverter can measure."""
    dc_volts = int.from_bytes(payload[2:4], "big") / 10
    low, high = (0.35 * nominal, 1.7 * nominal) if nominal else (8.0, 68.0)
    if not low <= dc_volts <= high or abs(int.from_bytes(payload[4:6], "big", signed=True)) > 1000:
        return False
    if len(payload) == inverter.CLASSIC_LENGTH:
        return True
    tenths_of_hertz = int.from_bytes(payload[18:20], "big")
    return payload[20] == 0 and (tenths_of_hertz == 0 or 400 <= tenths_of_hertz <= 700)


def inverters(data: bytes) -> Iterator[tuple[int, Identity]]:
    """Yield where in the data something begins that looks like an inverter packet of 21 bytes, and its identity."""
    for match in _MODERN.finditer(data):
        identity = Identity.of(match[1])
        if plausible(match[1], nominal_volts(match[1]) if identity.listed else None):
            yield match.start(), identity


def _classic_inverters(data: bytes) -> Iterator[tuple[int, Identity]]:
    for match in _CLASSIC.finditer(data):
        if plausible(match[1], nominal_volts(match[1])):
            yield match.start(), Identity.of(match[1])


def looks_swapped(data: bytes) -> bool:
    """Say whether the data holds inverter packets as they arrive when the two data wires are exchanged.

    A receiver then takes the previous byte's stop bit for a start bit: it gets the inverse, shifted left, without the
    highest bit. That is enough to recognise a packet, not to read it.
    """
    seen = Counter(Identity.of(match[1]) for match in _UNSWAPPED.finditer(data.translate(_UNSWAP)))
    return any(count > 1 for count in seen.values())


@dataclass(frozen=True, slots=True)
class _Body:
    """One way to read what stands between two inverter packets: the remote's packet, if any, and how much junk."""

    remote: bytes
    junk: int


def _is_junk(data: bytes) -> bool:
    return len(data) <= MOST_JUNK and JUNK.issuperset(data)


def _readings_of_body(data: bytes) -> Iterator[_Body]:
    if _is_junk(data):
        yield _Body(b"", len(data))
    for before in range(MOST_JUNK + 1):
        if not JUNK.issuperset(data[:before]):
            return
        for length in (remote.LENGTH, remote.CLASSIC_LENGTH):
            packet, rest = data[before : before + length], data[before + length :]
            if len(packet) == length and _may_be_remote(packet):
                for after in _readings_of_rest(rest):
                    yield _Body(packet, before + after)


def _may_be_remote(packet: bytes) -> bool:
    if packet[remote.COMMAND] & ~remote.COMMAND_BITS:
        return False
    if len(packet) == remote.LENGTH:
        return packet[remote.FOOTER] in remote.FOOTERS
    return packet[remote.BATTERY_TYPE] in remote.BATTERY_TYPES


def _readings_of_rest(data: bytes) -> Iterator[int]:
    """Yield how much junk there is, for every way to read this as junk with at most one accessory's packet in it."""
    if _is_junk(data):
        yield len(data)
    for before in range(min(MOST_JUNK + 1, len(data))):
        if not JUNK.issuperset(data[:before]):
            return
        accessory = ACCESSORIES.get(data[before])
        for length in accessory.lengths if accessory else ():
            rest = data[before + length :]
            if before + length <= len(data) and _is_junk(rest):
                yield before + len(rest)


def hunt(data: bytes) -> Found | None:
    """Return the inverter that speaks in this data, or None while there is no proof of one."""
    seen: dict[Identity, list[int]] = {}
    for at, identity in (*inverters(data), *_classic_inverters(data)):
        seen.setdefault(identity, []).append(at)
    best: tuple[tuple[int, int, int], Found] | None = None
    for identity, places in seen.items():
        if len(places) < _ENOUGH:
            continue
        for chain in _chains(data, identity, places):
            footers = {body.remote[-1] for body in chain if body.remote}
            explains = identity.length, len(footers) * len(chain), -sum(body.junk for body in chain)
            if best is None or explains > best[0]:
                last = data[places[-1] : places[-1] + identity.length]
                best = explains, Found(identity, last, *_settings(chain))
    return best[1] if best else None


def _chains(data: bytes, identity: Identity, places: list[int]) -> Iterator[list[_Body]]:
    """Yield what is between packets that are in step, for each row of them that is long enough to be proof."""
    enough = _ENOUGH if identity.listed else _ENOUGH_UNLISTED
    chain: list[_Body] = []
    for place, following in zip(places, [*places[1:], -1], strict=True):
        body = data[place + identity.length : following] if following >= 0 else b""
        in_step = following >= place + identity.length and len(body) <= LONGEST_BODY
        best = min(_readings_of_body(body), key=lambda way: way.junk, default=None) if in_step else None
        if best is not None:
            chain.append(best)
            continue
        if len(chain) + 1 >= enough:
            yield chain
        chain = []


def _settings(chain: list[_Body]) -> tuple[int, bytes]:
    bases = Counter((len(body.remote), body.remote[1 : remote.BASE_LENGTH]) for body in chain if body.remote)
    for (length, base), count in bases.most_common(1):
        if count > 1:
            return length, base
    return 0, b""
