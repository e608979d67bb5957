"""Voting: published is what was received twice alike."""

from __future__ import annotations

from exporter.sources.magnum.voting import Rule, Tolerance, Voter

BATTERY = Rule(wide=(2, 4), varying={2: Tolerance(1), 4: Tolerance(1, signed=True)})


def packet(soc: int, volts: int, amperes: int) -> bytes:
    return bytes([0x81, soc]) + volts.to_bytes(2, "big") + amperes.to_bytes(2, "big", signed=True)


def test_first_packet_confirms_nothing() -> None:
    voter = Voter(Rule(patience=None))
    assert voter.vote(b"\1\2", 0.0, clean=True) is None
    assert voter.vote(b"\1\3", 0.1, clean=True) is None
    proven = voter.vote(b"\1\3", 0.2, clean=True)
    assert proven is not None
    assert proven.payload == b"\1\3"


def test_noisy_line_needs_three() -> None:
    voter = Voter(Rule(patience=None))
    answers = [voter.vote(b"\1\2", second, clean=False) for second in (0.0, 1.0, 2.0)]
    assert answers[:2] == [None, None]
    assert answers[2] is not None


def test_each_value_is_confirmed_alone() -> None:
    voter = Voter(BATTERY)
    voter.vote(packet(85, 2449, -68), 0.0, clean=True)
    proven = voter.vote(packet(85, 2451, -68), 1.0, clean=True)
    assert proven is not None
    assert proven.has(1)
    assert proven.has(4, 2)
    assert not proven.has(2, 2), "the volts have been seen once"


def test_flipped_bit_keeps_the_last_value() -> None:
    voter = Voter(BATTERY)
    for second in range(3):
        voter.vote(packet(85, 2449, -68), float(second), clean=False)
    proven = voter.vote(packet(21, 2449, -68), 3.0, clean=False)
    assert proven is not None
    assert proven.payload[1] == 85
    for second in range(4, 8):
        proven = voter.vote(packet(20 + 10 * second, 2449, -68), float(second), clean=False)
        assert proven is not None
    assert not proven.has(1), "but not for ever"


def test_near_value_passes_on_a_clean_line() -> None:
    voter = Voter(Rule(wide=(2, 4), varying={2: Tolerance(10)}))
    voter.vote(packet(85, 2449, -68), 0.0, clean=True)
    proven = voter.vote(packet(85, 2459, -68), 1.0, clean=True)
    assert proven is not None
    assert proven.payload == packet(85, 2459, -68)
    proven = voter.vote(packet(85, 2470, -68), 2.0, clean=False)
    assert proven is not None
    assert proven.payload == packet(85, 2459, -68), "on a noisy line it is the last one proven"


def test_restless_value_passes_as_median() -> None:
    voter = Voter(BATTERY)
    assert voter.vote(packet(85, 2449, -1), 0.0, clean=True) is None
    voter.vote(packet(85, 2449, 3), 1.0, clean=True)
    proven = voter.vote(packet(85, 2449, 1), 2.0, clean=True)
    assert proven is not None
    assert proven.payload == packet(85, 2449, 1), "signed: -1 is less than 1"
    noisy = Voter(BATTERY)
    for second, amperes in enumerate((-1, 3, 1, 7, 12)):
        proven = noisy.vote(packet(85, 2449, amperes), float(second), clean=False)
    assert proven is not None
    assert not proven.has(4, 2)


def test_old_packets_confirm_nothing() -> None:
    voter = Voter(Rule(patience=None))
    voter.vote(b"\1", 0.0, clean=True)
    assert voter.vote(b"\1", 31.0, clean=True) is None


def test_whole_packets_first_then_values() -> None:
    voter = Voter(Rule(patience=4))
    voter.vote(b"\0\0", 0.0, clean=True)
    results = [voter.vote(bytes([1, number]), 0.1 * number, clean=True) for number in range(1, 6)]
    assert results[:3] == [None] * 3
    assert results[3] is not None
    assert results[3].payload[0] == 1
    assert not results[3].has(1)


def test_climbing_value_is_confirmed() -> None:
    voter = Voter(Rule(trending={1: Tolerance(2)}))
    answers = [voter.vote(packet(soc, 2449, -68), second, clean=True) for second, soc in enumerate((40, 39, 38, 36))]
    assert [answer.payload[1] for answer in answers if answer is not None and answer.has(1)] == [39, 38]


def test_climbing_value_that_turns_or_leaps() -> None:
    for numbers, clean in (((40, 39, 38), False), ((40, 39, 40), True), ((40, 44, 45), True)):
        voter = Voter(Rule(trending={1: Tolerance(2)}, memory=2))
        last = None
        for second, soc in enumerate(numbers):
            last = voter.vote(packet(soc, 2449, -68), float(second), clean=clean)
        assert last is not None
        assert not last.has(1) or last.payload[1] != numbers[1]
