"""The pages as a site: built without a warning, whole, and without anything from another host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.slow  # it needs mkdocs, which the ordinary tests do without


_LOADED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "audio": "src",
    "video": "src",
}
_FETCHED = frozenset(("stylesheet", "icon", "preload", "manifest", "preconnect", "dns-prefetch"))


class Parts(HTMLParser):
    """What a page loads by itself, where its links lead, the names in it, and the numbers in its lists."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.numbers: list[int] = []
        self._next: list[int | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names.add(given.get("id", ""))
        address = given.get(_LOADED.get(tag, ""), "")
        if address and (tag != "link" or _FETCHED & set(given.get("rel", "").split())):
            self.loads.append(address)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("ol", "ul"):
            of_text = tag == "ol" and "class" not in given  # the theme has lists too
            self._next.append(int(given.get("start", "1")) if of_text else None)
        if tag == "li" and (number := self._next[-1]) is not None:
            self.numbers.append(number)
            self._next[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ol", "ul"):
            self._next.pop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        for address in Parts(page.read_text(encoding="utf-8")).loads:
            parts = urlsplit(address)
            assert not parts.scheme or parts.scheme == "data", f"{page.name} loads {address}"
            assert not parts.netloc, f"{page.name} loads {address}"
    for style in site.rglob("*.css"):
        for address in re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", style.read_text(encoding="utf-8")):
            assert "//" not in address.partition("data:")[0][:8], f"{style.name} loads {address}"


def test_each_link_leads_to_something(site: Path) -> None:
    parsed = {page: Parts(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")}
    for page, parts in parsed.items():
        if page.name == "404.html":  # its links are from the root of a server
            continue
        for link in parts.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            if target.is_dir():
                target /= "index.html"
            assert target.is_file(), f"{page.relative_to(site)} leads to {link}"
            if address.fragment and target in parsed:
                names = parsed[target].names
                assert unquote(address.fragment) in names, f"{page.relative_to(site)} leads to {link}"


def test_the_lists_count_as_in_the_text(site: Path) -> None:
    """A block of commands within a list interrupts it, and other pages name its steps."""
    for page in (ROOT / "docs").glob("*.md"):
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        expected = [int(number) for number in re.findall(r"^ *(\d+)\. ", text, re.MULTILINE)]
        shown = Parts((site / page.with_suffix(".html").name).read_text(encoding="utf-8")).numbers
        assert shown == expected, page.name
