"""The named colours of Grafana's dark and light themes, and the contrast between two colours.

Colours: https://github.com/grafana/grafana, packages/grafana-data/src/themes/createVisualizationColors.ts and
createColors.ts (version 11). Contrast: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
"""

from __future__ import annotations

BACKGROUND, PANEL, LIGHT_PANEL = "#111217", "#181b1f", "#ffffff"
TEXT_COLOUR, SECONDARY = "#ccccdc", "#9fa1ad"

DARK = {
    "red": "#f2495c",
    "semi-dark-red": "#e02f44",
    "orange": "#ff9830",
    "dark-orange": "#fa6400",
    "yellow": "#fade2a",
    "dark-yellow": "#e0b400",
    "green": "#73bf69",
    "semi-dark-green": "#56a64b",
    "light-green": "#96d98d",
    "blue": "#5794f2",
    "light-blue": "#8ab8ff",
    "super-light-blue": "#c0d8ff",
    "purple": "#b877d9",
}
LIGHT = {
    "red": "#e02f44",
    "orange": "#ff780a",
    "dark-orange": "#e55400",
    "yellow": "#f2cc0c",
    "green": "#56a64b",
    "semi-dark-green": "#37872d",
    "light-green": "#73bf69",
    "blue": "#3274d9",
    "super-light-blue": "#8ab8ff",
    "purple": "#a352cc",
}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #181b1f, 0 to 1."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def contrasting(back: str) -> str:
    """Return the colour of text on a background: black or white, as Grafana chooses it."""
    return max("#000000", "#ffffff", key=lambda front: contrast(front, back))
