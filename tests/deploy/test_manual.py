"""The man pages and completions are those of the programs as they are, and complete what a person types."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.deploy.harness import manual
from tests.support import ROOT, run_command

COMPLETE = """
source "$1"
shift
program=$1
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p "$program" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_the_files_are_those_of_the_programs_as_they_are() -> None:
    made = dict(manual.files())
    kept = {path.relative_to(ROOT) for name in ("man", "completion") for path in (ROOT / "deploy" / name).rglob("*.*")}
    assert kept <= made.keys()
    for path, text in made.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"run: python -m {manual.__name__}"


def test_each_command_has_a_description_an_example_of_its_own() -> None:
    for program, whole in manual.programs().items():
        for name, parser in {"": whole, **whole.commands()}.items():
            assert parser.description, parser.prog
            assert parser.description.endswith("."), parser.prog
            assert parser.example.startswith(f"{program} {name}".strip()), parser.prog
            whole.parse_args(parser.example.split()[1:])  # it is valid
            assert parser.format_help().endswith(f"\n\nexample:\n  {parser.example}\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["generator-actuator", "mo"], {"mode"}),
        (["generator-actuator", "mode", ""], {"auto", "off", "on"}),
        (["generator-actuator", "status", "--w"], {"--watch"}),
        (["generator-actuator", "--log.level", "=", "warn", "reset", "lo"], {"lockout"}),
        (["generator-actuator", "--log.level", "="], {"debug", "info", "warn", "error"}),
        (["magnum-exporter", "--log.level", "=", "de"], {"debug"}),
        (["magnum-exporter", "--config.file", "=", "ex"], {"exporter.yml", "extra"}),
        (["magnum-exporter", "listen", "--color", "a"], {"always", "auto"}),
        (["magnum-exporter", "listen", "ex"], {"exporter.yml", "extra"}),
        (["magnum-exporter", "assets", "ex"], {"extra"}),
        (["offgrid-simulator", "--con"], {"--config.file", "--config.check"}),
    ],
)
def test_bash_completes(words: list[str], expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "exporter.yml").touch()
    (tmp_path / "extra").mkdir()
    script = ROOT / "deploy" / "completion" / "bash" / words[0]
    bash = shutil.which("bash")
    assert bash is not None
    done = run_command(bash, "--norc", "-c", COMPLETE, "bash", script, *words, cwd=tmp_path)
    assert set(done.stdout.split()) == expected, done.stderr
