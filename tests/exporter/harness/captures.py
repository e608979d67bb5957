"""Packets of real installations, and streams made of them. Captures first; what is synthetic is named so."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.support import ROOT

FOLDER = ROOT / "tests" / "captures"
LONG = "ms4024pae_arc23_ags52_bmk10.txt"
INVERTING = "ms4448pae_artr32_ags53_bmk_rtr_inverting.txt"
STANDBY = "ms4448pae_artr32_rtr_standby.txt"
ALL = (LONG, INVERTING, STANDBY)

KINDS = {"INVERTER": "inverter", "AGS_A1": "ags_a1", "AGS_A2": "ags_a2", "BMK_81": "bmk", "RTR_91": "rtr"}


class Line(NamedTuple):
    """One line of a capture: what kind the tool that logged it took it for, in our words, and its bytes."""

    kind: str | None
    data: bytes


@cache
def lines(name: str) -> tuple[Line, ...]:
    """Return a capture's lines; merges, splits and noise have no kind."""
    return tuple(
        Line(
            None if kind == "UNKNOWN" else KINDS.get(kind) or kind.lower(),
            bytes.fromhex(data),
        )
        for kind, data in (line.split() for line in (FOLDER / name).read_text().splitlines())
    )


def stream(name: str) -> bytes:
    """Return a capture's bytes, in order."""
    return b"".join(line.data for line in lines(name))


@cache
def vectors() -> tuple[dict[str, Any], ...]:
    """Return the published vectors with what they say."""
    return tuple(json.loads((FOLDER / "magnum.json").read_text())["vectors"])


def vector(name: str) -> dict[str, Any]:
    """Return one vector by its id."""
    return next(vector for vector in vectors() if vector["id"] == name)


def expected() -> Iterator[tuple[str, int, bytes, dict[str, Any]]]:
    """Yield (id, nominal volts, packet, its published values) for every packet whose meaning is published."""
    for each in vectors():
        for segment in each["segments"]:
            if segment.get("decoded_expected"):
                yield each["id"], each["nominal_v"], bytes.fromhex(segment["hex"]), segment["decoded_expected"]
        for packet in each.get("expected_packets") or ():
            yield each["id"], each["nominal_v"], bytes.fromhex(packet["hex"]), packet["decoded"]


def chunks(data: bytes, size: int, seed: int = 1) -> Iterator[bytes]:
    """Yield the data in chunks of a size; 0: of 1 to 70 bytes at random."""
    dice = random.Random(seed)  # noqa: S311 - it must be repeatable
    at = 0
    while at < len(data):
        step = size or dice.randint(1, 70)
        yield data[at : at + step]
        at += step
