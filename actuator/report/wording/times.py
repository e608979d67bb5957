"""When something happens: by the clock, or as a span while the clock may be wrong (None). Pure."""

from __future__ import annotations

from toolkit.formatting import span


def at(clock: str | None, seconds: float) -> str:
    """Return a future moment: "at 12:05", or "in 5 min" without a clock."""
    if clock is None:
        return f"in {rounded(seconds)}"
    return f"on {clock.replace(' ', ' at ')}" if " " in clock else f"at {clock}"


def by(clock: str | None, seconds: float) -> str:
    """Return the latest moment of something: "by 12:05", or "within 5 min" without a clock."""
    return f"within {rounded(seconds)}" if clock is None else f"by {clock}"


def since(clock: str | None, seconds: float) -> str:
    """Return the beginning of what still lasts: "since 12:05", or "for 5 min" without a clock."""
    return f"for {rounded(seconds)}" if clock is None else f"since {clock}"


def ago(clock: str | None, seconds: float) -> str:
    """Return a past moment: "at 12:05", or "5 min ago" without a clock."""
    return f"{rounded(seconds)} ago" if clock is None else at(clock, seconds)


def rounded(seconds: float) -> str:
    """Return whole seconds as a span, at least one."""
    return span(max(1, round(seconds)))
