"""Read `actuator.yml`: the settings of the decision, the exporter's page, the relay and the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from actuator.core.overlay import DEFAULT, Profile, edit, over
from actuator.core.settings import DAY, HOUR, Settings
from actuator.core.signals import BUS_FRESH, SAMPLES
from actuator.relay import AnyRelay, RelayConfig
from toolkit.config import ConfigError, Duration, decode, locate, near, read, refuse
from toolkit.config import load as load_struct
from toolkit.exposed_files import exposed_secret, exposed_settings
from toolkit.formatting import redacted, span
from toolkit.homeassistant import config as mqtt
from toolkit.homeassistant.config import Mqtt
from toolkit.replace import replace

REAL_RUN: Final = HOUR / 2
"""Seconds of max_run from which the configuration is for a real engine; a test's spans are shorter."""


class Exporter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the exporter's page is, and how often to read it.

    Attributes:
        url: of `/metrics`.
        interval: between two readings.
        username: for basic authentication, if the exporter requires it.
        password_file: contains the password; a line end after it is ignored.
    """

    url: str
    interval: Duration = Duration(5)
    username: str | None = None
    password_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong URL, an interval that is too long, and a user name without a password."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        if not self.url.startswith(("http://", "https://")):
            yield ConfigError("url", f'"{redacted(self.url)}"', "a URL such as http://127.0.0.1:10048/metrics")
        if "@" in self.url.partition("?")[0]:
            expected = "no user name and password in it: write them as username: and password_file: beside url:"
            yield ConfigError("url", f'"{redacted(self.url)}"', expected)
        longest = BUS_FRESH / SAMPLES
        if self.interval > longest:
            yield ConfigError(
                "interval",
                span(self.interval),
                f"at most {span(longest)}: three samples are needed within {span(BUS_FRESH)}",
            )
        if (self.username is None) != (self.password_file is None):
            yield ConfigError("", "got one of username and password_file, expected both or neither", "")


LONGEST_NAME: Final = 64
"""Characters of a profile's name, which a button and a metric's label show."""

Role = Literal["read", "notify", "command"]


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which users of `--web.config.file` may do what; a user in no list may only ask for health and readiness.

    Attributes:
        read: whatever is only shown: panel, status, metrics, history, runs, journal, events, settings and runbooks.
        notify: Alertmanager's webhook.
        command: mode, resets, settings, profile and reload; and what `read` may.
    """

    read: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse lists without any name: nobody could do anything."""
        if not (self.read or self.notify or self.command):
            raise ConfigError("", "no user in read, notify or command", "at least one, such as command: [owner]")

    def permits(self, user: str, role: Role) -> bool:
        """Return whether a user has a role."""
        return user in getattr(self, role) or (role == "read" and user in self.command)

    def check(self, users: Collection[str], path: Path) -> None:
        """Refuse a name that is none of the users.

        Args:
            users: of `--web.config.file`.
            path: of the file that this is from, for the message.

        Raises:
            ConfigError: there is one.
        """
        known = ", ".join(users) or "it has none"
        expected = f"a user in basic_auth_users of --web.config.file ({known})"
        refuse(
            locate(ConfigError(f"access.{role}[{index}]", f'"{name}"', expected), read(path))
            for role in get_args(Role)
            for index, name in enumerate(getattr(self, role))
            if name not in users
        )


class Broker(Mqtt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The MQTT broker that Home Assistant gets values from, and commands over it.

    Attributes:
        commands: whether the generator can be controlled over it.
    """

    commands: bool = False

    def _wrong(self) -> Iterator[ConfigError]:
        """Refuse commands over a broker to which anybody on the network could send them."""
        yield from super()._wrong()
        if self.commands and not (self.on_loopback or (self.is_encrypted and self.authenticates)):
            yield ConfigError(
                "commands",
                "true",
                "false, or a broker on this machine, or a url that begins with mqtts:// and a user name or a client's "
                "certificate: whoever can send to the broker could start the engine",
            )


