"""Check what `exporter.yml` names outside of itself, and what its own lists of registers name."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from toolkit.config import ConfigError, Ratio, locate, read_mapping
from toolkit.durable_file import cannot_write
from toolkit.flags import is_loopback
from toolkit.formatting import percent
from toolkit.modbus import serial_port

ACTUATOR = "actuator.yml"
"""The file of the actuator, in the same folder if it runs on the same machine."""

EMERGENCY_SOC = Ratio(0.12)
"""The actuator's own `emergency_soc`, where its file has none."""


def relay_port(path: Path) -> Iterator[ConfigError]:
    """Yield an error for each source with the serial port of the relay, which would lose commands to the relay.

    Args:
        path: of the file; an actuator on this machine has its own next to it.
    """
    actuator = read_mapping(path.with_name(ACTUATOR))
    relay = serial_port(actuator.get("relay"))
    if relay is None or not _reads_this_machine(actuator.get("exporter")):
        return
    document = read_mapping(path)
    sources = document.get("sources")
    for name, source in sources.items() if isinstance(sources, dict) else ():
        if serial_port(source) == relay:
            got = f"{relay}, the port of the relay in {path.with_name(ACTUATOR)}"
            yield locate(ConfigError(f"sources.{name}", got, "a port of its own"), document)


def own_metrics(path: Path) -> Iterator[ConfigError]:
    """Yield an error for each register in an own list of a `modbus` source that does not agree with the others.

    Args:
        path: of the file; it may have other faults.
    """
    document = read_mapping(path)
    sources = document.get("sources")
    lists = {
        name: source["registers"]
        for name, source in (sources.items() if isinstance(sources, dict) else ())
        if isinstance(source, dict) and source.get("type") == "modbus" and isinstance(source.get("registers"), list)
    }
    if not lists:
        return
    # Nothing that a file without an own list needs.
    from exporter.collector import of_family  # noqa: PLC0415
    from exporter.sources.modbus import register_list  # noqa: PLC0415
    from exporter.sources.modbus.source import FAMILY  # noqa: PLC0415

    for error in register_list.check(lists, of_family(FAMILY)):
        yield locate(error, document)


def _reads_this_machine(exporter: object) -> bool:
    """Return whether the actuator's `exporter:` is on this machine; else its ports are another machine's."""
    url = exporter.get("url") if isinstance(exporter, dict) else exporter
    try:
        return isinstance(url, str) and is_loopback(urllib.parse.urlsplit(url).hostname or "")
    except ValueError:
        return False


def shutdown_before_emergency(path: Path, low: float) -> Iterator[str]:
    """Yield a sentence if machines are told to shut down before the actuator on this one starts in an emergency.

    Args:
        path: of the file; an actuator on this machine has its own next to it.
        low: the state of charge at which machines shut down.
    """
    actuator = read_mapping(path.with_name(ACTUATOR))
    if not _reads_this_machine(actuator.get("exporter")):
        return
    try:
        emergency = Ratio.parse(actuator.get("emergency_soc", EMERGENCY_SOC))
    except ConfigError:
        return  # the actuator refuses its file
    if low >= emergency:
        yield (
            f"nut.low: got {percent(low)} with emergency_soc {percent(emergency)} in {path.with_name(ACTUATOR)}: an "
            "upsmon that acts on this machine switches the actuator off before its emergency start; run none here, or "
            "give it power value 0 (docs/nut.md)"
        )


def folders(path: Path) -> Iterator[ConfigError]:
    """Yield an error if the file of `energy_state` cannot be written; a running exporter goes on without it."""
    document = read_mapping(path)
    state = document.get("energy_state")
    if not isinstance(state, str) or not state:
        return
    reason = "it is a folder" if Path(state).is_dir() else cannot_write(Path(state).parent)
    if reason is not None:
        expected = "a file in a folder of the user that runs the exporter (check as that user)"
        yield locate(ConfigError("energy_state", f"{state}: {reason}", expected), document)
