"""Hooks of mkdocs: pages whose text lies beside the code, and links between the files of the repository.

A text links to the files of the repository by their paths there, so that the links work where the repository is read.
Here a link to a page leads to the page, and one to another file to a copy of it under files/.
"""  # noqa: INP001 - mkdocs loads it by its path

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
_ELSEWHERE = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "exporter/METRICS.md": "metrics-exporter.md",
}
_LINK = re.compile(r'(?P<before>\]\(|src=")(?P<path>[^)"#:\s]+)(?P<anchor>#[^)"\s]*)?(?P<after>[)"])')
_FENCE = re.compile(r"^(`{3,}).*?^\1", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the texts that lie beside the code, and each other file that a page links to."""
    for origin, place in _pages().items():
        if files.get_file_from_path(place) is None:
            listed = InclusionLevel.NOT_IN_NAV if _is_runbook(origin) else InclusionLevel.INCLUDED
            files.append(File.generated(config, place, abs_src_path=str(ROOT / origin), inclusion=listed))
    files.append(File.generated(config, "pictures/icon.svg", abs_src_path=str(ROOT / "actuator/web/panel/icon.svg")))
    for origin in _pages():
        for target in _targets(origin):
            place = f"files/{target}"
            copied = target not in _pages() and not target.startswith("docs/") and (ROOT / target).is_file()
            if copied and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs' names
    """Return the text with its links as they are on the site."""
    origin = next((origin for origin, place in _pages().items() if place == page.file.src_uri), None)
    if origin is None:
        return markdown

    def lead(link: re.Match[str]) -> str:
        target = _resolved(origin, link["path"])
        place = _place(target)
        path = posixpath.relpath(place, posixpath.dirname(page.file.src_uri))
        return f"{link['before']}{path}{link['anchor'] or ''}{link['after']}"

    return "".join(part if fenced else _LINK.sub(lead, part) for part, fenced in _parts(markdown))


def _pages() -> dict[str, str]:
    """Return the place on the site of each text, by its path in the repository."""
    own = {f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")}
    runbooks = {
        f"alerts/runbooks/{path.name}": f"runbooks/{path.name}" for path in (ROOT / "alerts/runbooks").glob("*.md")
    }
    return own | _ELSEWHERE | runbooks


def _is_runbook(origin: str) -> bool:
    return origin.startswith("alerts/") and PurePosixPath(origin).name != "README.md"


def _place(target: str) -> str:
    """Return the place on the site of a file of the repository."""
    return _pages().get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"files/{target}")


def _targets(origin: str) -> Iterator[str]:
    for part, fenced in _parts((ROOT / origin).read_text(encoding="utf-8")):
        if not fenced:
            yield from (_resolved(origin, link["path"]) for link in _LINK.finditer(part))


def _resolved(origin: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in parts, each with whether it is a fenced block, which has commands and no links."""
    end = 0
    for fence in _FENCE.finditer(text):
        yield text[end : fence.start()], False
        yield fence[0], True
        end = fence.end()
    yield text[end:], False
