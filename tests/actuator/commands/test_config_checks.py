"""What `actuator.yml` names outside of itself is checked by `--config.check`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from actuator import cli
from tests.actuator.harness.page_server import PageServer
from tests.support import free_port


@pytest.fixture
def served() -> Iterator[PageServer]:
    with PageServer() as server:
        yield server


class Site:
    """A folder with an `actuator.yml`.

    Attributes:
        file: its path.
        url: of the exporter's page.
    """

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "actuator.yml"
        self.url = url
        self._capsys = capsys

    def checked(
        self, more: str = "", *, exporter: str = "", relay: str = "{type: hid}", journal: str | None = None
    ) -> tuple[int, list[str]]:
        """Return the exit status and the lines about the file, each without its path."""
        path = journal or f"{self.file.parent}/journal.db"
        self.file.write_text(f"exporter: {{url: {self.url}{exporter}}}\nrelay: {relay}\njournal: {path}\n{more}")
        status = cli.main([f"--config.file={self.file}", "--config.check"])
        lines = self._capsys.readouterr().err.splitlines()
        return status, [line.removeprefix(f"{self.file}:") for line in lines if " access: got none" not in line]


@pytest.fixture
def site(tmp_path: Path, served: PageServer, capsys: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path, served.url, capsys)


def test_a_right_site_has_no_findings_and_leaves_no_file(site: Site, served: PageServer) -> None:
    assert site.checked("evidence: {device: main}\n") == (0, [])
    assert list(site.file.parent.iterdir()) == [site.file]
    assert served.names == ["name%5B%5D=magnum_up", "name%5B%5D=magnum_last_success_timestamp_seconds"]


def test_a_password_that_cannot_be_read_is_refused_and_the_page_not_asked(site: Site, served: PageServer) -> None:
    file = site.file.with_name("password")
    os.mkfifo(file, 0o600)
    status, lines = site.checked(exporter=f", username: actuator, password_file: {file}")
    got = f"exporter.password_file: got {file}: a named pipe, not a file, expected a file that this user may read"
    assert (status, lines, served.names) == (2, [f"1: {got}"], [])


def test_evidence_of_a_device_that_is_not_on_the_page_is_refused(site: Site) -> None:
    got = 'evidence.device: got "mian", expected one of the exporter\'s Magnum sources: main; did you mean "main"?'
    assert site.checked("evidence: {device: mian}\n") == (2, [f"4: {got}"])


def test_a_page_that_cannot_be_read_is_a_warning(site: Site, served: PageServer) -> None:
    served.status = 503
    got = f"got {site.url}, which cannot be read now: got status 503 Service Unavailable, expected 200"
    assert site.checked() == (0, [f"1: exporter.url: {got}, expected the page of a running exporter"])
    site.url = f"http://127.0.0.1:{free_port()}/metrics"
    status, (line,) = site.checked("evidence: {device: mian}\n")
    assert (status, line.startswith(f"1: exporter.url: got {site.url}, which cannot be read now: Cannot conn")) == (
        0,
        True,
    )


def test_without_a_page_the_exporters_file_names_the_devices(site: Site) -> None:
    (site.file.parent / "exporter.yml").write_text("sources: {main: {type: magnum}, bms: {type: modbus}, x: 7}\n")
    site.url = f"http://127.0.0.1:{free_port()}/metrics"
    status, (line,) = site.checked("evidence: {device: bms}\n")
    assert (status, line.partition(": got ")[0]) == (2, "4: evidence.device")


@pytest.mark.parametrize("source", ["{type: aims, port: PORT}", '{type: modbus, url: "rtu://PORT?baudrate=9600"}'])
@pytest.mark.parametrize("relay", ["{type: serial, port: PORT}", '{type: modbus, url: "rtu://PORT"}'])
def test_a_relay_on_the_port_of_a_source_is_refused(site: Site, source: str, relay: str) -> None:
    device, link, exporter = (site.file.parent / name for name in ("ttyUSB1", "by-id", "exporter.yml"))
    link.symlink_to(device)
    exporter.write_text(f"sources: {{aims: {source.replace('PORT', str(link))}}}\n")
    got = f"got {device}, the port of the source aims in {exporter}, expected a port of its own"
    assert site.checked(relay=relay.replace("PORT", str(device))) == (2, [f"2: relay: {got}"])


def test_another_machines_exporter_may_have_a_port_of_the_same_name(site: Site) -> None:
    (site.file.parent / "exporter.yml").write_text("sources: {aims: {type: aims, port: /dev/ttyUSB1}}\n")
    site.url = "http://exporter.invalid:10048/metrics"
    assert site.checked(relay="{type: serial, port: /dev/ttyUSB1}")[0] == 0


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        ("file/journal.db", "file is a file"),
        ("file/new/journal.db", "file is a file"),
        ("closed/journal.db", "this user cannot write in "),
        ("folder", "it is a folder"),
        ("new/deep/journal.db", ""),
    ],
)
def test_a_journal_that_cannot_be_written_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, journal: str, reason: str
) -> None:
    folder = site.file.parent
    (folder / "file").touch()
    (folder / "folder").mkdir()
    monkeypatch.setattr("toolkit.durable_file.tempfile.TemporaryFile", denied_in_closed)
    (folder / "closed").mkdir()
    status, lines = site.checked(journal=f"{folder}/{journal}")
    if not reason:
        assert (status, lines) == (0, [])
        return
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"3: journal: got {folder}/{journal}: ")
    assert reason in lines[0]
    assert lines[0].endswith(", expected a file in a folder of the user that runs the actuator (check as that user)")


@pytest.mark.parametrize(
    ("mirror", "reason"), [("file", "is a file"), ("closed", "this user cannot write"), ("new", "")]
)
def test_a_mirror_that_cannot_be_written_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, mirror: str, reason: str
) -> None:
    folder = site.file.parent
    (folder / "file").touch()
    (folder / "closed").mkdir()
    monkeypatch.setattr("toolkit.durable_file.tempfile.TemporaryFile", denied_in_closed)
    status, lines = site.checked(f"mirror: {folder}/{mirror}\n")
    assert status == (2 if reason else 0)
    assert [reason in line and line.startswith(f"4: mirror: got {folder}/{mirror}: ") for line in lines] == [
        True
    ] * bool(reason)


def denied_in_closed(dir: Path) -> object:  # noqa: A002 - the library's name
    """Make a file as TemporaryFile does; a user who may write everywhere is denied too."""
    if dir.name == "closed":
        raise PermissionError(13, "Permission denied")
    return open("/dev/null", "wb")  # noqa: PTH123 - the caller closes it


def test_roles_are_checked_against_the_users_in_the_same_folder(site: Site) -> None:
    """As the service's unit names it: an owner who checks the file gives no flag."""
    site.file.with_name("actuator-web.yml").write_text("basic_auth_users: {owner: $2y$10$" + 53 * "a" + "}\n")
    assert site.checked("access: {command: [owner]}\n") == (0, [])
    status, lines = site.checked("access: {command: [ownr]}\n")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith('4: access.command[0]: got "ownr"')


