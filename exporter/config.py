"""The options in `exporter.yml`, and their checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from exporter import config_checks
from exporter.nut.config import BATTERY, NutConfig
from exporter.soc import Lead
from exporter.sources import AnySource
from toolkit import config
from toolkit.config import ConfigError, Duration, near, refuse
from toolkit.exposed_files import exposed_settings
from toolkit.homeassistant import config as mqtt
from toolkit.homeassistant.config import Mqtt
from toolkit.modbus import real_port


class Soc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the state of charge is judged.

    Attributes:
        sources: names in the order of trust; None: all sources with a state of charge, in the order of the file.
        lead: which of the trusted sources leads.
        max_age: the age at which a state of charge becomes stale.
        recover_after: how long a source without others must change plausibly to be trusted again.
    """

    sources: tuple[str, ...] | None = None
    lead: Lead = Lead.FIRST
    max_age: Duration = Duration(60)
    recover_after: Duration = Duration(1800)

    def __post_init__(self) -> None:
        """Refuse durations of 0 and repeated names."""
        for name in ("max_age", "recover_after"):
            if not getattr(self, name) > 0:
                raise ConfigError(name, "0s", "a duration above 0s")
        if self.sources is not None and (not self.sources or len(set(self.sources)) < len(self.sources)):
            raise ConfigError("sources", f"{list(self.sources)}", "at least one name, and each only once")


class Missing(StrEnum):
    """What a bank's state of charge is while a pack is missing."""

    ABSENT = "absent"
    TOLERATE = "tolerate"


