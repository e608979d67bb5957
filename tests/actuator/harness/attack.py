"""How long the contact stays closed beyond its deadline while the real program is attacked: a table.

    python -m tests.actuator.harness.attack [--only TEXT] [--program FOLDER]

Each attack begins while the contact is closed, 3 s before its deadline. The contact is observed at the board. The
exit status is 1 if one attack holds it for longer than a second beyond the deadline.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import MAX_ROWS, Journal, Row
from actuator.relay import SimulatedRelay
from tests.actuator.harness.attackers import ATTACKERS
from tests.actuator.harness.measurements import closings, openings
from tests.actuator.harness.process import site
from tests.support import ROOT, Process, wait_until, waited_for_processor

MAX_RUN = 6.0
BEFORE_THE_DEADLINE = 3.0
ALLOWED = 1.0
GIVEN_UP = 150.0
"""Seconds after which a contact that is still closed is given up."""


@dataclass(frozen=True)
class Result:
    """One attack.

    Attributes:
        late: seconds between the deadline and the opening; negative: it opened before.
        sent: how much the attacker sent in a second.
        waited: seconds that the program's threads were ready to run, and others had the processors.
        before: mebibytes of memory before the attack.
        peak: the most during it.
        after: after it.
    """

    late: float
    sent: str
    waited: float
    before: float
    peak: float
    after: float


def measure(name: str, folder: Path, *, program: Path | None = None, after: float = 2.0) -> Result:
    """Attack a program of its own, and return how late its contact opened.

    Args:
        name: one of ATTACKERS.
        folder: for its files.
        program: where the source of another version is; None: this one.
        after: seconds that the attack goes on after the contact has opened, and then until the memory is measured.
    """
    limits = {"max_run": f"{MAX_RUN:g}s", "min_run": "1s", "tail": "1s", "min_off": "1m"}
    with site(folder, {"limits": limits}) as it, contextlib.ExitStack() as stack:
        it.flags = ["--web.enable-lifecycle"]
        if "TLS" in name:
            it.use_tls()
        if "passwords" in name:
            it.use_password()
        if "journals" in name:
            _fill(it.journal)
        sender = stack.enter_context(_sender(name, it.port))
        process = stack.enter_context(
            it.running(_starter(name), env={**_environment(program), "HOGS_BEGIN": str(folder / "begin")}, within=120)
        )
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        wait_until(lambda: closings(it), 10, "the contact to close")
        before, waited = _memory(process, "VmRSS"), waited_for_processor(process.popen.pid, threads=True)
        begin = closings(it)[0] + MAX_RUN - BEFORE_THE_DEADLINE
        time.sleep(max(0.0, begin - time.monotonic()))
        (folder / "begin").touch()
        _give_line(sender)
        wait_until(lambda: openings(it), GIVEN_UP, "the contact to open")
        waited = waited_for_processor(process.popen.pid, threads=True) - waited
        time.sleep(after)
        _give_line(sender)
        assert sender.stdout is not None
        sent = sender.stdout.readline().strip()
        sender.kill()
        late, peak = openings(it)[0] - closings(it)[0] - MAX_RUN, _memory(process, "VmHWM")
        time.sleep(after)
        left = _memory(process, "VmRSS")
        return Result(late=late, sent=sent, waited=waited, before=before, peak=peak, after=left)


def _fill(journal: Path) -> None:
    """Write as many rows as are kept."""
    filled = Journal(journal, SimulatedRelay())
    moment = Moment(boot="before", now=0.0, wall=1_700_000_000.0, wall_sane=True)
    filled.load(moment)
    kinds = ("contact_closed", "ac_on")
    rows = [
        Row(id=number, wall=moment.wall, sane=True, kind=kinds[number % 2], level="info", text="x" * 200)
        for number in range(1, MAX_ROWS + 1)
    ]
    filled.write(rows, Saved(durable=Durable(), moment=moment))
    filled.close()


def _give_line(sender: subprocess.Popen[str]) -> None:
    assert sender.stdin is not None
    sender.stdin.write("\n")
    sender.stdin.flush()


def _starter(name: str) -> str:
    module = "tests.actuator.harness.hogs" if "threads" in name else "actuator.cli"
    return f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def _environment(program: Path | None) -> dict[str, str]:
    # Without the working directory, which Python searches first.
    return {"PYTHONPATH": f"{program or ROOT}:{ROOT}", "PYTHONSAFEPATH": "1"}


@contextlib.contextmanager
def _sender(name: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """Start the attacker, which waits for a line."""
    command = [sys.executable, "-m", "tests.actuator.harness.attackers", name, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
        try:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "sends\n"
            yield sender
        finally:
            sender.kill()


def _memory(process: Process, which: str) -> float:
    """Return a process's memory in mebibytes: VmRSS now, VmHWM the most ever."""
    lines = Path(f"/proc/{process.popen.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{which}:"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table; return 1 if one attack is not held off."""
    parser = argparse.ArgumentParser(description="Attack the real program while its contact is closed.")
    parser.add_argument("--only", default="", metavar="TEXT", help="the attacks with this in their name")
    parser.add_argument("--program", type=Path, metavar="FOLDER", help="the source of another version")
    given = parser.parse_args(arguments)
    print(f"max_run {MAX_RUN:g} s, each attack from {BEFORE_THE_DEADLINE:g} s before the deadline on; memory in MiB\n")
    columns = ("opened after the deadline", "sent a second", "waited for a processor", "memory before", "peak", "after")
    print(f"| attack | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    worst = 0.0
    for name in ATTACKERS:
        if given.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = measure(name, Path(folder), program=given.program)
        worst = max(worst, result.late)
        memory = f"{result.before:.0f} | {result.peak:.0f} | {result.after:.0f}"
        print(f"| {name} | {result.late:+.2f} s | {result.sent} | {result.waited:.1f} s | {memory} |", flush=True)
    return 0 if worst <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
