"""Files that are replaced with a copy kept, and services that are started after a yes alone."""

from __future__ import annotations

import grp
import io
import os
from pathlib import Path

import pytest

from toolkit import installing
from toolkit.dialogue import Dialogue
from toolkit.installing import offer_service, write_keeping, write_web_config


def test_every_earlier_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "site.yml"
    assert write_keeping(file, "one") is None
    file.chmod(0o640)
    assert write_keeping(file, "one") is None
    assert write_keeping(file, "two") == file.with_name("site.yml.old")
    assert write_keeping(file, "three") == file.with_name("site.yml.old2")
    kept = [file.with_name(f"site.yml{ending}") for ending in ("", ".old2", ".old")]
    assert [path.read_text() for path in kept] == ["three", "two", "one"]
    assert file.with_name("site.yml.old").stat().st_mode & 0o777 == 0o640


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "theirs", tmp_path / "link"
    target.write_text("theirs")
    link.symlink_to(target)
    with pytest.raises(OSError, match="is a link"):
        write_keeping(link, "ours")
    assert target.read_text() == "theirs"


def test_a_web_configuration_is_for_its_group_and_is_not_replaced(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    web, open_to_all = tmp_path / "web.yml", tmp_path / "open.yml"
    write_web_config(web, "# none\n", group)
    write_web_config(web, "# other\n", group)
    write_web_config(open_to_all, "# none\n", "no-such-group")
    assert web.read_text() == "# none\n"
    assert [path.stat().st_mode & 0o777 for path in (web, open_to_all)] == [0o640, 0o644]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in that writes down how it was called."""
    called = tmp_path / "called"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{called}\n[ "$2" != broken ] || {{ echo "no such unit" >&2; exit 5; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(installing, "SYSTEMD", tmp_path)
    return called


def offered(unit: str, answer: str) -> tuple[bool, str]:
    out = io.StringIO()
    return offer_service(Dialogue(io.StringIO(f"{answer}\n"), out), unit, then="It only reads."), out.getvalue()


def test_a_service_is_started_after_a_yes_alone(systemctl: Path) -> None:
    for answer in ("", "y", "no"):
        started, shown = offered("site", answer)
        assert not started
        assert "Later: systemctl enable --now site" in shown
    assert not systemctl.exists()
    assert offered("site", "yes")[0]
    assert systemctl.read_text() == "enable site\nreload-or-restart site\n", "one that runs takes the new file"


def test_a_service_that_does_not_start_is_reported(systemctl: Path) -> None:
    started, shown = offered("broken", "yes")
    assert (started, systemctl.exists()) == (False, True)
    assert "no such unit" in shown
    assert "journalctl -u broken" in shown


def test_without_systemd_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "SYSTEMD", tmp_path / "absent")
    assert offered("site", "yes") == (
        False,
        "systemd does not run here. Where it does: systemctl enable --now site\n",
    )
