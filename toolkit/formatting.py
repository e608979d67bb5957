"""Numbers and addresses as people read them."""

from __future__ import annotations

import re


def percent(ratio: float) -> str:
    """Return 0.253 as "25.3 %", 0.25 as "25 %"."""
    return f"{round(ratio * 100, 1):g} %"


def capitalized(text: str) -> str:
    """Return a text with a capital at its beginning, and all else as it is."""
    return text[:1].upper() + text[1:]


def span(seconds: float) -> str:
    """Return seconds as a person would say them: "45 s", "15 min", "4 h", "1 h 30 min", "28 d"."""
    whole = round(seconds)
    if whole < 120:
        return f"{round(seconds, 1):g} s"
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if not days and not hours:
        return f"{minutes} min" if not left else f"{minutes} min {left} s"
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def redacted(url: str) -> str:
    """Return a URL for a log line or a message: without user name, password and query, which may hold a secret."""
    without_user = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:/*)?.*@", r"\1***@", url, flags=re.DOTALL)
    return re.sub(r"\?.*", "?***", without_user, flags=re.DOTALL)


def printable(text: str) -> str:
    """Return a text with what is no visible character escaped: in a terminal, foreign text must not move the cursor."""
    # The no-break space between a number and its unit counts as unprintable, and is wanted.
    return "".join(one if one.isprintable() or one == "\u00a0" else ascii(one)[1:-1] for one in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines with each of them printable."""
    return "\n".join(map(printable, text.split("\n")))
