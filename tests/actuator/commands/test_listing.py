"""The lines that the commands print of the journal."""

from __future__ import annotations

from actuator.commands.listing import journal_line


def line(text: str, **fields: str) -> str:
    return journal_line(
        {"time": "2026-01-31T08:00:00+00:00", "level": "info", "sane": True, "text": text, "fields": fields}
    ).split("  ", 1)[1]


def test_a_command_names_its_user_whatever_the_sentence_begins_with() -> None:
    text = "The operator switched to automatic."
    assert line(text, action="auto", who="The operator") == f"{text} User: The operator."
    assert line(text, action="auto") == text


def test_changed_settings_name_their_user_once() -> None:
    text = "owner changed the settings: profile away."
    assert line(text, action="settings", who="owner") == text
