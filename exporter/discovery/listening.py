"""Recognises what a port receives at 19200 baud without a request: the Magnum network, VE.Direct, or something else."""

from __future__ import annotations

import io
import os
import select
import time
from collections.abc import Callable

from exporter.discovery.found import Found, Source
from exporter.discovery.magnum_packets import Listener
from exporter.discovery.ports import listening
from exporter.fields import decode
from exporter.sources.serial_port import lost_error
from exporter.sources.vedirect import fields
from exporter.sources.vedirect.framing import Block, Framer

BAUD = 19200
SECONDS = 10.0
"""How long a port is listened to before it counts as silent: the Magnum network sends every 0.1 s, VE.Direct each s."""

_STEP = 0.05


class Recogniser:
    """Takes what a port receives, and recognises what sends it. Pure.

    Attributes:
        received: how many bytes.
    """

    def __init__(self, port: str) -> None:
        self.received = 0
        self._port = port
        self._magnum = Listener(io.StringIO(), as_json=False, every=False, coloured=False)
        self._framer = Framer()
        self._block: Block = {}

    def receive(self, data: bytes, at: float) -> None:
        """Take bytes received `at` seconds after the start; none: the line was silent."""
        self.received += len(data)
        self._magnum.receive(data, at)
        for block in self._framer.feed(data):
            self._block = {**self._block, **block}

    def result(self) -> Found | None:
        """Return what is on the port; None: no byte was received."""
        if not self.received:
            return None
        self._magnum.end()
        if self._magnum.bus.framer.identity is not None:
            return self._network()
        if self._block:
            return self._monitor()
        # Its sentences name swapped wires, and batteries whose lines can be read at this speed.
        first, *more = self._magnum.findings()
        if self._magnum.bus.framer.swapped:
            return Found(place=self._port, text=f"A Magnum network. {first}", remedy="Then run discover again.")
        if more:
            return Found(place=self._port, text=" ".join((first, *more)), remedy="Another program asks them: end it.")
        return Found(
            place=self._port,
            text=f"{self.received} bytes that are neither a Magnum network nor VE.Direct at {BAUD} baud.",
            remedy="Something sends here, so nothing was written. If it is a Magnum network, use the outer pair of its "
            "four wires. Look at it: magnum-exporter listen PORT",
        )

    def _network(self) -> Found:
        present, *more = self._magnum.findings()
        about = present.removeprefix("Present: ").removesuffix(".")
        source = Source(name="main", options={"type": "magnum", "port": self._port}, about=about)
        return Found(place=self._port, text=" ".join((f"A Magnum network: {about}.", *more)), sources=(source,))

    def _monitor(self) -> Found:
        infos = [sample.labels for sample in decode(fields.LIVE, self._block) if sample.metric == "vedirect_info"]
        model = next((labels[1] for labels in infos if len(labels) > 1 and labels[1]), "")
        model = f"BMV-{model}" if model.isdecimal() else model
        about = f"Victron {model}, VE.Direct" if model else "VE.Direct"
        source = Source(name="monitor", options={"type": "vedirect", "port": self._port}, about=about)
        return Found(place=self._port, text=f"A battery monitor: {about}.", sources=(source,))


def listen(
    port: str, *, seconds: float = SECONDS, stopped: Callable[[], bool] = lambda: False
) -> tuple[Found | None, float]:
    """Return what a port receives, None when no byte came, and for how many seconds it was listened to.

    Raises:
        SourceError: it cannot be opened, or is gone.
    """
    recogniser = Recogniser(port)
    with listening(port, BAUD) as descriptor:
        begin = at = time.monotonic()
        while at - begin < seconds and not stopped():
            ready, _, _ = select.select([descriptor], [], [], _STEP)
            at = time.monotonic()
            try:
                data = os.read(descriptor, 4096) if ready else b""
            except OSError as error:
                raise lost_error(port, error) from error
            recogniser.receive(data, at - begin)
    return recogniser.result(), at - begin
