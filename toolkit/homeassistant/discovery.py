"""The topics and documents that Home Assistant discovers devices by. Pure.

Source: Home Assistant's documentation of MQTT, device discovery and availability.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from toolkit.formatting import capitalized
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.entities import Component, Shown, metric_of

ONLINE: Final = "online"
OFFLINE: Final = "offline"

PROGRAMS: Final = frozenset({"exporter", "actuator"})
"""The programs of a site, each with topics of its name: no device has one of them."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
"""A device's part of a topic."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device and what it shows now.

    Attributes:
        id: its part of ids, after the site's name and `-`.
        topic: its part of topics, below the site's name.
        name: for people.
        via: the id of the device through which it is known; empty: none.
        about: model, firmware and so on, by the name in the document.
        available: whether its values can be had; None: that is known by its program's availability alone.
        metrics: the names of the metrics that it may have; an entity of another one is removed.
        shown: its values.
        controls: entities that take commands, by key.
        depends_on: all else that the configurations of its entities depend on; they are sent again when it changes.
    """

    id: str
    topic: str
    name: str
    via: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    available: bool | None = None
    metrics: Collection[str] = ()
    shown: tuple[Shown, ...] = ()
    controls: Mapping[str, Component] = field(default_factory=dict)
    depends_on: object = None

    def may_have(self, key: str) -> bool:
        """Return whether an entity of this key can be one of this device."""
        return metric_of(key) in self.metrics


@dataclass(frozen=True, kw_only=True)
class Program:
    """The program that the values come from.

    Attributes:
        name: of its topics and its client: exporter or actuator.
        distribution: its command.
        version: of the distribution.
        url: of its page; empty: there is none for others than its machine.
    """

    name: str
    distribution: str
    version: str
    url: str


class Topics:
    """The topics and ids of one program of one site."""

    def __init__(self, options: Mqtt, program: str) -> None:
        self.base, self._prefix, self._program = options.base_topic, options.discovery_prefix, program

    @property
    def site(self) -> str:
        """The site's name for people."""
        return capitalized(self.base.replace("_", " "))

    @property
    def availability(self) -> str:
        """Whether the program is connected; its last will."""
        return f"{self.base}/{self._program}/availability"

    @property
    def commands(self) -> str:
        """What commands are below."""
        return f"{self.base}/{self._program}/command"

    @property
    def home_assistant(self) -> frozenset[str]:
        """Where Home Assistant says that it has started: by default below its default prefix, whatever ours is."""
        return frozenset({"homeassistant/status", f"{self._prefix}/status"})

    @property
    def configurations(self) -> str:
        """The filter of all devices' configurations."""
        return f"{self._prefix}/device/+/config"

    def id(self, device: str) -> str:
        """Return the whole id of a device."""
        return f"{self.base}-{device}"

    def configuration(self, device: str) -> str:
        """Return where a device's configuration is."""
        return f"{self._prefix}/device/{self.id(device)}/config"

    def state(self, device: Device) -> str:
        """Return where a device's values are."""
        return f"{self.base}/{device.topic}/state"

    def availability_of(self, device: Device) -> str:
        """Return where it is whether a device's values can be had."""
        return f"{self.base}/{device.topic}/availability"

    def device_of(self, topic: str) -> str | None:
        """Return the device, as in `Device.id`, of a configuration's topic; None if it is not of this site."""
        name = topic.removeprefix(f"{self._prefix}/device/").removesuffix("/config")
        start = f"{self.base}-"
        device = name.removeprefix(start)
        return device if self.configuration(device) == topic else None

    def is_availability_of_device(self, topic: str) -> bool:
        """Return whether a topic is for the availability of a device of this site, and not of a program."""
        name = topic.removeprefix(f"{self.base}/").removesuffix("/availability")
        own = topic == f"{self.base}/{name}/availability"
        return own and name not in PROGRAMS and _NAME.fullmatch(name) is not None


def component(one: Shown, device_id: str, interval: float) -> Component:
    """Return the configuration of an entity, complete.

    Args:
        one: the entity.
        device_id: the whole id of its device.
        interval: seconds after which values are sent again.
    """
    described = one.describe()
    return described | {
        "unique_id": f"{device_id}-{one.key}",
        "value_template": f"{{{{ value_json.{one.key} | default(none) }}}}",
        # Two values may be lost, and the last one that was sent may have been nearly stale.
        "expire_after": math.ceil(2 * interval + described["expire_after"]),
    }


