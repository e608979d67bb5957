"""`magnum-exporter assets`: write alert rules, configurations, runbooks and dashboards to a folder."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from exporter import shipped_files

DESCRIPTION = (
    "Writes the alert rules, sample configurations, runbooks and dashboards of this version to a folder. A file that "
    "you have edited is kept; the new one is written beside it."
)
EXAMPLE = "magnum-exporter assets /etc/magnum-exporter/assets --external-url=https://cabin.example"

_BASE = "http://127.0.0.1:10049"
"""The actuator's default address, with which the rules name their runbooks."""

_OWNERS = frozenset({"alertmanager.yml", "prometheus.yml", "inhibit.example.yml", "people.tmpl"})
"""Files that their owner edits: a changed one is kept. Of the rules, which belong to the version, a copy is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to write to; it is made if it is missing")
    parser.add_argument(
        "--external-url",
        metavar="URL",
        type=_base_url,
        default=_BASE,
        help="where people reach the actuator: the base of each runbook_url in the rules, and of the dashboards' links "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--several-sites",
        action="store_true",
        help="let the dashboards show the choice of the site, which is hidden for one site",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return 0, or 1 when one cannot be written."""
    kept = []
    try:
        for path, text in shipped_files.installed():
            target = arguments.folder / path
            if path.suffix == ".yml":
                text = text.replace(f"runbook_url: {_BASE}/", f"runbook_url: {arguments.external_url}/")  # noqa: PLW2901
            elif path.suffix == ".json":
                text = _dashboard(text, arguments.external_url, several_sites=arguments.several_sites)  # noqa: PLW2901
            _refuse_link(target)
            changed = target.exists() and target.read_bytes() != text.encode()
            if changed and path.name in _OWNERS:
                kept.append(target)
                target = target.with_name(f"{target.name}.new")
                _refuse_link(target)
            elif changed and path.suffix == ".yml":
                old = target.with_name(f"{target.name}.old")
                _refuse_link(old)
                old.write_bytes(target.read_bytes())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for target in kept:
        sys.stdout.write(f"{target} is changed and kept; {target.name}.new is the one of this version\n")
    sys.stdout.write(f"written to {arguments.folder}: alerts, grafana\n")
    return 0


def _refuse_link(target: Path) -> None:
    """Write through no link: it may lead to a file of somebody else's."""
    for path in (target, target.parent):
        if path.is_symlink():
            raise OSError(f"{path} is a link: name a folder of its own, and link to its files from elsewhere")


def _dashboard(text: str, external_url: str, *, several_sites: bool) -> str:
    """Return a dashboard with links to the panel at an address, and with the choice of the site or without it."""
    text = text.replace(f'"{_BASE}"', json.dumps(external_url))
    if not several_sites:
        return text
    board = json.loads(text)
    for variable in board["templating"]["list"]:
        if variable["name"] == "site":
            variable["hide"] = 0
    return json.dumps(board, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _base_url(text: str) -> str:
    # Braces would be a template in a rule, and a space or a quote could end the YAML scalar.
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(?:/[\w./~%-]*)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f'got "{text}", expected a URL such as https://cabin.example/generator')
    return text.rstrip("/")
