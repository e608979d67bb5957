"""The AIMS inverter: its replies in the form of captured ones, and its faults."""

from __future__ import annotations

import pytest

from simulator.devices.aims import Aims
from simulator.site import Site, advance, clear, inject, set_soc
from tests.simulator.sites import make_site


@pytest.fixture
def site() -> Site:
    return make_site()


def fields(reply: bytes) -> list[str]:
    assert reply.startswith(b"(")
    assert reply.endswith(b"\r")
    return reply[1:-1].decode().split(" ")


async def test_replies_have_the_form_of_captured_ones(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    reply = await aims.receive(b"Q1\r")
    assert len(reply) == 47
    values = fields(reply)
    assert values[0] == "000.0"
    assert values[2:5] == ["120.0", "015", "60.0"]
    assert float(values[5]) == pytest.approx(site.battery.volts, abs=0.05)
    assert values[6:] == ["00.0", "10001001"]
    inject(site, "shore")
    advance(site, 30)
    assert fields(await aims.receive(b"Q1\r"))[0] == "120.0"
    assert (await aims.receive(b"Q1\r")).endswith(b" 00001000\r")
    assert await aims.receive(b"F\r") == b"#120.0 017 24.00 60.0\r"
    assert await aims.receive(b"I\r") == b"#AIMS Power      PICOGLF12W V1.00     \r"


async def test_other_dialect_echoes_q1(site: Site) -> None:
    aims = Aims(site, site.faults.aims, dialect="QS")
    assert await aims.receive(b"Q1\r") == b"Q1\r"
    assert fields(await aims.receive(b"QS\r"))


async def test_counts_and_refuses_other_commands(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    assert await aims.receive(b"Q") == b""
    assert await aims.receive(b"\rS01\rT\r") == b"NAK\rNAK\rNAK\r"
    assert aims.commands == {"Q": 1, "S01": 1, "T": 1}


@pytest.mark.parametrize(
    ("form", "begin", "end"),
    [
        ("nak", b"NAK", b"NAK\r"),
        ("(nak", b"(NAK", b"(NAK\r"),
        ("ack", b"(ACK", b"(ACK\r"),
        ("echo", b"Q1", b"Q1\r"),
        ("dashes", b"(---.- 110.0 120.0 015 --.- ", b" --.- 10001001\r"),
        ("nul", b"(000.0 ", b" 10001001\r\x00"),
        ("padded", b" (000.0 ", b" 10001001  \r"),
        ("truncated", b"(000.0 ", b" 00.0 10"),
    ],
)
async def test_reply_forms(site: Site, form: str, begin: bytes, end: bytes) -> None:
    inject(site, "aims_reply", form)
    reply = await Aims(site, site.faults.aims).receive(b"Q1\r")
    assert reply.startswith(begin)
    assert reply.endswith(end)


async def test_frozen_and_silent(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    before = await aims.receive(b"Q1\r")
    inject(site, "aims_frozen")
    set_soc(site, 0.9)
    assert await aims.receive(b"Q1\r") == before
    clear(site, "aims_frozen")
    assert await aims.receive(b"Q1\r") != before
    inject(site, "aims_silent")
    assert await aims.receive(b"Q1\r") == b""