def document(
    device: Device, components: Mapping[str, Component], topics: Topics, program: Program, *, removed: Mapping[str, str]
) -> str:
    """Return a device's configuration as JSON.

    Args:
        device: the device.
        components: its entities, by key.
        topics: of the program.
        program: that it comes from.
        removed: the platform of each entity that it has no more, by key.
    """
    availability = [{"topic": topics.availability}]
    if device.available is not None:
        availability.append({"topic": topics.availability_of(device)})
    about: dict[str, Any] = {"identifiers": [topics.id(device.id)], "name": device.name, **device.about}
    origin = {"name": program.distribution, "sw_version": program.version}
    if program.url:
        about["configuration_url"] = origin["support_url"] = program.url
    if device.via:
        about["via_device"] = topics.id(device.via)
    whole = {
        "dev": about,
        "o": origin,
        "cmps": {**components, **{key: {"p": platform} for key, platform in removed.items()}},
        "state_topic": topics.state(device),
        "availability": availability,
        "availability_mode": "all",
        "qos": 0,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def state(shown: Iterable[Shown]) -> str:
    """Return a device's values as JSON; what has none now is left out."""
    return json.dumps(
        {one.key: one.value for one in shown if one.value is not None}, ensure_ascii=False, separators=(",", ":")
    )


class Former:
    """What the broker still has of this site from before."""

    def __init__(self, topics: Topics, owns: Callable[[str], bool]) -> None:
        self._topics, self._owns = topics, owns
        self._documents: dict[str, dict[str, Any]] = {}

    def take(self, topic: str, payload: bytes) -> None:
        """Take a retained message; other than our own configurations are ignored.

        Of one that cannot be sent again, only its device is known then.
        """
        device = self._topics.device_of(topic)
        if device is None or not payload or not self._owns(device):
            return
        try:
            whole = json.loads(payload)
            check_can_be_sent(whole)
        except (ValueError, RecursionError):
            whole = None
        self._documents[device] = whole if isinstance(whole, dict) else {}

    def forget(self, device: str) -> None:
        """Forget what the broker had of a device."""
        self._documents.pop(device, None)

    def components(self, device: str) -> dict[str, Component]:
        """Return the entities that a device had."""
        found = self._documents.get(device, {}).get("cmps")
        items = found.items() if isinstance(found, dict) else ()
        # One with nothing but its platform was being removed.
        return {
            key: known
            for key, known in items
            if isinstance(known, dict) and isinstance(known.get("p"), str) and len(known) > 1
        }

    def keep(self, devices: Iterable[Device]) -> None:
        """Forget all other devices."""
        ids = {device.id for device in devices}
        self._documents = {device: whole for device, whole in self._documents.items() if device in ids}

    def gone(self, devices: Sequence[Device]) -> list[str]:
        """Return the topics, of configurations and availability, of devices that there are no more."""
        ids = {device.id for device in devices}
        used = {self._topics.availability_of(device) for device in devices}
        topics: list[str] = []
        for device, whole in self._documents.items():
            if device not in ids:
                own = (topic for topic in _availability(whole) if self._topics.is_availability_of_device(topic))
                topics += [self._topics.configuration(device), *(topic for topic in own if topic not in used)]
        return topics


def check_can_be_sent(whole: object) -> None:
    """Raise ValueError or RecursionError if a document from a broker cannot be sent to it again.

    JSON may have halves of surrogate pairs, which UTF-8 cannot encode, and Python reads NaN as a number.
    """
    json.dumps(whole, ensure_ascii=False, allow_nan=False).encode()


def _availability(whole: Mapping[str, Any]) -> list[str]:
    found = whole.get("availability")
    entries = found if isinstance(found, list) else []
    return [entry["topic"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("topic"), str)]


class Received(NamedTuple):
    """A command that came in.

    Attributes:
        command: its topic below the program's commands.
        payload: as it came.
        retained: it has the retain flag: the broker had kept it, unless it is new.
        is_new: the broker does not send what it had kept.
    """

    command: str
    payload: bytes
    retained: bool
    is_new: bool = False
