"""The real program on a pseudo-terminal: what a person has who starts it."""

from __future__ import annotations

import os
import threading
import time
import tty
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from tests.support import Process, command, free_port

CYCLE_IDLE = 0.05
BETWEEN_PACKETS = 0.01
Key = tuple[str, frozenset[tuple[str, str]]]


class Wire:
    """A pseudo-terminal under a name of our own, as an adapter's by-id name; written at the bus's pace or at once."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master = -1

    def plug(self) -> None:
        """Make a new device and let the name point to it."""
        self.master, follower = os.openpty()
        tty.setraw(follower)
        self.name.symlink_to(os.ttyname(follower))
        os.close(follower)

    def unplug(self) -> None:
        """Take it all away."""
        self.name.unlink(missing_ok=True)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def write(self, packets: Iterable[bytes], *, gaps: bool = True) -> None:
        """Send packets; with gaps, an idle 50 ms stand before each inverter's and 10 ms before each other."""
        for packet in packets:
            if gaps:
                time.sleep(CYCLE_IDLE if len(packet) in (16, 21) and packet[-1] == 0 else BETWEEN_PACKETS)
            os.write(self.master, packet)

    def repeat(self, packets: Iterable[bytes], until: threading.Event) -> threading.Thread:
        """Send packets over and over in a thread of its own until the event is set."""
        told = list(packets)

        def run() -> None:
            while not until.is_set():
                for packet in told:
                    time.sleep(BETWEEN_PACKETS)
                    if until.is_set():
                        return
                    os.write(self.master, packet)
                time.sleep(CYCLE_IDLE)

        thread = threading.Thread(target=run)
        thread.start()
        return thread


class Exporter:
    """The exporter as a process; leaving the context ends it."""

    def __init__(self, config: Path, *flags: str) -> None:
        self.port = free_port()
        self.process = Process(
            [
                command("magnum-exporter"),
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                *flags,
            ]
        )

    def __enter__(self) -> Self:
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, value, traceback)

    def get(self, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
        """Return status and text; 0 while nobody listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return 0, ""

    def page(self, query: str = "") -> dict[Key, float]:
        """Return the samples of the page."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.get(f"/metrics{query}")[1])
            for sample in family.samples
        }

    def value(self, metric: str, **labels: str) -> float | None:
        """Return one sample, None when it is not there."""
        return self.page().get((metric, frozenset(labels.items())))
