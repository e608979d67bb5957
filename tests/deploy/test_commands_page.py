"""docs/commands.md has every command, and shows what the real programs print."""

from __future__ import annotations

import re

import pytest

from tests.deploy.harness import commands_page
from tests.deploy.harness.manual import programs

RUN = f"run: python -m {commands_page.__name__}"


def masked(block: str) -> str:
    """Return a session without its numbers, and without the room in a table that a longer number leaves less of."""
    return re.sub(r" {2,}", "  ", re.sub(r"[\d.:]*\d", "#", block))


def test_every_command_is_on_the_page_with_its_description_and_output() -> None:
    page = commands_page.PAGE.read_text(encoding="utf-8")
    sections = {
        head: text for head, _, text in (part.partition("\n") for part in re.split(r"^##+ ", page, flags=re.MULTILINE))
    }
    for program, whole in programs().items():
        for name, parser in {"": whole, **whole.commands()}.items():
            section = sections[f"{program} {name}".strip()]
            assert str(parser.description) in section.replace("\n", " "), RUN
            assert f"```console\n$ {program} {name}".strip() in section, RUN


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_shows_what_the_programs_print() -> None:
    page = commands_page.PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    shown = {masked(block) for block in blocks}
    made = commands_page.sessions()
    assert len(made) == len(blocks), RUN
    fixed = [(session.words, f"$ {session.words}\n{session.output}\n") for session in made if not session.varies]
    assert [words for words, block in fixed if masked(block) not in shown] == [], RUN
