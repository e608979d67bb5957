"""How many damaged answers are published wrong: `python -m tests.exporter.harness.mutated_answers [--mutations 10000]`.

In an answer of each profile one byte is changed and the checksum made right again, as when a gateway or an adapter
damages what it passes on, or the dialect is a wrong one. A value counts as wrong when it is published and differs by
more than 5 % from the undamaged answer's. *Before* is without the checks that each profile declares, *after* with them.
Temperatures, cycles and states are said only once in an answer, so no check can find them wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from exporter.fields import Sample, decode
from exporter.sources.classic import whizbang
from exporter.sources.modbus.profiles import PROFILES, Profile, jk, profile
from exporter.sources.modbus.protocol import READ_HOLDING
from exporter.sources.modbus.registers import Registers
from exporter.sources.plausibility import Check, facts_of, judge, without
from exporter.sources.pylontech import modules
from exporter.sources.pylontech.dialects import DIALECTS, ContentError
from exporter.sources.pylontech.frame import Frame, parse
from exporter.sources.vedirect import fields as vedirect
from exporter.sources.vedirect.framing import Framer
from simulator.devices.bms_profiles import PROFILES as SIMULATED
from simulator.devices.bms_profiles import BmsReadings
from tests.exporter.harness.device_captures import vector

SEED = 12
WRONG_BY = 0.05

Published = Mapping[tuple[str, tuple[str, ...]], float]
"""The values of an answer by metric and labels; empty when it is refused."""


class Subject(NamedTuple):
    """An answer that can be damaged.

    Attributes:
        name: of its profile.
        data: its bytes.
        checks: what its profile declares.
        published: returns what is published of such bytes, under some of the checks.
    """

    name: str
    data: bytes
    checks: tuple[Check, ...]
    published: Callable[[bytes, tuple[Check, ...]], Published]


class Count(NamedTuple):
    """How many damaged answers have a wrong value, and how many a wrong state of charge."""

    values: int
    soc: int


def _by_series(samples: Sequence[Sample]) -> Published:
    return {(sample.metric, sample.labels): sample.value for sample in samples}


def _modbus(device: Profile, words: Mapping[tuple[int, int], int], name: str | None = None) -> Subject:
    places = sorted(
        {(at.function, at.address + device.step * word) for at in device.places for word in range(at.type.words)}
    )
    data = struct.pack(f">{len(places)}H", *(words.get(place, 0) & 0xFFFF for place in places))

    def published(damaged: bytes, checks: tuple[Check, ...]) -> Published:
        found = dict(zip(places, struct.unpack(f">{len(places)}H", damaged), strict=True))
        samples = decode(device.fields, Registers(found, device.step))
        judged = judge(checks, facts_of(samples, "modbus"))
        return {} if judged.whole else _by_series(without(samples, "modbus", judged.refused))

    return Subject(name or device.name, data, device.checks, published)


def _captured(name: str, first: int, function: int = READ_HOLDING) -> Mapping[tuple[int, int], int]:
    found = vector(name)
    words = found.get("registers")
    if words is None:
        reply = bytes.fromhex(found["response_hex"])[3:-2]
        words = struct.unpack(f">{len(reply) // 2}H", reply)
    return {(function, address): word for address, word in enumerate(words, first)}


def _simulated(name: str, unit: int, function: int = READ_HOLDING) -> Mapping[tuple[int, int], int]:
    readings = BmsReadings(
        volts=52.8, amperes=-12.5, soc=0.55, capacity_ampere_hours=200, celsius=18, nominal_volts=48, known=True
    )
    return {(function, address): word for address, word in SIMULATED[name].image(readings, unit).items()}


def _jk() -> Mapping[tuple[int, int], int]:
    """Return the registers of a captured memory, which the frame has with the low byte first."""
    memory = bytes.fromhex(vector("jk_pb_status")["response_hex"])[6:]
    found: dict[tuple[int, int], int] = {}
    for at in jk.PROFILE.places:
        raw = memory[at.address - 0x1200 : at.address - 0x1200 + 2 * at.type.words]
        words = struct.unpack(f">{at.type.words}H", raw if at.mask else raw[::-1])
        found |= {(READ_HOLDING, at.address + 2 * index): word for index, word in enumerate(words)}
    return found


def _pylontech(name: str, frame: Frame, label: str = "") -> Subject:
    dialect = DIALECTS[name]

    def published(damaged: bytes, checks: tuple[Check, ...]) -> Published:
        try:
            found = dialect.read(replace(frame, info=damaged))
        except ContentError:
            return {}
        kept = []
        for module in found:
            judged = judge(checks, module.facts)
            if judged.whole:
                return {}
            kept.append(replace(module, **dict.fromkeys(judged.refused)))  # type: ignore[arg-type]
        return _by_series(modules.samples({str(number): module for number, module in enumerate(kept, 1)}))

    return Subject(f"{name}{label}", frame.info, dialect.checks, published)


def _vedirect() -> Subject:
    block = bytes.fromhex(vector("vedirect_bmv702_block1")["response_hex"])

    def published(damaged: bytes, checks: tuple[Check, ...]) -> Published:
        whole = damaged + bytes((-sum(damaged) % 256,))
        for found in Framer().feed(whole):
            samples = decode(vedirect.LIVE, found)
            judged = judge(checks, facts_of(samples, "vedirect"))
            return {} if judged.whole else _by_series(without(samples, "vedirect", judged.refused))
        return {}

    return Subject("vedirect", block[:-1], vedirect.CHECKS, published)


def _whizbang() -> Subject:
    places = (4365, 4366, 4367, 4368, 4369, 4370, 4371, 4372, 4373, 4377, 4381)
    values = (1000, 0, 0xFFFF - 900, 0xFFFF, 100, 0, 0xFFFF - 124, 75, 89, 448, 500)

    def published(damaged: bytes, checks: tuple[Check, ...]) -> Published:
        words = struct.unpack(f">{len(places)}H", damaged)
        record = Registers({(READ_HOLDING, place): word for place, word in zip(places, words, strict=True)})
        judged = judge(checks, whizbang.facts(record))
        if judged.whole:
            return {}
        kept = [field for field in whizbang.FIELDS if not (judged.refused and field in whizbang.AMPHOURS)]
        return _by_series(decode(kept, record))

    return Subject("classic (Whizbang Jr)", struct.pack(f">{len(places)}H", *values), whizbang.CHECKS, published)


def subjects() -> Iterator[Subject]:
    """Yield an answer of every profile and dialect."""
    yield _modbus(profile("victron-gx", 100), _simulated("victron-gx", 100), "victron-gx, system")
    yield _modbus(profile("victron-gx", 225), _simulated("victron-gx", 225), "victron-gx, battery")
    yield _modbus(jk.PROFILE, _jk())
    yield _modbus(PROFILES["pace"], _simulated("pace", 1))
    cells = {(4, 0x1100 + cell): 3300 for cell in range(16)}
    yield _modbus(PROFILES["seplos-v3"], {**_simulated("seplos-v3", 0, 4), **cells})
    yield _modbus(PROFILES["seplos-v3-bank"], _captured("seplos_v3_00042000001a", 0x2000, 4))
    yield _modbus(PROFILES["renogy"], {**_simulated("renogy", 0x30), **{(3, 5001 + cell): 33 for cell in range(16)}})
    yield _modbus(PROFILES["eg4-ll"], _captured("eg4_ll_v106", 0))
    yield _modbus(PROFILES["daly"], _captured("daly_status_frame_80_reg_1", 0))
    p81 = {**_captured("daly_p81_cells_frame", 0), **_captured("daly_p81_status_frame", 65)}
    yield _modbus(PROFILES["daly-p81"], p81)
    yield _modbus(PROFILES["pylontech-rt"], _captured("pylontech_rt12100", 0x1016))
    yield _pylontech("pylontech", parse(_text("pylontech_2")), " (stack of 2)")
    yield _pylontech("pace", parse(_text("pace_ascii_analog")), " (ASCII)")
    payload = bytes.fromhex(vector("seplos_v2_telemetry")["payload_hex"])
    yield _pylontech("seplos-v2", Frame(0x20, 0, 0, payload[6:]))
    yield _pylontech("midnite", parse(MIDNITE))
    yield _pylontech("lifepower4", parse(LIFEPOWER4))
    yield _vedirect()
    yield _whizbang()


MIDNITE = (
    b"~01014F42B0BA0001100D7C0D7C0D7D0D7C0D750D7B0D7C0D7C0D770D7C0D7C0D7B0D730D7F0D7E0D7E060BAB0B9D0B900B860B860B99000015"
    b"917AA8007AA800097AA81597000064048800000000\x00\x00\x00\x020000000000000000000000000000FFE7041C64D656"
)
LIFEPOWER4 = (
    b"~20014A00A0CA1001100D2F0D2C0D2C0D2D0D2D0D2F0D2F0D2F0D2C0D2D0D2D0D2F0D300D2C0D300D2C040B9B0BA50B9B0B9B0BB90BAF029D15"
    b"1521A9268400540F005700620D300D2C00040BA50B9B000ADAC0000A54550005D473000570A600000680000004CA56897E24D1A5"
)
"""Published with nkinnan/esphome-pace-bms, protocol version 20."""


def _text(name: str) -> bytes:
    text: str = vector(name)["response_ascii"]
    return text.removesuffix("\\r").encode()


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one of them changed."""
    at = draw.randrange(len(data))
    return data[:at] + bytes((data[at] ^ draw.randrange(1, 256),)) + data[at + 1 :]


