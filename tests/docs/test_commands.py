"""Every command in the pages: run in a clean Debian as an owner would, or marked with the reason why not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from actuator import cli as actuator
from exporter import cli as exporter
from tests.docs.debian import root
from tests.docs.pages import PAGES, Block, blocks, file_of, inline_commands
from tests.support import ROOT

START, MESSAGES = "docs/quick-start.md", "docs/notifications.md"
# The life of an installation, in this order, in one shell.
LIFE = [
    START,
    MESSAGES,
    *(
        f"docs/{name}.md"
        for name in (
            "daily-use",
            "configuration",
            "prometheus",
            "troubleshooting",
            "remote-access",
            "homeassistant",
            "clock-and-card",
            "backup",
            "upgrade",
            "uninstall",
        )
    ),
]
UNINSTALLED = (
    "opt/magnum-exporter",
    "etc/magnum-exporter",
    "var/lib/generator-actuator",
    "usr/local/bin/magnum-exporter",
)
READS_THE_KEYBOARD = re.compile(r"^(?:nano|ssh|sudo -i)\b|(?:setup|--test|commission|--follow|--watch)$")
OF_THE_SERVICE = ("--config.check", "--version", "--web.")
NEEDED = ("debootstrap", "unshare", "nsenter", "ip")


def _life() -> Iterator[Block]:
    """Yield the blocks as an owner meets them: the quick start leads to the messages, and goes on after them."""
    text = file_of(START).read_text(encoding="utf-8")
    leads = text.count("\n", 0, text.index(f"]({Path(MESSAGES).name})"))
    yield from (block for block in blocks(START) if block.line < leads)
    yield from blocks(MESSAGES)
    yield from (block for block in blocks(START) if block.line > leads)
    for page in LIFE[2:]:
        yield from blocks(page)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_commands_is_run_or_has_a_reason_why_not(page: str) -> None:
    for block in blocks(page):
        assert page in LIFE or block.reason, f"{page}:{block.line} is run by no test, and has no <!-- not run: … -->"


@pytest.mark.parametrize("page", PAGES)
def test_a_block_ends_with_what_reads_the_keyboard(page: str) -> None:
    """A block is pasted as a whole: what follows would be typed into the editor, or be an answer."""
    for block in blocks(page):
        *first, _last = block.commands.rstrip().splitlines()
        assert not [line for line in first if READS_THE_KEYBOARD.search(line)], f"{page}:{block.line}"


@pytest.mark.parametrize("page", PAGES)
def test_a_block_copies_all_files_of_rules(page: str) -> None:
    """Prometheus does not load a configuration that lists a file of rules that is not there."""
    listed = yaml.safe_load((ROOT / "alerts" / "prometheus.yml").read_text(encoding="utf-8"))["rule_files"]
    for block in blocks(page):
        copied = {
            Path(word).name for line in re.findall(r"^cp .+", block.commands, re.MULTILINE) for word in line.split()
        }
        assert not copied & set(listed) or copied >= set(listed), f"{page}:{block.line} leaves out a file of rules"


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/commands.md"])  # it shows wrong ones too
def test_each_command_of_ours_in_a_sentence_is_one(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only its arguments are read; it is not run. A sentence may name a command without them."""
    for command in inline_commands(page):
        program, *arguments = shlex.split(command)
        if arguments[0].startswith(OF_THE_SERVICE):
            continue
        try:
            if program == "generator-actuator":
                actuator.parser({arguments[0]}).parse_args(arguments)
            elif program == "magnum-exporter":
                exporter.parser({arguments[0]}).parse_args(arguments)
        except SystemExit:
            assert "the following arguments are required" in capsys.readouterr().err, f"{page}: {command}"


@pytest.mark.longest
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.getuid() != 0 or None in map(shutil.which, NEEDED), reason=f"needs root and {', '.join(NEEDED)}")
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_pages_work_word_for_word_in_a_clean_debian(suite: str, tmp_path: Path) -> None:
    status, printed = root.run(suite, (block for block in _life() if not block.reason), tmp_path)
    sys.stdout.write(printed)
    upper = tmp_path / "upper"
    left = [path for path in UNINSTALLED if (upper / path).exists()]
    users = (upper / "etc" / "passwd").read_text(encoding="utf-8")
    shutil.rmtree(upper)  # a gigabyte
    assert status == 0, printed[-3000:]
    assert "ALL DONE" in printed
    # The upgrade, which names no extra, has the one that was installed before.
    assert len(re.findall(r"^Installed: .+, with mqtt$", printed, re.MULTILINE)) == 2
    assert left == []
    assert "Generator actuator" not in users
