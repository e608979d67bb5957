"""Make the pages of the runbooks from their Markdown, and the list of the alerts, docs/alerts.md, from the rules.

    python -m alerts.render

The actuator's package has the runbooks as `actuator/web/runbooks.json`. A page is found under `/runbooks/NAME`. README
is the page that lists the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "alerts" / "runbooks"
PACKAGED = ROOT / "actuator" / "web" / "runbooks.json"
LIST = ROOT / "docs" / "alerts.md"
_SEVERITIES = {
    "critical": "somebody must act now, at night too; repeated every hour",
    "warning": "check it today",
    "info": "it has happened, and needs nobody",
    "none": "for the actuator, not for people",
}

_LIST_HEAD = """\
# Alerts

<!-- Generated from the rules and the runbooks by python -m alerts.render: make changes there. -->

[people.yml](../alerts/people.yml) has the alerts for people, [rules.yml](../alerts/rules.yml) those that the actuator
acts on. Each name leads to its runbook: what it means, what to check, what to do, and how to make the site safe."""


def render() -> dict[str, str]:
    """Return the HTML of each page by its name; HTML in the Markdown is escaped."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
    texts["README"] += "\n## All runbooks\n\n" + "".join(
        f"- [{name}]({name}.md): {first_sentence(text)}\n" for name, text in texts.items() if name != "README"
    )
    return {name: _html(text) for name, text in texts.items()}


def alert_list() -> str:
    """Return the list of all alerts, with their severities and what each means."""
    rules = [rule for file in ("people.yml", "rules.yml") for rule in _rules(ROOT / "alerts" / file)]
    parts = [_LIST_HEAD]
    for severity, meaning in _SEVERITIES.items():
        parts += [f"## {severity.capitalize()}", f"{meaning.capitalize()}."]
        parts.append("\n".join(_item(rule) for rule in rules if rule["labels"]["severity"] == severity))
    own = (
        "An alert of your own that forbids a run is named [GeneratorInhibit](../alerts/runbooks/GeneratorInhibit.md): "
    )
    return "\n\n".join([*parts, own + "[examples](../alerts/inhibit.example.yml).", ""])


def _rules(file: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def _item(rule: dict[str, Any]) -> str:
    name = rule["alert"]
    after = f" *After {rule['for']}.*" if "for" in rule else ""
    page = RUNBOOKS / f"{name}.md"
    return f"- [{name}](../alerts/runbooks/{name}.md): {first_sentence(page.read_text(encoding='utf-8'))}{after}"


def first_sentence(text: str) -> str:
    """Return the sentence that a page begins with, after its title."""
    return " ".join(text.split("\n\n")[1].split())


def _html(text: str) -> str:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", tokens[number + 1].content.lower().replace(" ", "-"))
        for child in token.children or ():
            _link(child)
    html: str = markdown.renderer.render(tokens, markdown.options, {})
    return html


def _link(token: Token) -> None:
    """Let a link to another page's file lead to the page."""
    if token.type == "link_open":
        token.attrSet("href", re.sub(r"^(\w+)\.md", r"\1", str(token.attrGet("href"))))


if __name__ == "__main__":
    PACKAGED.write_text(json.dumps(render(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    LIST.write_text(alert_list(), encoding="utf-8")
