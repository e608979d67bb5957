"""Prints the answers of the running actuator, once or over and over."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from actuator.commands import client
from toolkit.formatting import printable, printable_lines


def print_lines(url: str, lines: Callable[[], Iterable[str]], paint: Callable[[str], str] | None = None) -> int:
    """Print the lines, with colours if asked for; return the exit status, 1 when the actuator gives no answer."""
    try:
        shown = text(url, lines)
    except client.ClientError as error:
        write_error("", error)
        return 1
    write(paint(shown) if paint else shown)
    return 0


def text(url: str, lines: Callable[[], Iterable[str]]) -> str:
    """Return the lines, printable.

    Raises:
        ClientError: the actuator gives no answer, or not as this version does.
    """
    with answered(url):
        return "".join(f"{printable(line)}\n" for line in lines())


@contextlib.contextmanager
def answered(url: str) -> Iterator[None]:
    """Raise `client.UnansweredError` for what is missing or wrong in an answer that is read within the context."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError, OSError) as error:
        # A time too large for the C library; every other OSError is of what is written.
        if isinstance(error, OSError) and error.errno != errno.EOVERFLOW:
            raise
        raise client.UnansweredError(
            f"{url} answers, but not as this version of the actuator does. If it was updated, restart it: "
            "systemctl restart generator-actuator"
        ) from error


def repeat(show: Callable[[], None], fail: Callable[[client.ClientError], None], seconds: float) -> int:
    """Show over and over until Ctrl-C; an actuator that does not answer for a while may answer again.

    Args:
        show: asks, and prints.
        fail: is given why nothing can be shown now.
        seconds: between two times.

    Returns:
        The exit status: 1 when the request is one that is never answered.
    """
    try:
        while True:
            try:
                show()
            except client.ClientError as error:
                again = isinstance(error, client.UnansweredError)
                if isinstance(error, client.RefusedError):
                    again = error.status >= 500
                if not again:
                    write_error("", error)
                    return 1
                fail(error)
            time.sleep(seconds)
    except KeyboardInterrupt:
        return 0


def write(text: str) -> None:
    """Write to stdout, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_error(before: str, error: Exception) -> None:
    """Write why there is no answer to stderr, after `before` to stdout."""
    write(before)
    sys.stderr.write(f"{printable_lines(str(error))}\n")
    sys.stderr.flush()
