"""The landing page at `/`: one HTML file without external resources, light or dark."""

from __future__ import annotations

import html
from collections.abc import Sequence


def landing_page(name: str, description: str, version: str, links: Sequence[tuple[str, str]]) -> str:
    """Return the page as HTML; links are (path, text) pairs."""
    items = "\n".join(
        f'<li><a href="{html.escape(path)}">{html.escape(text)}<code>{html.escape(path)}</code></a></li>'
        for path, text in links
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(name)}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2321; --soft: #5c6763; --paper: #f6f5f1; --card: #fff; --line: #dedbd2;
  --mark: #b5431a; background: var(--paper); }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e9e7e1; --soft: #9aa5a0; --paper: #151918; --card: #1e2422;
  --line: #323a37; --mark: #f0875a; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1.5rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); }}
main {{ width: min(34rem, calc(100vw - 3rem)); }}
h1 {{ margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.2; }}
h1::before {{ content: ""; display: block; width: 2.5rem; height: .3rem; margin-bottom: 1rem; border-radius: 1rem;
  background: var(--mark); }}
p {{ margin: 0; color: var(--soft); }}
ul {{ margin: 1.5rem 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: .6rem;
  overflow: hidden; background: var(--card); }}
li + li {{ border-top: 1px solid var(--line); }}
a {{ display: flex; justify-content: space-between; gap: 1rem; padding: .75rem 1rem; color: inherit;
  text-decoration: none; }}
a:hover, a:focus-visible {{ color: var(--mark); background: color-mix(in srgb, var(--mark) 8%, transparent); }}
code {{ color: var(--soft); font-size: .875rem; }}
footer {{ color: var(--soft); font-size: .875rem; }}
</style>
</head>
<body>
<main>
<h1>{html.escape(name)}</h1>
<p>{html.escape(description)}</p>
<ul>
{items}
</ul>
<footer>Version {html.escape(version)}</footer>
</main>
</body>
</html>
"""
