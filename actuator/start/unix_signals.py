"""Signals from the first line of the program until the service's loop has handlers of its own."""

from __future__ import annotations

import signal

_NOT_ENDING = {
    # Reload; those that cannot be caught; those that stop or wake a process, or do nothing; those that Python ignores.
    *(signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT),
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ),
    # Faults of the processor: each would come again when its handler returns.
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
}

ENDING = signal.valid_signals() - _NOT_ENDING
"""Signals that end a process by default; this one opens the contact first."""


class EarlySignals:
    """Takes the signals of a start, from its first line until the loop has handlers of its own.

    Attributes:
        ending: the first one that would end the process; the service ends as soon as it has opened the contact.
    """

    def __init__(self) -> None:
        """Install the handlers. A reload has nothing to read again yet."""
        self.ending: int | None = None
        self._before = {number: signal.signal(number, self._take) for number in ENDING}
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _take(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number

    def restore(self) -> None:
        """Give the signals back to a program that is not the service; one that has come is sent again."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self.ending is not None:
            signal.raise_signal(self.ending)


class Stopped(Exception):  # noqa: N818 - not an error: it was requested
    """The service has ended because of a signal, with the contact confirmed open."""

    def __init__(self, number: int) -> None:
        super().__init__(signal_name(number))
        self.number = number


def signal_name(number: int) -> str:
    """Return a signal's name, such as SIGTERM."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
