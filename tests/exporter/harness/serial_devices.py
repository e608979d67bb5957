"""A device at the other end of a pty, which sends what a test wants."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import tempfile
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Self

Respond = Callable[[bytes], bytes]
"""Returns the answer to what has been received since the last call; it may block."""


class SerialDevice:
    """Receives and answers in a thread of its own; `writes` keeps each chunk as it was received.

    With `lossy`, bytes that nobody reads are lost, as on a wire; else the sender waits.
    """

    def __init__(self, respond: Respond = lambda _received: b"", *, lossy: bool = False) -> None:
        self.respond = respond
        self.writes: list[bytes] = []
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, not lossy)
        # A name of its own: the number of a pty that has gone is given to the next one, of whatever test.
        self._folder = tempfile.TemporaryDirectory()
        link = Path(self._folder.name) / "tty"
        link.symlink_to(os.ttyname(self._slave))
        self.path = str(link)
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._gone = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, data)

    def vanish(self) -> None:
        """Take the port away, as when an adapter is unplugged."""
        if not self._gone:
            self._gone = True
            self._folder.cleanup()
            os.write(self._wake, b"x")
            self._thread.join(15)
            assert not self._thread.is_alive()
            for end in (self._slave, self._master, self._wake, self._woken):
                os.close(end)

    def _serve(self) -> None:
        while self._woken not in select.select([self._master, self._woken], [], [])[0]:
            received = os.read(self._master, 256)
            self.writes.append(received)
            self.send(self.respond(received))


class ByteServer:
    """A serial adapter on the network: it passes bytes on as they are, to one client at a time."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"socket://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client:
                    while received := client.recv(256):
                        client.sendall(self._respond(received))
