"""Finds the inverter in a stream of which nothing is known yet, or detects that the data wires are swapped.

An inverter packet repeats its identity (model, revision, place in a stack). Three that look like one, with the same
identity and nothing but well-formed packets between them, are no accident; five when the model is not listed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporter.sources.magnum.devices import inverter, inverter_models, remote
from exporter.sources.magnum.devices.inverter import Identity
from exporter.sources.magnum.packet import JUNK, MOST_JUNK
from exporter.sources.magnum.packet_kinds import PacketKind

Accessories = Mapping[int, PacketKind]
"""The kinds of the accessories' packets, by header."""

_ENOUGH = 3
"""Packets of one inverter that prove it, if its model is listed: two may be an accident."""

_ENOUGH_UNLISTED = 5
"""The same if its model is not listed, so that more bytes pass for an identity."""


@dataclass(frozen=True, slots=True)
class Found:
    """The inverter on this bus, and the remote if its settings were received twice alike.

    Attributes:
        identity: the inverter's identity.
        inverter: its latest packet.
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
_CLASSIC = _window(inverter.STATES, inverter.FAULTS, _any_of(inverter_models.MODELS), rb".")
_UNSWAPPED = _window(
    {code & 0x7F for code in inverter.STATES},
    {code & 0x7F for code in inverter.FAULTS},
    _any_of(inverter_models.MODELS),
    _TAIL,
)
_UNSWAP = bytes((~byte & 0xFF) >> 1 for byte in range(256))


def modern_inverters(data: bytes) -> Iterator[tuple[int, Identity]]:
    """Yield the index and the identity of everything that looks like an inverter packet of 21 bytes."""
    for match in _MODERN.finditer(data):
        identity = Identity.of(match[1])
        if inverter.plausible(match[1], inverter.nominal_volts(match[1]) if identity.listed else None):
            yield match.start(), identity


def _classic_inverters(data: bytes) -> Iterator[tuple[int, Identity]]:
    for match in _CLASSIC.finditer(data):
        if inverter.plausible(match[1], inverter.nominal_volts(match[1])):
            yield match.start(), Identity.of(match[1])


def looks_swapped(data: bytes) -> bool:
    """Return whether the data holds inverter packets as they arrive when the two data wires are swapped."""
    # The receiver then takes the previous byte's stop bit for a start bit: it gets the inverse, shifted left, without
    # the highest bit. That is enough to recognise a packet, not to decode it.
    seen = Counter(Identity.of(match[1]) for match in _UNSWAPPED.finditer(data.translate(_UNSWAP)))
    return any(count > 1 for count in seen.values())


def find_inverter(data: bytes, accessories: Accessories) -> Found | None:
    """Return the inverter whose packets are in this data, or None while there is no proof of one."""
    seen: dict[Identity, list[int]] = {}
    for at, identity in (*modern_inverters(data), *_classic_inverters(data)):
        seen.setdefault(identity, []).append(at)
    best: tuple[tuple[int, int, int], Found] | None = None
    for identity, places in seen.items():
        if len(places) < _ENOUGH:
            continue
        for chain in _chains(data, identity, places, accessories):
            footers = {body.remote[-1] for body in chain if body.remote}
            explains = identity.length, len(footers) * len(chain), -sum(body.junk for body in chain)
            if best is None or explains > best[0]:
                last = data[places[-1] : places[-1] + identity.length]
                best = explains, Found(identity, last, *_settings(chain))
    return best[1] if best else None


@dataclass(frozen=True, slots=True)
class _Body:
    """One way to read the bytes between two inverter packets: the remote's packet, if any, and how much junk."""

    remote: bytes
    junk: int


def _chains(data: bytes, identity: Identity, places: list[int], accessories: Accessories) -> Iterator[list[_Body]]:
    """Yield the bodies between the inverter packets, for each row of packets that is long enough to be proof."""
    longest_accessory = max((length for kind in accessories.values() for length in kind.lengths), default=0)
    longest_body = MOST_JUNK + remote.LENGTH + MOST_JUNK + longest_accessory + MOST_JUNK
    enough = _ENOUGH if identity.listed else _ENOUGH_UNLISTED
    chain: list[_Body] = []
    for place, following in zip(places, [*places[1:], -1], strict=True):
        body = data[place + identity.length : following] if following >= 0 else b""
        well_formed = following >= place + identity.length and len(body) <= longest_body
        best = min(_parsed_body(body, accessories), key=lambda way: way.junk, default=None) if well_formed else None
        if best is not None:
            chain.append(best)
            continue
        if len(chain) + 1 >= enough:
            yield chain
        chain = []


def _is_junk(data: bytes) -> bool:
    return len(data) <= MOST_JUNK and JUNK.issuperset(data)


def _parsed_body(data: bytes, accessories: Accessories) -> Iterator[_Body]:
    """Yield every way to read this as junk, with at most a remote's packet and after it an accessory's."""
    if _is_junk(data):
        yield _Body(b"", len(data))
    for before in range(MOST_JUNK + 1):
        if not JUNK.issuperset(data[:before]):
            return
        for length in (remote.LENGTH, remote.CLASSIC_LENGTH):
            packet, rest = data[before : before + length], data[before + length :]
            if len(packet) == length and remote.plausible(packet):
                for after in _junk_around_accessory(rest, accessories):
                    yield _Body(packet, before + after)


def _junk_around_accessory(data: bytes, accessories: Accessories) -> Iterator[int]:
    """Yield how much junk there is, for every way to read this as junk with at most one accessory's packet in it."""
    if _is_junk(data):
        yield len(data)
    for before in range(min(MOST_JUNK + 1, len(data))):
        if not JUNK.issuperset(data[:before]):
            return
        accessory = accessories.get(data[before])
        for length in accessory.lengths if accessory else ():
            rest = data[before + length :]
            if before + length <= len(data) and _is_junk(rest):
                yield before + len(rest)


def _settings(chain: list[_Body]) -> tuple[int, bytes]:
    """Return the length of the remote's packet and its settings, if they were received twice alike."""
    bases = Counter((len(body.remote), body.remote[1 : remote.BASE_LENGTH]) for body in chain if body.remote)
    for (length, base), count in bases.most_common(1):
        if count > 1:
            return length, base
    return 0, b""
