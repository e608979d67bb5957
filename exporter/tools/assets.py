"""`magnum-exporter assets`: write alert rules, configurations, runbooks and dashboards to a folder."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from exporter import shipped_files

_BASE = "http://127.0.0.1:10049"
"""The actuator's default address, with which the rules name their runbooks."""

_OWNERS = frozenset({"alertmanager.yml", "prometheus.yml", "inhibit.example.yml"})
"""Files that their owner edits: a changed one is kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this tool's arguments."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to write to; it is made if it is missing")
    parser.add_argument(
        "--external-url",
        metavar="URL",
        type=_base_url,
        default=_BASE,
        help="where people reach the actuator: the base of each runbook_url in the rules (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return 0, or 1 when one cannot be written."""
    kept = []
    try:
        for path, text in shipped_files.installed():
            target = arguments.folder / path
            if path.suffix == ".yml":
                text = text.replace(f"runbook_url: {_BASE}/", f"runbook_url: {arguments.external_url}/")  # noqa: PLW2901
            if path.name in _OWNERS and target.exists() and target.read_text(encoding="utf-8") != text:
                kept.append(target)
                target = target.with_name(f"{target.name}.new")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for target in kept:
        sys.stdout.write(f"{target} is changed and kept; {target.name}.new is the one of this version\n")
    sys.stdout.write(f"written to {arguments.folder}: alerts, grafana\n")
    return 0


def _base_url(text: str) -> str:
    # Braces would be a template in a rule, and a space or a quote could end the YAML scalar.
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(?:/[\w./~%-]*)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f'got "{text}", expected a URL such as https://cabin.example/generator')
    return text.rstrip("/")
