"""Texts of answers over HTTP: what was refused, or was done only in part. Pure."""

from __future__ import annotations

from typing import Final

from actuator.core.inputs import Action
from actuator.report.wording.terms import full_stop
from toolkit.formatting import span

DONE: Final[dict[Action, str]] = {
    "auto": "Mode auto is in force",
    "on": "Mode on is in force",
    "off": "Mode off is in force",
    "reset_lockout": "The lock-out is reset",
    "reset_journal": "The journal alarm is reset",
    "reset_service": "The service is recorded",
    "reset_inhibit": "The inhibit is reset",
    "settings": "The change is in force",
}
"""What a command has done, as the first part of a sentence."""

INHIBIT_ACCEPTED: Final = "The inhibit is accepted"
"""The same of a notification with inhibits."""

RESET_ACCEPTED: Final = "The reset is accepted"
"""The same of the reset of an inhibit that may be refused yet."""

FIRST_TURN: Final = "The first turn has not ended yet. Try again in a second."
ACCEPTED: Final = "Accepted."
ACCEPTED_NOT_OBEYED: Final = "Accepted, but the relay did not obey."
ENDING: Final = "The actuator is ending: not known to be done."
EXERCISE_RUNS: Final = "An exercise is running: its settings can be changed when it has ended."
NOTIFICATIONS_WAIT: Final = (
    "Too many notifications are waiting. Of this one only the inhibits were taken in: send it again."
)


def may_not(user: str, role: str) -> str:
    """Return that a user does not have a role of `access`."""
    return f'User "{user}" may not {role}. In the configuration, access names who may.'


def refused(reason: str) -> str:
    """Return that nothing of a notification is used."""
    return f"Refused: {reason}"


def refused_except_inhibits(reason: str) -> str:
    """Return that only the inhibits of a notification are used."""
    return f"Refused, except its inhibits: {reason}"


def unread(error: Exception) -> str:
    """Return that reading a notification took too long."""
    return full_stop(f"The notification could not be read: {error}")


def commands_wait(most: int) -> str:
    """Return that too many commands wait for the next turn."""
    return f"{most} commands are waiting: try again in a second."


def no_turn(seconds: float) -> str:
    """Return that the turn that uses the request has not ended in so many seconds."""
    return f"Accepted, not known to be done: no turn has ended within {seconds:g} s. It is done with the next turn."


def not_obeyed(done: str, relay_fault: str) -> str:
    """Return that something is done in the program, but not at the relay."""
    return full_stop(f"{done}, but the relay did not obey: {relay_fault}")


def unwritten(done: str, journal_fault: str) -> str:
    """Return that something is done, and does not outlast a restart."""
    return f"{done}, but it could not be written: a restart would lose it. {full_stop(journal_fault)}"


def too_many_changes(most: int, within: float, left: float) -> str:
    """Return that the settings have been changed too often; `within` and `left` in seconds."""
    return f"At most {most} changes in {span(within)}: try again in {span(left)}."


def file_changed(dropped: str) -> str:
    """Return that a change of the settings was dropped, and why."""
    return f"The configuration file has changed meanwhile: {dropped}"
