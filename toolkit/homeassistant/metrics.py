"""What a program reports about its own connection to the broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Ignored = Literal["retained", "malformed", "no_time", "late", "future", "replayed", "rate", "clock", "refused"]
REASONS: Final[tuple[Ignored, ...]] = get_args(Ignored)
"""Why a command is ignored."""


class Counts(Collector):
    """Counts since the start of the program.

    Args:
        prefix: of the program's metrics.
        reasons: for which commands are ignored; empty: the program takes none.

    Attributes:
        connected: the broker has accepted us, and the connection stands.
        sent: messages that the broker got.
        dropped: messages of values that it did not get in time.
        ignored: commands, by the reason why they were ignored.
        obeyed: commands that the controller has taken.
    """

    def __init__(self, prefix: str, reasons: tuple[str, ...] = ()) -> None:
        self._prefix = prefix
        self.connected = False
        self.sent = self.dropped = self.obeyed = 0
        self.ignored = dict.fromkeys(reasons, 0)

    def collect(self) -> Iterator[Metric]:
        """Return the families."""
        name = f"{self._prefix}_mqtt"
        yield GaugeMetricFamily(
            f"{name}_connected", "1 while the program is connected to the MQTT broker.", float(self.connected)
        )
        yield CounterMetricFamily(f"{name}_messages", "Messages sent to the MQTT broker since the start.", self.sent)
        yield CounterMetricFamily(
            f"{name}_dropped",
            "Messages with values that a lost or slow MQTT broker did not get, since the start.",
            self.dropped,
        )
        if self.ignored:
            yield CounterMetricFamily(
                f"{name}_commands", "Commands over MQTT that were taken by the controller since the start.", self.obeyed
            )
            ignored = CounterMetricFamily(
                f"{name}_commands_ignored",
                "Commands over MQTT that were ignored since the start: retained by the broker, not understood "
                "(malformed), without the sender's time (no_time), more than 30 s old (late), or ahead of our clock "
                "(future), sent already or before our start (replayed), less than a second after another (rate), while "
                "our clock may be wrong (clock), or not taken by the controller (refused).",
                labels=["reason"],
            )
            for reason, count in self.ignored.items():
                ignored.add_metric([reason], count)
            yield ignored
