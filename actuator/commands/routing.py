"""Which receivers of Alertmanager get an alert, by its configuration. Pure.

Source: Alertmanager, configuration, `<route>` and `<matcher>`: an alert goes to the first child that matches, and to
the next ones while `continue` is set; where no child matches, the route itself takes it. Expressions are anchored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolkit.config import ConfigError, Duration

_MATCHER = re.compile(
    r"""\s*"?(?P<label>[^\s=!~"]+)"?\s*(?P<operator>=~|!~|!=|=)\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*))\s*,?"""
)
_DEFAULTS = {"group_interval": "5m", "repeat_interval": "4h"}


class Delivery(NamedTuple):
    """A receiver that gets an alert.

    Attributes:
        receiver: its name.
        every: seconds after which the alert is sent again; None: that is not understood.
    """

    receiver: str
    every: float | None


def deliveries(route: object, labels: Mapping[str, str]) -> tuple[Delivery, ...]:
    """Return who gets an alert with these labels.

    Args:
        route: `route:` of the configuration.
        labels: of the alert.
    """
    return tuple(_taken(route, labels, {})) if isinstance(route, dict) else ()


def _taken(route: Mapping[str, Any], labels: Mapping[str, str], above: Mapping[str, Any]) -> Iterator[Delivery]:
    here = {**_DEFAULTS, **above, **{key: value for key, value in route.items() if key in ("receiver", *_DEFAULTS)}}
    matched = False
    for child in route.get("routes") or ():
        if _matches(child, labels):
            matched = True
            yield from _taken(child, labels, here)
            if not child.get("continue"):
                break
    if not matched:
        yield Delivery(str(here.get("receiver")), _every(here))


def _matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    tests = [_test(text, labels) for text in route.get("matchers") or ()]
    tests += [labels.get(label, "") == value for label, value in (route.get("match") or {}).items()]
    tests += [
        bool(re.fullmatch(value, labels.get(label, ""))) for label, value in (route.get("match_re") or {}).items()
    ]
    return all(tests)


def _test(text: str, labels: Mapping[str, str]) -> bool:
    """Return whether the labels meet a matcher, or all of several with commas in between."""
    return all(_met(found, labels) for found in _MATCHER.finditer(text.strip().removeprefix("{").removesuffix("}")))


def _met(found: re.Match[str], labels: Mapping[str, str]) -> bool:
    has, operator = labels.get(found["label"], ""), found["operator"]
    value = found["bare"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
    same = bool(re.fullmatch(value, has)) if operator.endswith("~") else has == value
    return same != operator.startswith("!")


def _every(route: Mapping[str, Any]) -> float | None:
    """Return the seconds from one notification to the next: a repeat is due at the next group interval."""
    try:
        interval, repeat = (Duration.parse(str(route[key])) for key in ("group_interval", "repeat_interval"))
    except ConfigError:
        return None
    return max(interval, repeat)
