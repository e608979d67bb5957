"""Which registers are read in how few requests, and around what a device lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.base import SourceError
from exporter.sources.modbus.plan import MOST_TRIES, Ask, Block, Reader, Span, blocks
from exporter.sources.modbus.protocol import ILLEGAL_ADDRESS, RefusedError, Request
from exporter.sources.modbus.registers import U16, U32, At, Type


def extents(found: list[Block], step: int = 1) -> list[tuple[int, int, int]]:
    return [(block.function, block.first, block.count(step)) for block in found]


def device(have: set[int], asked: list[tuple[int, int]], *, step: int = 1, code: int = ILLEGAL_ADDRESS) -> Ask:
    def ask(function: int, address: int, count: int) -> tuple[int, ...]:
        asked.append((address, count))
        addresses = range(address, address + step * count, step)
        if not have.issuperset(addresses):
            raise RefusedError(Request(1, function, address, count), code)
        return tuple(each & 0xFFFF for each in addresses)

    return ask


def test_gaps_are_read_along_up_to_a_limit() -> None:
    places = [At(0), At(10, U32), At(28), At(46)]
    assert extents(blocks(places, gap=16)) == [(3, 0, 29), (3, 46, 1)]
    assert extents(blocks(places, gap=0)) == [(3, 0, 1), (3, 10, 2), (3, 28, 1), (3, 46, 1)]


def test_functions_are_never_mixed() -> None:
    assert extents(blocks([At(0), At(1, function=4), At(2)])) == [(3, 0, 3), (4, 1, 1)]


def test_no_request_is_longer_than_the_protocol_allows() -> None:
    found = blocks([At(address) for address in range(300)])
    assert extents(found) == [(3, 0, 125), (3, 125, 125), (3, 250, 50)]


def test_byte_addresses_count_two_a_register() -> None:
    assert extents(blocks([At(0x1290, U32), At(0x1298, U32)], step=2), 2) == [(3, 0x1290, 6)]


def test_number_is_never_torn_apart() -> None:
    found = blocks([*(At(address) for address in range(124)), At(124, U32)])
    assert extents(found) == [(3, 0, 124), (3, 124, 2)]


def test_refused_gap_is_read_around_from_then_on() -> None:
    asked: list[tuple[int, int]] = []
    reader = Reader(blocks([At(0), At(1), At(10), At(11)]))
    ask = device({0, 1, 10, 11}, asked)
    record = reader.read(ask)
    assert [record.words[3, address] for address in (0, 1, 10, 11)] == [0, 1, 10, 11]
    assert reader.missing == []
    asked.clear()
    reader.read(ask)
    assert asked == [(0, 2), (10, 2)]


def test_what_a_device_lacks_is_absent_and_the_rest_is_there() -> None:
    asked: list[tuple[int, int]] = []
    reader = Reader(blocks([At(0), At(1), At(2)]))
    record = reader.read(device({0, 2}, asked))
    assert record.words == {(3, 0): 0, (3, 2): 2}
    assert reader.missing == [Span(3, 1, 1)]
    reader.reset()
    assert reader.read(device({0, 1, 2}, asked)).words.keys() == {(3, 0), (3, 1), (3, 2)}


def test_device_that_lacks_everything_is_no_device() -> None:
    with pytest.raises(SourceError, match="no such register"):
        Reader(blocks([At(0), At(1)])).read(device(set(), []))


def test_device_that_fails_is_not_searched() -> None:
    asked: list[tuple[int, int]] = []
    with pytest.raises(SourceError, match="the gateway has no path to the device"):
        Reader(blocks([At(0), At(1)])).read(device(set(), asked, code=10))
    assert len(asked) == 1


def test_search_is_spread_over_readings() -> None:
    asked: list[tuple[int, int]] = []
    reader = Reader(blocks([*(At(address) for address in range(32)), At(200)]))
    ask = device({200}, asked)
    for _ in range(20):
        asked.clear()
        assert reader.read(ask).words == {(3, 200): 200}
        assert len(asked) <= 2 + MOST_TRIES
    assert asked == [(200, 1)]
    assert len(reader.missing) == 32


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([U16, U32]), st.sampled_from([3, 4])), min_size=1),
    st.integers(0, 40),
    st.sampled_from([1, 2]),
)
def test_each_value_is_whole_in_a_request(wanted: list[tuple[int, Type, int]], gap: int, step: int) -> None:
    places = [At(address * step, kind, function) for address, kind, function in wanted]
    found = blocks(places, step=step, gap=gap)
    assert max(block.count(step) for block in found) <= 125
    for at in places:
        whole = {(at.function, at.address + step * index) for index in range(at.type.words)}
        holders = [
            block
            for block in found
            if whole <= {(block.function, block.first + step * index) for index in range(block.count(step))}
        ]
        assert holders
