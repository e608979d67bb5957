"""Synthetic systems: any listed inverter, old or new, with or without remote and accessories, at rest or at work."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from exporter.sources.magnum.devices import inverter, inverter_models, remote
from tests.exporter.harness.damaged_streams import Sent

PAGES = (
    (0x80, "000000002800"),
    (0x00, "000000000000"),
    (0xA0, "071414006E00"),
    (0xA1, "1C1C87461D14"),
    (0xA2, "465000781478"),
    (0xA3, "5E5F00240200"),
    (0xA4, "1E1E00000000"),
)


@dataclass
class System:
    """One system; its packets come from `cycle`."""

    dice: random.Random
    steady: bool

    def __post_init__(self) -> None:
        dice = self.dice
        self.code = dice.choice(list(inverter_models.MODELS))
        self.nominal = inverter_models.MODELS[self.code][1]
        self.classic = dice.random() < 0.25
        self.revision = dice.randint(10, 39) if self.classic else dice.randint(40, 80)
        self.stack_mode = dice.choice(list(inverter.STACK_MODES))
        self.state = dice.choice([*inverter.STATES, 0x00, 0x40])
        self.remote = dice.choice(["old", "new", "new", "none"])
        self.output = dice.random() < 0.7
        self.celsius = bytes(dice.randint(0, 60) for _ in range(3))
        self.accessories = [name for name in ("ags", "bmk", "rtr") if dice.random() < 0.4]
        self.junk = dice.choice([(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 2, 2)])
        self.settings = bytes(
            [
                0,
                dice.choice([0, 5, 10]),
                dice.randint(0, 255),
                dice.choice([2, 4, 8, 10, 120, 138]),
                dice.choice([0, 80, 100]),
                dice.choice([5, 15, 30, 60]),
                dice.choice([12, 23, 28, 32, 40]),
                dice.choice([0, 6, 0x46]),
                dice.choice([0, 1, 2, 4]),
                dice.choice([100, 110, 200, 240]),
                dice.choice([110, 155, 165, 190, 255]),
                *((0, 0, 0) if self.remote == "old" else (dice.choice([130, 134, 136]), dice.choice([0, 2]), 20)),
            ]
        )
        self._fixed = dice.randrange(2**32)

    def cycle(self, number: int) -> list[Sent]:
        """Return the packets of one cycle."""
        # a steady system repeats itself to the byte: what looks like a packet in one cycle does so in all
        dice = random.Random(self._fixed) if self.steady else self.dice  # noqa: S311 - it must be repeatable
        packets = [Sent("inverter", self._inverter(dice))]
        if self.remote == "none":
            return packets
        footer, page = PAGES[number % len(PAGES)]
        if self.remote == "old":
            packets.append(Sent("remote", self.settings + bytes([10, 20])))
        else:
            packets.append(Sent(remote.page_name(footer), self.settings + bytes.fromhex(page) + bytes([footer])))
        return packets + self._accessory(footer, dice)

    def _inverter(self, dice: random.Random) -> bytes:
        packet = bytes([self.state, 0])
        packet += int(self.nominal * 10 * dice.uniform(0.95, 1.2)).to_bytes(2, "big")
        packet += dice.choice([0, 0, 5, 22]).to_bytes(2, "big")
        packet += bytes([120 if self.output else 0, dice.choice([0, 180]), dice.randint(0, 1), dice.randint(0, 1)])
        packet += bytes([self.revision]) + self.celsius + bytes([self.code])
        if self.classic:
            return packet + bytes([self.code])
        hertz = 600 if self.output else 0
        return (
            packet
            + bytes([self.stack_mode, dice.choice([0, 4]), dice.choice([0, 3])])
            + hertz.to_bytes(2, "big")
            + b"\0"
        )

    def _accessory(self, footer: int, dice: random.Random) -> list[Sent]:
        makers: dict[tuple[str, int], Callable[[], Sent]] = {
            ("bmk", 0x80): lambda: Sent("bmk", self._battery(dice)),
            ("ags", 0xA0): lambda: Sent("ags_a1", bytes([0xA1, 2, 0x34, 58, 0, dice.choice([122, 124])])),
            ("ags", 0xA1): lambda: Sent("ags_a2", bytes.fromhex("A20200000000")),
            ("rtr", 0xA3): lambda: Sent("rtr", b"\x91\x20"),
        }
        return [make() for (name, after), make in makers.items() if after == footer and name in self.accessories]

    def _battery(self, dice: random.Random) -> bytes:
        volts, amperes = int(self.nominal * 102) + dice.randint(-20, 20), dice.randint(-80, 80)
        return (
            b"\x81\x55"
            + volts.to_bytes(2, "big")
            + amperes.to_bytes(2, "big", signed=True)
            + int(self.nominal * 95).to_bytes(2, "big")
            + int(self.nominal * 120).to_bytes(2, "big")
            + bytes.fromhex("FFC00E1000390A01")
        )

    def stream(self, cycles: int) -> tuple[list[Sent], bytes]:
        """Return the packets of so many cycles, and their bytes with junk, cut somewhere in the first packet."""
        sent: list[Sent] = []
        data = bytearray()
        for number in range(cycles):
            for seam, packet in enumerate(self.cycle(number)):
                sent.append(packet)
                data += packet.payload + bytes(self.dice.choice((0xFF, 0xFE, 0xFC)) for _ in range(self.junk[seam]))
        return sent, bytes(data[self.dice.randint(0, 15) :])
