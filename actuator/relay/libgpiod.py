"""libgpiod's Python package, taken up only where a relay is on a GPIO line: it comes with the extra `[gpio]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from gpiod import ChipInfo, LineInfo, LineSettings
    from gpiod.line import Value

    Asked: TypeAlias = dict[Iterable[int | str] | int | str, LineSettings | None]

MISSING = (
    "found no package gpiod of libgpiod 2, expected it for a relay of type gpio: pip install 'magnum-exporter[gpio]'"
)


class Request(Protocol):
    """What is used of the lines that were granted; the kernel keeps them from everybody else until they are let go."""

    def set_value(self, line: int | str, value: Value) -> None: ...  # noqa: D102 - libgpiod's own
    def get_value(self, line: int | str) -> Value: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class OpenChip(Protocol):
    """What is used of a chip."""

    def __enter__(self) -> Self: ...  # noqa: D105
    def __exit__(  # noqa: D105
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def get_info(self) -> ChipInfo: ...  # noqa: D102
    def get_line_info(self, line: int | str) -> LineInfo: ...  # noqa: D102
    def request_lines(self, config: Asked, consumer: str | None) -> Request: ...  # noqa: D102


OpenChipAt: TypeAlias = "Callable[[str], OpenChip]"
"""Opens the chip at a path: gpiod's own class Chip."""


def load() -> OpenChipAt:
    """Return what opens a chip.

    Raises:
        ValueError: gpiod is not installed, or is the one of libgpiod 1, whose interface is another.
    """
    try:
        import gpiod  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError(MISSING) from None
    if not hasattr(gpiod, "request_lines"):
        raise ValueError(MISSING)
    return gpiod.Chip
