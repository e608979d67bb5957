"""`magnum-exporter assets`: the files that people copy, from a checkout and from a wheel."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from exporter import cli
from tests.support import ROOT, prometheus_tool, run_command


def test_every_file_is_written_as_it_is(tmp_path: Path) -> None:
    assert cli.main(["assets", str(tmp_path / "new")]) == 0
    written = {path.relative_to(tmp_path / "new") for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert {
        *("alerts/rules.yml", "alerts/people.yml", "alerts/energy.yml", "alerts/prometheus.yml"),
        "alerts/alertmanager.yml",
        *("alerts/inhibit.example.yml", "alerts/runbooks/GeneratorDied.md", "grafana/dashboards/offgrid-site.json"),
        *("grafana/provisioning/datasources/prometheus.yaml",),
    } <= {str(path) for path in written}
    assert all((tmp_path / "new" / path).read_bytes() == (ROOT / path).read_bytes() for path in written)


def test_another_base_is_in_every_runbook_url_and_nowhere_else(tmp_path: Path) -> None:
    assert cli.main(["assets", str(tmp_path), "--external-url=https://cabin.example/generator/"]) == 0
    for name in ("rules.yml", "people.yml", "inhibit.example.yml"):
        old, new = (ROOT / "alerts" / name).read_text(), (tmp_path / "alerts" / name).read_text()
        assert new == old.replace("http://127.0.0.1:10049/runbooks/", "https://cabin.example/generator/runbooks/")
        assert new != old
    assert "http://127.0.0.1:10049/api/v1/alerts" in (tmp_path / "alerts" / "alertmanager.yml").read_text()
    for tool, *arguments in (
        ("promtool", "check", "config", "prometheus.yml"),
        ("amtool", "check-config", "alertmanager.yml"),
    ):
        checked = run_command(prometheus_tool(tool), *arguments, cwd=tmp_path / "alerts")
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_dashboard_shows_the_sites_and_links_to_the_panel_where_it_is(tmp_path: Path) -> None:
    options = ["--several-sites", "--external-url=https://cabin.example/generator"]
    assert cli.main(["assets", str(tmp_path), *options]) == 0
    for folder in ("dashboards", "import"):
        name = f"grafana/{folder}/offgrid-site.json"
        old, new = (json.loads((root / name).read_text()) for root in (ROOT, tmp_path))
        variables = {variable["name"]: variable for variable in new["templating"]["list"]}
        assert variables["site"].pop("hide") == 0
        assert variables["job"]["hide"] == 2
        assert variables["actuator"].pop("query") == "https://cabin.example/generator"
        variables["actuator"].pop("current")
        for variable in old["templating"]["list"]:
            for key in {"site": ("hide",), "actuator": ("query", "current")}.get(variable["name"], ()):
                del variable[key]
        assert new == old


@pytest.mark.parametrize(
    "url", ["cabin.example", "ftp://cabin.example", "http://x/{{ y }}", "http://x/ # y", "http://x?y"]
)
def test_a_base_that_is_no_url_is_refused(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["assets", str(tmp_path), f"--external-url={url}"])
    assert ended.value.code == 2
    assert "expected a URL such as https://cabin.example/generator" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_the_owner_has_changed_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["assets", str(tmp_path)]) == 0
    mine, rules = tmp_path / "alerts" / "alertmanager.yml", tmp_path / "alerts" / "rules.yml"
    mine.write_text("mine")
    rules.write_text("old")
    capsys.readouterr()
    assert cli.main(["assets", str(tmp_path)]) == 0
    assert mine.read_text() == "mine"
    assert mine.with_name("alertmanager.yml.new").read_text() == (ROOT / "alerts" / "alertmanager.yml").read_text()
    assert rules.read_text() == (ROOT / "alerts" / "rules.yml").read_text()
    assert rules.with_name("rules.yml.old").read_text() == "old"
    assert capsys.readouterr().out.startswith(f"{mine} is changed and kept; alertmanager.yml.new is")


def test_it_writes_through_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody else's")
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "rules.yml").symlink_to(elsewhere)
    assert cli.main(["assets", str(tmp_path)]) == 1
    assert "rules.yml is a link" in capsys.readouterr().err
    assert elsewhere.read_text() == "somebody else's"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["assets", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.slow
def test_a_wheel_has_the_files_the_man_pages_and_the_pages_of_the_runbooks(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    (share,) = site.glob("*.data/data/share")
    for program in ("magnum-exporter", "generator-actuator", "offgrid-simulator"):
        for made, name in (
            (f"man/{program}.1", f"man/man1/{program}.1"),
            (f"completion/bash/{program}", f"bash-completion/completions/{program}"),
            (f"completion/zsh/_{program}", f"zsh/site-functions/_{program}"),
        ):
            assert (share / name).read_bytes() == (ROOT / "deploy" / made).read_bytes()
    program = "import sys; from exporter import cli; sys.exit(cli.main(sys.argv[1:]))"
    written = run_command(
        sys.executable, "-c", program, "assets", tmp_path / "out", cwd=tmp_path, env={"PYTHONPATH": str(site)}
    )
    assert written.returncode == 0, written.stderr
    for name in ("alerts/rules.yml", "alerts/runbooks/README.md", "grafana/dashboards/offgrid-site.json"):
        assert (tmp_path / "out" / name).read_bytes() == (ROOT / name).read_bytes()
    program = "from actuator.web import runbooks; print(runbooks.__file__, len(runbooks.load()))"
    loaded = run_command(sys.executable, "-c", program, cwd=tmp_path, env={"PYTHONPATH": str(site)})
    assert loaded.stdout.startswith(str(site)), loaded.stderr
    assert int(loaded.stdout.split()[1]) > 40
