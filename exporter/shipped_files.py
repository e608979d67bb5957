"""The files of `alerts/` and `grafana/` that people copy. A wheel has them in `exporter/assets/`.

The build hook runs this module from its file, so it imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PACKAGED = Path(__file__).resolve().parent / "assets"
_PATTERNS = (
    "alerts/*.yml",
    "alerts/*.tmpl",
    "alerts/runbooks/*.md",
    "grafana/dashboards/*.json",
    "grafana/import/*.json",
    "grafana/provisioning/*/*.yaml",
)


def find(checkout: Path) -> Iterator[Path]:
    """Yield the files of a checkout, relative to it."""
    for pattern in _PATTERNS:
        yield from sorted(path.relative_to(checkout) for path in checkout.glob(pattern))


def installed() -> Iterator[tuple[Path, str]]:
    """Yield each file's relative path and its text: from the package, or from the checkout of an editable one."""
    root = _PACKAGED if _PACKAGED.is_dir() else _PACKAGED.parent.parent
    for path in find(root):
        yield path, (root / path).read_text(encoding="utf-8")