class Config(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        exporter: the page to read.
        relay: the board and its contact.
        journal: path of its database.
        mirror: folder in memory for the journal's mirror; None: the service manager's `$RUNTIME_DIRECTORY`, else none.
        access: what each user may do; None: whoever is let in may do all.
        mqtt: the broker that Home Assistant gets values from; None: none.
        profiles: named overlays over the settings of this file, one of which may be in force. A name has 1 to 64
            printable characters.
    """

    exporter: Exporter
    relay: AnyRelay
    journal: Path
    mirror: Path | None = None
    access: Access | None = None
    mqtt: Broker | None = None
    profiles: dict[str, Profile] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not fit together, and each profile that does not fit the rest."""
        super().__post_init__()
        refuse(self._profiles_wrong())

    def overlaid(self, profile: str, edits: Mapping[str, Any]) -> Config:
        """Return this file with a profile over it, empty: none, and edits over both; without its profiles.

        Raises:
            ConfigError: the profile or an edit is unknown, or they do not fit.
        """
        if profile and profile not in self.profiles:
            known = (DEFAULT, *self.profiles)
            raise ConfigError("name", f'"{profile}"', f"one of {', '.join(known)}{near(profile, known)}")
        bare = replace(self, profiles={})
        return over(over(bare, self.profiles[profile]) if profile else bare, edit(edits))

    def _profiles_wrong(self) -> Iterator[ConfigError]:
        for name in self.profiles:
            if name == DEFAULT:
                yield ConfigError(f"profiles.{name}", "a profile", "another name: this one means none")
            if not (name.isprintable() and name == name.strip() and 0 < len(name) <= LONGEST_NAME):
                expected = f"1 to {LONGEST_NAME} printable characters, and no space before or after them"
                yield ConfigError("profiles", f"the name {name[: LONGEST_NAME + 1]!a}", expected)
            try:
                self.overlaid(name, {})
            except ConfigError as error:
                yield error.under(f"profiles.{name}", file=None, line=None)

    def _wrong(self) -> Iterator[ConfigError]:
        """Refuse what does not fit the page's interval or a real run, a wrong mirror, and every duration of zero."""
        yield from super()._wrong()
        shortest = SAMPLES * self.exporter.interval
        for name in ("start", "stop", "emergency"):
            seconds: Duration = getattr(self.debounce, name)
            if seconds < shortest:
                yield ConfigError(
                    f"debounce.{name}",
                    span(seconds),
                    f"at least {span(shortest)}, three times exporter.interval: three samples are needed",
                )
        full_charge, max_run = self.full_charge, self.limits.max_run
        if full_charge is not None and full_charge.every < DAY and max_run >= REAL_RUN:
            yield ConfigError(
                "full_charge.every",
                span(full_charge.every),
                f"at least 1 d: one runs for up to limits.max_run ({span(max_run)}), and the next is days later",
            )
        if self.mirror is not None and not self.mirror.is_absolute():
            yield ConfigError(
                "mirror", f'"{self.mirror}"', "an absolute path in memory, such as /run/generator-actuator"
            )
        yield from _zeros(self, "")


def exposed(config: Config, path: Path) -> Iterator[str]:
    """Yield a sentence for each file that every user of the machine may read or write and should not.

    Args:
        config: the configuration; the files that it names are looked at too.
        path: of its own file.
    """
    yield from exposed_settings("--config.file", path)
    if config.exporter.password_file is not None:
        yield from exposed_secret("exporter.password_file", config.exporter.password_file)
    yield from mqtt.exposed(config.mqtt)


def load(path: Path) -> Config:
    """Read and validate the whole file.

    Raises:
        ConfigError: with file, line, path, got and expected.
    """
    return load_struct(path, Config)


def relay_only(path: Path) -> RelayConfig | None:
    """Return the relay of the file even if the rest is wrong; None if the relay cannot be read either."""
    try:
        document = read(path)
        return decode(document["relay"], AnyRelay) if isinstance(document, dict) else None  # type: ignore[arg-type]
    except (ConfigError, KeyError, OSError):
        return None


def _zeros(part: msgspec.Struct, where: str) -> Iterator[ConfigError]:
    for field in msgspec.structs.fields(part):
        value = getattr(part, field.name)
        place = f"{where}.{field.encode_name}" if where else field.encode_name
        if isinstance(value, msgspec.Struct):
            yield from _zeros(value, place)
        for index, item in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(item, Duration) and item <= 0:
                at = f"{place}[{index}]" if isinstance(value, tuple) else place
                yield ConfigError(at, span(item), "more than zero")
