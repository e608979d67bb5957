"""libgpiod's Python package, imported only for a relay on a GPIO line: it comes with the extra `[gpio]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from gpiod import ChipInfo, LineInfo, LineSettings
    from gpiod.line import Value

    LineConfig: TypeAlias = dict[Iterable[int | str] | int | str, LineSettings | None]

MISSING = (
    "got no package gpiod of libgpiod 2, expected it for a relay of type gpio: "
    "deploy/install gpio, in /usr/local/src/magnum-exporter"
)


class Request(Protocol):
    """The part of gpiod's requested lines that is used; the kernel gives them to nobody else until `release`."""

    def set_value(self, line: int | str, value: Value) -> None: ...  # noqa: D102 - libgpiod's own
    def get_value(self, line: int | str) -> Value: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class OpenChip(Protocol):
    """The part of gpiod's chip that is used."""

    def __enter__(self) -> Self: ...  # noqa: D105
    def __exit__(  # noqa: D105
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def get_info(self) -> ChipInfo: ...  # noqa: D102
    def get_line_info(self, line: int | str) -> LineInfo: ...  # noqa: D102
    def request_lines(self, config: LineConfig, consumer: str | None) -> Request: ...  # noqa: D102


OpenChipAt: TypeAlias = "Callable[[str], OpenChip]"
"""Opens the chip at a path: gpiod's own class Chip."""


def load() -> OpenChipAt:
    """Return the function that opens a chip.

    Raises:
        ValueError: gpiod is not installed, or is that of libgpiod 1, with another interface.
    """
    try:
        import gpiod  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError(MISSING) from None
    if not hasattr(gpiod, "request_lines"):
        raise ValueError(MISSING)
    return gpiod.Chip
