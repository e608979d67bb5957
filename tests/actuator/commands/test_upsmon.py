"""An upsmon that may shut down the actuator's machine is found, by its process and its file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actuator.commands.diagnosis import Answers, diagnose
from actuator.commands.upsmon import Upsmon, finding, running


def machine(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names, 100):
        (folder / str(number)).mkdir()
        (folder / str(number) / "comm").write_text(f"{name}\n")
    (folder / "self").mkdir()
    return folder


@pytest.mark.parametrize(
    ("lines", "supplies"),
    [
        ("MONITOR cabin@localhost 1 u p primary", {"cabin@localhost": 1}),
        ('  MONITOR cabin@cabin:3493 0 "u" "p w" secondary # mine\nMINSUPPLIES 0', {"cabin@cabin:3493": 0}),
        ("# MONITOR a@b 1 u p primary\nMONITOR c@d 2 u p master\nMONITOR e@f 0 u p slave", {"c@d": 2, "e@f": 0}),
        ("NOTIFYCMD /bin/true", {}),
        ("NOTIFYMSG COMMBAD don't\nMONITOR a@b 1 u it's primary", {"a@b": 1}),
        ("MONITOR cabin@localhost one u p primary", None),
        ('MONITOR cabin@localhost 1 u "p', None),
        (None, None),
    ],
)
def test_the_power_values_of_its_file(tmp_path: Path, lines: str | None, supplies: dict[str, int] | None) -> None:
    file = tmp_path / "upsmon.conf"
    if lines is not None:
        file.write_text(lines)
    assert running(machine(tmp_path, "systemd", "upsmon"), file) == Upsmon(supplies)
    assert running(tmp_path / "100", file) is None


@pytest.mark.parametrize(
    ("supplies", "state", "part"),
    [
        ({"cabin@localhost": 1, "far@nas": 0}, "wrong", "when cabin@localhost is low"),
        ({"cabin@localhost": 0}, "well", "shuts nothing down"),
        ({}, "well", "shuts nothing down"),
        (None, "note", "cannot be read"),
    ],
)
def test_only_one_that_acts_is_wrong(supplies: dict[str, int] | None, state: str, part: str) -> None:
    found = finding(Upsmon(supplies))
    assert found.state == state
    assert part in found.text
    (of_the_site,) = (
        one for one in diagnose(msgspec.structs.replace(Answers(), upsmon=Upsmon(supplies))) if one.check == "upsmon"
    )
    assert of_the_site == found


def test_a_machine_without_it_has_no_finding() -> None:
    assert [one for one in diagnose(Answers()) if one.check == "upsmon"] == []
