"""Make the pages of the runbooks from their Markdown; the actuator's package has them as `actuator/web/runbooks.json`.

    python -m alerts.render

A page is found under `/runbooks/NAME`. README is the page that lists the others.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "alerts" / "runbooks"
PACKAGED = ROOT / "actuator" / "web" / "runbooks.json"


def render() -> dict[str, str]:
    """Return the HTML of each page by its name; HTML in the Markdown is escaped."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
    texts["README"] += "\n## All runbooks\n\n" + "".join(
        f"- [{name}]({name}.md): {first_sentence(text)}\n" for name, text in texts.items() if name != "README"
    )
    return {name: _html(text) for name, text in texts.items()}


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
