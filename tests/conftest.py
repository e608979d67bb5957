"""What holds for every test: how long one example takes is no property, and the log starts with no cause logged."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from typing import NoReturn

import pytest
import structlog
from hypothesis import settings
from structlog.typing import EventDict

from toolkit import log
from toolkit.limiter import Limiter

settings.register_profile("project", deadline=None)
settings.load_profile("project")

# A shell starts a job in the background with Ctrl-C ignored, and so would be every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker waits for them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


def _to_caplog(_logger: object, method: str, event: EventDict) -> NoReturn:
    """Pass an event on to the standard library's logging, which pytest captures; the last processor."""
    level = logging.getLevelNamesMapping()[method.upper()]
    logging.getLogger("events").log(level, "%s", event["event"], extra={"fields": event["fields"]})
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def events_in_caplog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(log, "limiter", Limiter())
    structlog.configure(
        processors=[log.limit, _to_caplog], wrapper_class=structlog.make_filtering_bound_logger("debug")
    )
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
