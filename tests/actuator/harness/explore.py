"""Sequences of everything that can happen, played by hypothesis: see stateful_machine.py.

    python -m tests.actuator.harness.explore --examples 2000

Each call plays new ones; a failure prints the shortest sequence that it was reduced to. The suites play the same ones
each time, so that a change is judged by itself.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.actuator.harness.stateful_machine import ControllerMachine

if TYPE_CHECKING:
    from collections import Counter


def explore(examples: int, steps: int, *, anew: bool) -> Counter[str]:
    """Play so many sequences, the same ones each time or new ones; return what they met.

    Raises:
        Broken: a property is.
    """
    ControllerMachine.met.clear()
    run_state_machine_as_test(
        ControllerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=not anew,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    return ControllerMachine.met


def main(arguments: list[str] | None = None) -> int:
    """Play new sequences and say what they met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=80)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    met = explore(given.examples, given.steps, anew=True)
    print(f"{given.examples} sequences of up to {given.steps} steps in {time.monotonic() - began:.0f} s, no breach")
    print(", ".join(f"{what} {met[what]}" for what in sorted(met)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
