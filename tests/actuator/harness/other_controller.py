"""Another process of this user that controls a relay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = """
import sys
from {module} import {kind}
contact = {kind}(**{options}).make_relay()
contact.close_contact()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_controller(module: str, kind: str, **options: object) -> Iterator[int]:
    """Let another process close the contact of a relay of these options; yield its number, and kill it at the end."""
    program = _PROGRAM.format(module=module, kind=kind, options=options)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process.pid
        finally:
            process.kill()
