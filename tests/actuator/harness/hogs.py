"""The actuator with threads beside it that use the processor for nothing, as a fault of its HTTP side could.

python -m tests.actuator.harness.hogs FLAGS OF generator-actuator
"""

from __future__ import annotations

import sys
import threading
from typing import NoReturn

from actuator.cli import main

THREADS = 8


def _use() -> NoReturn:
    while True:
        sum(range(1000))


if __name__ == "__main__":
    for _ in range(THREADS):
        threading.Thread(target=_use, daemon=True).start()
    sys.exit(main(sys.argv[1:]))
