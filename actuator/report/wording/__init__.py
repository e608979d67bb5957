"""Every sentence for people, once, divided by what it is about. Pure.

The decision passes kinds and values; nothing here decides.
"""

from actuator.report.wording import answers, blocking, endings, events, notes, phases, problems, resets, terms, times

__all__ = ["answers", "blocking", "endings", "events", "notes", "phases", "problems", "resets", "terms", "times"]
