"""What a check of a running site finds, for a person and for scripts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from toolkit.formatting import printable


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found.

    Attributes:
        check: what was checked.
        state: well; note: works, but the owner should know; wrong.
        text: what is so, in one sentence.
        remedy: what to do, with the command; empty when nothing is to be done.
    """

    check: str
    state: Literal["well", "note", "wrong"]
    text: str
    remedy: str = ""


def secrets(exposed: Sequence[str]) -> Iterator[Finding]:
    """Yield whether the files are closed to others; each sentence of `exposed` names one that is not, and its chmod."""
    for sentence in exposed:
        yield Finding(check="secrets", state="wrong", text=sentence, remedy="Run that chmod, as root.")
    if not exposed:
        yield Finding(check="secrets", state="well", text="No other user can read a secret or change a setting.")


def report(findings: Sequence[Finding], *, for_scripts: bool) -> str:
    """Return the findings to be printed, as JSON or for a person.

    What programs and devices say is in them, and must not move the cursor of a terminal.
    """
    if for_scripts:
        return json.dumps(msgspec.to_builtins(findings), indent=2) + "\n"
    return "".join(f"{printable(line)}\n" for line in lines(findings))


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return the findings as a person reads them, and a last line that counts what is wrong."""
    width = max(len(finding.check) for finding in findings)
    text = []
    for finding in findings:
        text.append(f"{finding.state:5}  {finding.check.ljust(width)}  {' '.join(finding.text.split())}")
        if finding.remedy:
            text.append(f"{'':5}  {'':{width}}  -> {finding.remedy}")
    wrong = count_wrong(findings)
    text.append("All is well." if not wrong else f"{wrong} of {len(findings)} checks found something wrong.")
    return text


def count_wrong(findings: Sequence[Finding]) -> int:
    """Return how many checks found something wrong."""
    return sum(finding.state == "wrong" for finding in findings)
