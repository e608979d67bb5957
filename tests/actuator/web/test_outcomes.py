"""What a request is answered when too much waits for the next turn, or when the program ends."""

from __future__ import annotations

from typing import Literal

import pytest
from aiohttp import web

from actuator.intake.input_queue import Answer, FullError
from actuator.web.outcomes import in_time


async def full(waiting: Literal["notifications", "commands"]) -> Answer:
    raise FullError(waiting)


async def ending() -> Answer:
    return None


async def test_what_waits_is_named() -> None:
    with pytest.raises(web.HTTPServiceUnavailable) as commands:
        await in_time(full("commands"))
    assert commands.value.text == "32 commands are waiting: try again in a second."
    assert commands.value.headers["Retry-After"] == "1"
    with pytest.raises(web.HTTPServiceUnavailable) as notifications:
        await in_time(full("notifications"))
    assert (notifications.value.text or "").endswith("send it again.")
    with pytest.raises(web.HTTPServiceUnavailable, match="Service Unavailable") as end:
        await in_time(ending())
    assert end.value.text == "The actuator is ending: not known to be done."