def _wrong(truth: Published, published: Published) -> Iterator[str]:
    """Yield the metrics of which a value differs by more than 5 % from the truth."""
    for (metric, labels), value in published.items():
        true = truth.get((metric, labels))
        if true is None or abs(value - true) > WRONG_BY * abs(true):
            yield metric


def counted(subject: Subject, mutations: int, seed: int = SEED) -> tuple[Count, Count]:
    """Return how many of so many damaged answers are published wrong, without the checks and with them."""
    draw = random.Random(f"{seed} {subject.name}")  # noqa: S311 - no secret
    answers = [damaged(subject.data, draw) for _ in range(mutations)]
    truth = subject.published(subject.data, subject.checks)
    assert truth, f"{subject.name}: the undamaged answer is refused"
    counts = []
    for checks in ((), subject.checks):
        wrong = [set(_wrong(truth, subject.published(answer, checks))) for answer in answers]
        soc = sum(any(metric.endswith("soc_ratio") for metric in metrics) for metrics in wrong)
        counts.append(Count(sum(map(bool, wrong)), soc))
    before, after = counts
    return before, after


def row(number: int, mutations: int, seed: int) -> str:
    """Return the row of one subject, by its place among the subjects."""
    subject = tuple(subjects())[number]
    before, after = counted(subject, mutations, seed)
    checks = ", ".join(check.reason for check in subject.checks)
    return f"| {subject.name} | {checks} | {before.values} | {after.values} | {before.soc} | {after.soc} |"


def main() -> None:
    """Write the table; every processor counts, at the lowest priority."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="damaged answers for each profile")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    print(f"Of {arguments.mutations} damaged answers, published wrong by more than 5 %:\n")
    print("| profile | checks | any value before | after | state of charge before | after |\n|---|---|--:|--:|--:|--:|")
    one = partial(row, mutations=arguments.mutations, seed=arguments.seed)
    with multiprocessing.Pool(initializer=os.nice, initargs=(19,)) as pool:
        for line in pool.imap(one, range(len(tuple(subjects())))):
            print(line, flush=True)


if __name__ == "__main__":
    main()
