"""The options under `mqtt:`, which both programs share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from toolkit.config import ConfigError, Duration, refuse
from toolkit.config.named_files import unreadable
from toolkit.exposed_files import exposed_secret, exposed_settings
from toolkit.flags import is_loopback
from toolkit.formatting import redacted, span

PORTS = {"mqtt": 1883, "mqtts": 8883}
_TOPIC = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*", re.ASCII)


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker, and how often it gets values.

    Attributes:
        url: of the broker.
        username: for the broker.
        password_file: contains its password; a line end after it is ignored.
        ca_file: the certificates that the broker's is checked with; None: the system's.
        cert_file: the client's certificate.
        key_file: its key.
        discovery_prefix: where Home Assistant looks for devices.
        base_topic: the site's name; topics and ids begin with it.
        interval: seconds after which a value is sent again, unchanged.
        min_interval: seconds between two messages of one device, at least.
        protocol: MQTT's version.
    """

    url: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    discovery_prefix: str = "homeassistant"
    base_topic: str = "magnum"
    interval: Duration = Duration(30)
    min_interval: Duration = Duration(5)
    protocol: Literal[5, "3.1.1"] = 5

    def __post_init__(self) -> None:
        """Refuse what is no broker, and what does not fit together."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        yield from self._wrong_broker()
        if not _TOPIC.fullmatch(self.base_topic):
            # No `-`: it ends the site's name in ids, so that no site's ids begin with those of another.
            yield ConfigError("base_topic", f'"{self.base_topic}"', "letters, digits and _, such as cabin")
        if not _PREFIX.fullmatch(self.discovery_prefix):
            yield ConfigError("discovery_prefix", f'"{self.discovery_prefix}"', "a topic such as homeassistant")
        if self.min_interval <= 0:
            yield ConfigError("min_interval", span(self.min_interval), "more than zero, such as 5s")
        elif self.interval < self.min_interval:
            expected = f"at least min_interval, {span(self.min_interval)}"
            yield ConfigError("interval", span(self.interval), expected)

    def _wrong_broker(self) -> Iterator[ConfigError]:
        shown = f'"{redacted(self.url)}"'
        if self._split is None:
            yield ConfigError("url", shown, "a URL such as mqtt://broker:1883 or mqtts://broker:8883")
        elif "@" in self.url:
            expected = "no user name and password in it: write them as username: and password_file: beside url:"
            yield ConfigError("url", shown, expected)
        if (self.username is None) != (self.password_file is None):
            yield ConfigError("", "got one of username and password_file, expected both or neither", "")
        if (self.cert_file is None) != (self.key_file is None):
            yield ConfigError("", "got one of cert_file and key_file, expected both or neither", "")
        if not self.url.startswith("mqtts:"):
            for name in ("ca_file", "cert_file", "key_file"):
                if getattr(self, name) is not None:
                    yield ConfigError(name, f'"{getattr(self, name)}"', "it only with a url that begins with mqtts://")

    @property
    def _split(self) -> SplitResult | None:
        try:
            split = urlsplit(self.url)
            fits = split.scheme in PORTS and split.hostname and split.port != 0 and split.path in ("", "/")
        except ValueError:
            return None
        return split if fits and not split.query and not split.fragment else None

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return (self._split and self._split.hostname) or ""

    @property
    def port(self) -> int:
        """The broker's port."""
        split = self._split
        return 0 if split is None else split.port or PORTS[split.scheme]

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.url.startswith("mqtts:")

    @property
    def on_loopback(self) -> bool:
        """Whether the broker is on this machine."""
        return is_loopback(self.host)

    @property
    def authenticates(self) -> bool:
        """Whether the broker is told who we are."""
        return self.username is not None or self.cert_file is not None


def missing_package() -> str:
    """Return what to do about a package that MQTT needs and that is not installed; empty when it is."""
    if find_spec("aiomqtt") is not None:
        return ""
    return (
        "the package aiomqtt is not installed, and MQTT is off: deploy/install mqtt, in /usr/local/src/magnum-exporter"
    )


def exposed(mqtt: Mqtt | None) -> Iterator[str]:
    """Yield a sentence for each of its files that every user of the machine may read or write and should not."""
    for name, check in (
        ("password_file", exposed_secret),
        ("ca_file", exposed_settings),
        ("cert_file", exposed_settings),
        ("key_file", exposed_secret),
    ):
        path = None if mqtt is None else getattr(mqtt, name)
        if path is not None:
            yield from check(f"mqtt.{name}", path)


def wrong_files(mqtt: Mqtt | None) -> Iterator[ConfigError]:
    """Yield an error for each file that cannot be read, and one if the package is missing; for `--config.check`."""
    if mqtt is None:
        return
    if missing := missing_package():
        yield ConfigError("mqtt", missing, "")
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        path = getattr(mqtt, name)
        if path is not None:
            yield from unreadable(f"mqtt.{name}", path)
