"""Streams with damage of which the truth is known: which byte came from where, and which packets are whole."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from exporter.sources.magnum.framing import Frame, Framer

CLEAN, FLIP, DROP, INSERT, HOLES = "clean", "flip", "drop", "insert", "holes"


class Sent(NamedTuple):
    """A packet as it was sent."""

    kind: str
    payload: bytes


@dataclass
class Stream:
    """A damaged stream.

    Attributes:
        sent: the packets, in order.
        data: the bytes as they arrive.
        origin: for each of them the number of the packet from which it is; -1 for junk and insertions.
        whole: for each packet whether all of its bytes arrive unchanged and together.
    """

    sent: list[Sent]
    data: bytes
    origin: list[int]
    whole: list[bool]


def junk_after(kind: str, model: str, dice: random.Random) -> bytes:
    """Return what an adapter adds after a packet: models are none, inverter, and everywhere."""
    if model == "none":
        return b""
    if kind == "inverter":
        return b"\xff" if dice.random() < 6 / 7 else b"\xfe"
    if model == "inverter":
        return b""
    return b"\xff" if kind.startswith("remote") else b"\x39" if kind == "bmk" else b""


def damaged(sent: list[Sent], junk: str, how: str, rate: float, seed: int) -> Stream:
    """Return the packets as a stream in which each byte is damaged with a probability of `rate`."""
    dice = random.Random(seed)  # noqa: S311 - it must be repeatable
    clean: list[tuple[int, int]] = []
    for number, (kind, payload) in enumerate(sent):
        clean += [(byte, number) for byte in payload] + [(byte, -1) for byte in junk_after(kind, junk, dice)]
    whole = [True] * len(sent)
    data, origin = bytearray(), []

    def spoil(number: int) -> None:
        if number >= 0:
            whole[number] = False

    at = 0
    while at < len(clean):
        byte, number = clean[at]
        if how != CLEAN and dice.random() < rate:
            if how == FLIP:
                byte ^= 1 << dice.randrange(8)
                spoil(number)
            elif how == DROP:
                spoil(number)
                at += 1
                continue
            elif how == HOLES:
                end = at + dice.randint(5, 120)
                for _, lost in clean[at:end]:
                    spoil(lost)
                at = end
                continue
            else:
                if at and clean[at - 1][1] == number:
                    spoil(number)
                data.append(dice.randrange(256))
                origin.append(-1)
        data.append(byte)
        origin.append(number)
        at += 1
    return Stream(sent, bytes(data), origin, whole)


def flipped_packets(sent: list[Sent], one_in: int, seed: int) -> Stream:
    """Return a stream in which one packet in so many has one flipped bit."""
    dice = random.Random(seed)  # noqa: S311 - it must be repeatable
    data, origin, whole = bytearray(), [], []
    for number, (_, payload) in enumerate(sent):
        packet = bytearray(payload)
        hit = dice.randrange(one_in) == 0
        if hit:
            packet[dice.randrange(len(packet))] ^= 1 << dice.randrange(8)
        data += packet
        origin += [number] * len(packet)
        whole.append(not hit)
    return Stream(sent, bytes(data), origin, whole)


class Tally(NamedTuple):
    """How a framer did.

    Attributes:
        good: whole packets that were found.
        wrong: frames that are not a packet that was sent.
        misaligned: those among them that are off by three bytes or more.
    """

    good: int
    wrong: int
    misaligned: int


def tally(stream: Stream) -> Tally:
    """Feed a stream byte by byte, so that each frame's end is known, and compare with the truth."""
    framer = Framer()
    frames: list[Frame] = []
    for at in range(len(stream.data)):
        frames += framer.feed(stream.data[at : at + 1], float(at))
    frames += framer.flush()
    good = wrong = misaligned = 0
    for frame in frames:
        end = int(frame.at)
        number = stream.origin[end]
        sent = stream.sent[number] if number >= 0 else None
        if sent is not None and frame.payload == sent.payload and frame.kind == sent.kind:
            good += 1
            continue
        wrong += 1
        off = 99
        if sent is not None and len(sent.payload) == len(frame.payload):
            off = sum(one != other for one, other in zip(sent.payload, frame.payload, strict=True))
        misaligned += off >= 3
    return Tally(good, wrong, misaligned)
