"""The actuator with threads beside it that use the processor for nothing, as a fault of its HTTP side could.

python -m tests.actuator.harness.hogs FLAGS OF generator-actuator

They begin when the file exists that the environment variable HOGS_BEGIN names.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from actuator.cli import main

THREADS = 8


def _use(begin: Path) -> NoReturn:
    while not begin.exists():
        time.sleep(0.05)
    while True:
        sum(range(1000))


if __name__ == "__main__":
    for _ in range(THREADS):
        threading.Thread(target=_use, args=(Path(os.environ["HOGS_BEGIN"]),), daemon=True).start()
    sys.exit(main(sys.argv[1:]))
