"""The relays that a contact may have been left closed on, and their opening before anything else is loaded.

Nothing here or below it loads the web framework, which takes most of the time of a start: on a slow machine a contact
that was left closed opens seconds sooner, by a start and by `generator-actuator release`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from actuator import config as configuration
from actuator.journal import last_relay
from actuator.loop.contact import log_failure
from actuator.relay import RelayConfig, RelayError, RelayHeldError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from toolkit import file_reader, log
from toolkit.worker_thread import DeadlineError, ExhaustedError, Worker

DEFAULT_JOURNAL = Path("/var/lib/generator-actuator/journal.db")

_CONFIG_SECONDS = 10.0
"""For reading the configuration, before the contact is opened without it; a busy machine needs some of them."""
_SIDECAR_SECONDS = 3.0
"""The same for the sidecar."""

_log = log.get(__name__)

T = TypeVar("T")


class OpenedRelay(NamedTuple):
    """The relay that the file names, after the start.

    Attributes:
        relay: None if the file names none.
        found_closed: whether any contact was found closed; None if a board could not report it.
        is_open: whether this relay is open now.
    """

    relay: AsyncRelay | None
    found_closed: bool | None
    is_open: bool


async def open_known_relays(config_file: Path) -> OpenedRelay:
    """Open the relay that was last in force, then the one that the file names, whatever else in it may be wrong.

    Raises:
        RelayHeldError: another controller holds the file's relay.
        ExhaustedError: the file's relay can do nothing any more.
    """
    named, *former = await known_relays(config_file) or (None,)
    positions = [await _open_former(config) for config in former]
    if named is None:
        return OpenedRelay(None, _any_closed(positions), is_open=False)
    relay = AsyncRelay(named.make_relay)
    positions.append(await _position(relay))
    return OpenedRelay(relay, _any_closed(positions), await _open_first(relay))


async def known_relays(config_file: Path) -> tuple[RelayConfig, ...]:
    """Return the relay that the file names, and after it the one that was last in force, if that is another one."""
    # A change of the relay is refused while its contact is closed: a process that dies then leaves the old one closed.
    # The one last in force is kept in the sidecar, also for a file that cannot be read.
    read = await _read("configuration", partial(_named, config_file), _CONFIG_SECONDS)
    named, journal = read or (None, None)
    kept = await _read(
        "relay that was last in force", partial(last_relay, journal or _default_journal()), _SIDECAR_SECONDS
    )
    if named is not None and kept is not None and named.contact() == kept.contact():
        kept = None
    return tuple(relay for relay in (named, kept) if relay is not None)


async def _read(what: str, call: Callable[[], T], seconds: float) -> T | None:
    """Return what the call returns; None, which is logged, if it takes longer."""
    try:
        return await Worker(what).do(call, seconds)
    except DeadlineError as error:
        # Go on without the file: a hanging disk must not delay the opening.
        _log.error(f"the {what} cannot be read", error=error)
        return None


def _named(config_file: Path) -> tuple[RelayConfig | None, Path | None]:
    """Return the relay and the path of the journal from the file, also from a broken one; None: it names none."""
    relay = configuration.relay_only(config_file)
    with contextlib.suppress(OSError):
        text = file_reader.read_bytes(config_file).decode(errors="replace")
        found = re.search(r"(?m)^journal\s*:\s*[\"']?([^\s\"'#]+)", text)
        return relay, Path(found[1]) if found else None
    return relay, None


def _default_journal() -> Path:
    """Return the path of a journal that no file names: in the service manager's folder."""
    folder = service_folder("STATE_DIRECTORY")
    return folder / DEFAULT_JOURNAL.name if folder else DEFAULT_JOURNAL


def service_folder(variable: str) -> Path | None:
    """Return the first folder that the service manager names in an environment variable; None: there is none."""
    folder = os.environ.get(variable, "").partition(":")[0]
    return Path(folder) if folder else None


async def _open_former(config: RelayConfig) -> bool | None:
    """Open the contact that was last in force and disconnect; return its position before that, see `_position`."""
    relay = AsyncRelay(config.make_relay)
    opening = Opening(relay)
    position = None
    try:
        position = await _position(relay)
        await opening.repeat(on_failure=partial(log_failure, "opening the former contact"))
    except (RelayHeldError, ExhaustedError) as error:
        _log.error("the relay that was last in force cannot be opened", relay=relay.description, error=error)
    else:
        # A board that was taken away does not prevent the start.
        if opening.done:
            _log.info(
                "the relay that was last in force is commanded to open",
                relay=relay.description,
                confirmed=opening.confirmed,
            )
        else:
            _log.error("the relay that was last in force could not be confirmed open", relay=relay.description)
    finally:
        await relay.dispose()
    return position


async def _position(relay: AsyncRelay) -> bool | None:
    """Return the contact's position before it is moved, True closed; None: the board cannot report it.

    Raises:
        RelayHeldError: another controller holds the relay.
    """
    try:
        return await relay.read_back() if relay.can_read_back else None
    except RelayHeldError:
        raise
    except RelayError:
        return None  # the opening that follows gets the same error, and logs it


def _any_closed(positions: list[bool | None]) -> bool | None:
    """Return whether any contact was found closed; None: one could not be read, or there was none."""
    return True if True in positions else None if None in positions or not positions else False


async def _open_first(relay: AsyncRelay) -> bool:
    """Open the contact once, before anything else is known; return whether that is done.

    Raises:
        RelayHeldError: another controller holds the relay.
    """
    opening = Opening(relay)
    try:
        await opening.attempt()
    except RelayHeldError:
        raise
    except RelayError as error:
        log_failure("opening the contact", error)
        return False
    if opening.confirmed:
        _log.info("contact is open", relay=relay.description)
    elif opening.done:
        _log.info("contact is commanded to open, and cannot be read back", relay=relay.description)
    else:
        _log.error("contact reads closed after it was opened", relay=relay.description)
    return opening.done
