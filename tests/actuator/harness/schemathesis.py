"""Requests that schemathesis makes up from the OpenAPI document, against the real process: `make schemathesis`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from actuator.web import openapi
from tests.actuator.harness.process import site
from tests.support import command

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
"""Not those that want every request of the right form accepted: `for` has to be within `limits.max_run`."""


def schemathesis(folder: Path, *, examples: int, seed: int) -> tuple[int, str]:
    """Return the exit code and the report of a run against an actuator in the folder.

    Args:
        folder: for the actuator's files, and the cases that schemathesis keeps.
        examples: the most requests that are made up for each operation.
        seed: the same seed makes the same requests.
    """
    with site(folder) as it:
        it.flags = ["--web.enable-lifecycle"]
        with it.running():
            options = {
                "--url": it.url,
                "--exclude-path": "/api/v1/events",  # an answer that does not end
                "--checks": ",".join(CHECKS),
                "--max-examples": str(examples),
                "--seed": str(seed),
                "--request-timeout": "60",
            }
            words = [
                str(command("schemathesis")),
                "run",
                f"{it.url}{openapi.PATH}",
                "--continue-on-failure",
                "--no-color",
            ]
            for option, value in options.items():
                words += [option, value]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert not it.board.closed()
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        code, report = schemathesis(Path(folder), examples=arguments.examples, seed=arguments.seed)
    sys.stdout.write(report)
    return code


if __name__ == "__main__":
    sys.exit(main())
