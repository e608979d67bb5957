"""A synthetic exporter: a page of the names that the actuator asks for, shaped by attributes while it is served."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class PageServer:
    """Serves `/metrics` on loopback; None leaves a metric out. The timestamps move while `fresh`.

    Without its `adapter` it has nothing of the Magnum bus, and the state of charge from another source.

    `more` are further lines, as they are.
    """

    def __init__(self) -> None:
        self.soc: float | None = 0.5
        self.full: bool | None = None
        self.ac_volts: float | None = 0.0
        self.ags: int | None = 2
        self.fresh = True
        self.adapter = True
        self.status = 200
        self.more: list[str] = []
        self.asked = 0
        self.names: list[str] = []
        self.authorization: str | None = None
        self._stamp = self._received_at = time.time()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked += 1
                page.authorization = self.headers.get("Authorization")
                page.names = self.path.partition("?")[2].split("&")
                body = page.text().encode()
                self.send_response(page.status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the actuator has given up waiting
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def text(self) -> str:
        """Return the page."""
        if self.fresh:
            self._stamp = time.time()
        if self.adapter:
            self._received_at = self._stamp
        lines = [f'magnum_up{{device="main"}} {int(self.adapter)}']
        lines.append(f'magnum_last_success_timestamp_seconds{{device="main"}} {self._received_at}')
        if self.soc is not None:
            lines += [f"battery_soc_ratio {self.soc}", f"battery_soc_last_update_timestamp_seconds {self._stamp}"]
        if self.full is not None:
            lines.append(f"battery_full {int(self.full)}")
        if self.adapter:
            lines += self._bus()
        lines += self.more
        return "\n".join(lines) + "\n"

    def _bus(self) -> list[str]:
        lines = ['magnum_inverter_info{device="main",nominal_volts="48"} 1']
        if self.ac_volts is not None:
            lines.append(f'magnum_inverter_ac_input_volts{{device="main"}} {self.ac_volts}')
        if self.ags is not None:
            lines.append(f'magnum_ags_state_code{{device="main"}} {self.ags}')
        return lines

    def engine(self, *, runs: bool) -> None:
        """Let the bus show the engine running for our contact, or not."""
        self.ac_volts, self.ags = (121.0, 7) if runs else (0.0, 2)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