SEVEN = """\
exporter: http://127.0.0.1:10048/metrics
relay: {type: usb, channel: 1}
start_soc: 25
stop_soc: 101%
limits: {max_runs: 4h}
quiet_hours: {from: "21:00", to: "6"}
journal: /dev/null/journal.db
"""


def test_seven_faults_are_seven_lines_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text(SEVEN)
    assert cli.main([f"--config.file={file}", "--config.check"]) == 2
    lines = capsys.readouterr().err.replace(f"{file}:", "").splitlines()
    places, ends = zip(*(line.split(": got ", 1) for line in lines), strict=True)
    assert places == (
        "1: exporter",
        "2: relay.type",
        "3: start_soc",
        "4: stop_soc",
        "5: limits.max_runs",
        "6: quiet_hours.to",
        "7: journal",
    )
    for end, what_to_do in zip(
        ends,
        (
            'expected a mapping: write {url: "http://127.0.0.1:10048/metrics"}',
            'did you mean "hid"?',
            "write 25%",
            "expected a percentage such as 25%, or a number from 0 to 1",
            'did you mean "max_run"?',
            'expected a time of day in quotes such as "21:00"',
            "/dev/null is a file, expected a file in a folder of the user",
        ),
        strict=True,
    ):
        assert what_to_do in end


EVIL = r"evil\n\e[2J\u202e"
"""As YAML reads it between quotes: a line end, a terminal's command, a change of direction."""
ESCAPED = r"evil\n\x1b[2J\u202e"


def test_names_cannot_move_the_cursor_of_a_terminal(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = site.checked(f'profiles: {{"{EVIL}": {{nothing: 1}}}}\n')
    assert (status, ESCAPED in lines[0], "".join(lines).isascii()) == (2, True, True), lines
    users = site.file.with_name("actuator-web.yml")
    users.touch(mode=0o600)
    users.write_text(f'basic_auth_users: {{"{EVIL}": "{bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}"}}\n')
    site.file.write_text(f"exporter: {{url: {site.url}}}\nrelay: {{type: hid}}\njournal: {site.file.parent}/j.db\n")
    capsys.readouterr()
    assert cli.main([f"--config.file={site.file}", "--config.check"]) == 0
    who = f"each user of --web.config.file ({ESCAPED})"
    assert capsys.readouterr().err == f"{site.file}: access: got none: {who} may read, notify and command\n"
    assert cli.main(["journal", "--since", "evil\n\x1b[2J\u202e"]) == 2
    assert capsys.readouterr().err.startswith(f'--since: got "{ESCAPED}", expected a day ')