class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packs in parallel.

    Attributes:
        packs: the sources of its packs.
        missing: what its state of charge is while a pack is missing.
    """

    packs: tuple[str, ...]
    missing: Missing = Missing.ABSENT


class Battery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The battery. Without its capacity, frozen sources are not detected and the time to empty is unknown.

    Attributes:
        capacity_ampere_hours: of the whole battery.
        soc: how the state of charge is judged.
        banks: packs in parallel, by the name of the bank, which is one source for the state of charge.
    """

    capacity_ampere_hours: float | None = None
    soc: Soc = Soc()
    banks: dict[str, tuple[str, ...] | Bank] = {}

    def __post_init__(self) -> None:
        """Refuse a capacity of 0."""
        if self.capacity_ampere_hours is not None and not self.capacity_ampere_hours > 0:
            raise ConfigError("capacity_ampere_hours", f"{self.capacity_ampere_hours:g}", "more than 0")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        sources: by name.
        battery: how the state of charge is judged.
        energy_state: the file that keeps energy counters over restarts; None: they restart at 0.
        mqtt: the broker that Home Assistant gets values from; None: none.
        nut: what Network UPS Tools receives; None: nothing.
    """

    sources: dict[str, AnySource]
    battery: Battery = Battery()
    energy_state: Path | None = None
    mqtt: Mqtt | None = None
    nut: NutConfig | None = None

    def __post_init__(self) -> None:
        """Refuse a file without sources, two sources on one port, and names of sources that are none."""
        refuse(
            (
                *self._no_source(),
                *_wrong_ports(self.sources),
                *_wrong_banks(self.sources, self.banks),
                *self._wrong_names(),
                *self._wrong_utility(),
            )
        )

    def _no_source(self) -> Iterator[ConfigError]:
        if not self.sources:
            expected = "at least one, such as `main: {type: magnum, port: /dev/ttyUSB0}`"
            yield ConfigError("sources", "no source", expected)

    def _wrong_names(self) -> Iterator[ConfigError]:
        """Refuse a name in `battery.soc.sources` that is no source, or one that is a pack of a bank."""
        for index, name in enumerate(self.battery.soc.sources or ()):
            where = f"battery.soc.sources[{index}]"
            bank = next((bank for bank, options in self.banks.items() if name in options.packs), None)
            if name in self.judged:
                continue
            if name in self.sources and bank is not None:
                yield ConfigError(where, f'"{name}"', f'"{bank}", the bank of which it is a pack')
            else:
                yield ConfigError(where, f'"{name}"', _one_of(name, self.judged))

    def _wrong_utility(self) -> Iterator[ConfigError]:
        """Refuse a `nut.source` that is no source, or one that does not report whether there is utility power."""
        name = None if self.nut is None else self.nut.source
        if name is None or name == BATTERY:
            return
        able = (BATTERY, *(source for source, options in self.sources.items() if options.has_utility_flag))
        if name not in able:
            whose = "a source without a utility flag" if name in self.sources else f'"{name}"'
            yield ConfigError("nut.source", whose, f"one of: {', '.join(able)}{near(name, able)}")

    @property
    def banks(self) -> Mapping[str, Bank]:
        """The configured banks, by name."""
        banks = self.battery.banks.items()
        return {name: bank if isinstance(bank, Bank) else Bank(packs=bank) for name, bank in banks}

    @property
    def judged(self) -> tuple[str, ...]:
        """What can have a state of charge for the judge: the sources that are no pack of a bank, and the banks."""
        packs = {pack for bank in self.banks.values() for pack in bank.packs}
        return (*(name for name in self.sources if name not in packs), *self.banks)


def _one_of(name: str, sources: Iterable[str]) -> str:
    names = tuple(sources)
    return f"one of the sources: {', '.join(names)}{near(name, names)}" if names else "one of the sources"


def _wrong_ports(sources: Mapping[str, AnySource]) -> Iterator[ConfigError]:
    """Refuse two sources on one port, unless they may share it and read different addresses."""
    ports: dict[str, list[str]] = {}
    for name, source in sources.items():
        if source.line is None:
            continue
        port = real_port(source.line)
        for other in ports.setdefault(port, []):
            first = sources[other]
            both = set(source.units) & set(first.units)
            shared = source.shared_as if first.shared_as is not None else None
            if shared is None or shared != first.shared_as:
                expected = f"a port of its own{'' if shared is None else f', or {first.shared_as} as {other} has'}"
                yield ConfigError(f"sources.{name}", f"the port of {other}, {source.line}", expected)
                break
            if both:
                yield ConfigError(f"sources.{name}", f"address {min(both)}, as {other} has", "an address of its own")
                break
        ports[port].append(name)


def _wrong_banks(sources: Mapping[str, AnySource], banks: Mapping[str, Bank]) -> Iterator[ConfigError]:
    """Refuse a bank with the name of a source or without packs, an unknown or repeated pack, and one of two banks."""
    banks_of: dict[str, str] = {}
    for name, bank in banks.items():
        where = f"battery.banks.{name}"
        if name in sources:
            yield ConfigError(where, "the name of a source", "a name of its own")
        elif not bank.packs or len(set(bank.packs)) < len(bank.packs):
            yield ConfigError(where, f"{list(bank.packs)}", "at least one source, and each only once")
        else:
            for pack in bank.packs:
                if pack not in sources:
                    yield ConfigError(where, f'"{pack}"', _one_of(pack, sources))
                elif banks_of.setdefault(pack, name) != name:
                    yield ConfigError(where, f'"{pack}", a pack of {banks_of[pack]}', "a pack of one bank only")


def warnings(options: Config, path: Path) -> Iterator[str]:
    """Yield a sentence for each thing that is valid and unusual in the configuration of this file."""
    yield from _left_out(options)
    if options.nut is not None and options.nut.source == BATTERY:
        yield from config_checks.shutdown_before_emergency(path, options.nut.low)


def _left_out(options: Config) -> Iterator[str]:
    """Yield a sentence for each source of a state of charge that `battery.soc.sources` leaves out."""
    named = options.battery.soc.sources
    if named is None:
        return
    for name in options.judged:
        has_soc = options.sources[name].has_soc if name in options.sources else True
        if name not in named and has_soc is not False:
            whose = "its state of charge" if has_soc else "the state of charge of its battery monitor, if it has one,"
            yield f"battery.soc.sources: got {', '.join(named)} without {name}: {whose} is not used"


def exposed(options: Config, path: Path) -> Iterator[str]:
    """Yield a sentence for each file that every user of the machine may read or write and should not.

    Args:
        options: the configuration; the files that it names are looked at too.
        path: of its own file.
    """
    yield from exposed_settings("--config.file", path)
    yield from mqtt.exposed(options.mqtt)


def load(path: Path) -> Config:
    """Return the configuration in a file.

    Raises:
        ConfigError: it is wrong, or a source has the port of the relay of an `actuator.yml` next to it.
    """
    found = [*config_checks.relay_port(path), *config_checks.own_metrics(path)]
    try:
        options = config.load(path, Config)
    except ConfigError as error:
        refuse([error, *found])
        raise
    refuse(found)
    return options
