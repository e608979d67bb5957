"""When something happens: by the clock, or as a span while the clock may be wrong (None). Pure."""

from __future__ import annotations

from toolkit.formatting import span


def at(clock: str | None, seconds: float) -> str:
    """Return when something happens that happens in so many seconds."""
    if clock is None:
        return f"in {rounded(seconds)}"
    return f"on {clock.replace(' ', ' at ')}" if " " in clock else f"at {clock}"


def by(clock: str | None, seconds: float) -> str:
    """Return until when something must happen that has so many seconds left."""
    return f"within {rounded(seconds)}" if clock is None else f"by {clock}"


def since(clock: str | None, seconds: float) -> str:
    """Return since when something has lasted that began so many seconds ago."""
    return f"for {rounded(seconds)}" if clock is None else f"since {clock}"


def ago(clock: str | None, seconds: float) -> str:
    """Return when something happened that happened so many seconds ago."""
    return f"{rounded(seconds)} ago" if clock is None else at(clock, seconds)


def rounded(seconds: float) -> str:
    """Return whole seconds as a span, at least one."""
    return span(max(1, round(seconds)))
