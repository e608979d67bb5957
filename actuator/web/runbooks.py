"""The runbooks: the page of each alert, from the package's data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_BODIES = Path(__file__).with_name("runbooks.json")
_SHELL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<link rel="icon" href="data:,">
<style>
:root {{
  color-scheme: light dark;
  --page: #f4f4f1; --ink: #1b1d1f; --soft: #5a6067; --line: #d9dad5; --mark: #2454a6;
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #14171a; --ink: #eceeef; --soft: #a5adb5; --line: #363d43; --mark: #8fb7ff; }}
}}
body {{
  margin: 0 auto; max-width: 44rem; padding: 1rem 1rem 3rem; overflow-wrap: break-word;
  background: var(--page); color: var(--ink); font: 1.05rem/1.55 system-ui, sans-serif;
}}
nav {{ display: flex; gap: 1.5rem; }}
nav a {{ padding: .5rem 0; }}
a {{ color: var(--mark); }}
h1 {{ font-size: 1.35rem; overflow-wrap: anywhere; margin: 1rem 0 .5rem; }}
h1 + p {{ font-size: 1.2rem; font-weight: 550; margin: 0 0 1rem; }}
h2 {{ font-size: 1.05rem; border-top: 1px solid var(--line); padding-top: .8rem; margin: 1.4rem 0 .4rem; }}
li + li {{ margin-top: .3rem; }}
ul, ol {{ padding-left: 1.4rem; }}
code {{ font-size: .92em; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ padding: .45rem .7rem .45rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }}
td:last-child {{ overflow-wrap: anywhere; }}
th {{ color: var(--soft); font-weight: 500; border: 0; }}
</style>
</head>
<body>
<nav><a href="/">Generator</a><a href="README">All runbooks</a></nav>
<main>
{body}</main>
</body>
</html>
"""


def load() -> Mapping[str, str]:
    """Return the HTML of each page's body by its name, as `python -m alerts.render` has made it."""
    bodies: Mapping[str, str] = json.loads(_BODIES.read_text(encoding="utf-8"))
    return bodies


def page(name: str, body: str) -> str:
    """Return the HTML of a page."""
    return _SHELL.format(name=name, body=body)
