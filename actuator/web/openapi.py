"""The OpenAPI document of the actuator's HTTP. `python -m actuator.web.openapi` writes it to `docs/openapi.json`."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from actuator.core.overlay import EDITABLE
from actuator.history.documents import MOST_RUNS, RANGES, Curve, Runs
from actuator.journal import Row
from actuator.report.settings import SettingsDocument
from actuator.report.status import Status
from toolkit.build import installed
from toolkit.docstrings import explained

PATH = "/api/v1/openapi.json"

_Json = dict[str, Any]

_DURATION = {
    "type": "string",
    "description": "A duration with its unit, such as 30s, 5m, 4h or 1h30m.",
    "pattern": r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
    "minLength": 2,
}
_ALERT: _Json = {
    "type": "object",
    "required": ["status", "labels"],
    "properties": {
        "status": {"enum": ["firing", "resolved"]},
        "labels": {"$ref": "#/components/schemas/Texts"},
        "annotations": {"$ref": "#/components/schemas/Texts"},
        "fingerprint": {"type": "string", "maxLength": 128},
        "startsAt": {"type": "string", "format": "date-time"},
    },
}
_NOTIFICATION: _Json = {
    "type": "object",
    "description": "The payload of Alertmanager's webhook. Alerts whose name is not in `alerts:` are only counted.",
    "required": ["version", "alerts"],
    "properties": {
        "version": {"const": "4"},
        "alerts": {"type": "array", "items": {"$ref": "#/components/schemas/Alert"}},
        "truncatedAlerts": {"type": "integer", "minimum": 0},
    },
}
_MODE: _Json = {
    "description": "`off` is never refused. `on` ends by itself after `for`: 2 h without it, `limits.max_run` at most.",
    "oneOf": [
        {
            "type": "object",
            "required": ["mode"],
            "properties": {"mode": {"const": "on"}, "for": {"oneOf": [_DURATION, {"type": "null"}]}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["mode"],
            "properties": {"mode": {"const": "auto"}, "for": {"type": "null"}},
            "additionalProperties": False,
        },
        {"type": "object", "required": ["mode"], "properties": {"mode": {"const": "off"}}},
    ],
}
_RESET: _Json = {
    "description": "What to reset; of several inhibits: which one.",
    "oneOf": [
        {
            "type": "object",
            "required": ["what"],
            "properties": {"what": {"enum": ["lockout", "journal", "service"]}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["what"],
            "properties": {"what": {"const": "inhibit"}, "name": {"type": "string"}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["what", "fingerprint"],
            "properties": {"what": {"const": "inhibit"}, "fingerprint": {"type": "string"}},
            "additionalProperties": False,
        },
    ],
}

_EDITS: _Json = {
    "description": "Values are written as in the configuration file.",
    "type": "object",
    "properties": {
        "set": {
            "type": "object",
            "properties": {
                "start_soc": {"type": ["string", "number"]},
                "stop_soc": {"type": ["string", "number"]},
                "quiet_hours": {"type": ["object", "null"]},
            },
            "additionalProperties": False,
        },
        "clear": {"type": "array", "items": {"enum": [*EDITABLE]}},
    },
    "additionalProperties": False,
}
_PROFILE_NAME: _Json = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}

_REASONS = {
    400: "The request is wrong; the text gives the reason.",
    401: "A user name and a password are needed.",
    403: "It is not allowed; the text gives the reason: the user may not do it, or a page of another site sent it.",
    404: "There is nothing of this name.",
    408: "The body did not arrive in time.",
    409: "The present state does not allow it.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    429: "There were too many changes.",
    500: "The configuration has an error, and the one before stays in force.",
    503: "It is not done, not known to be done, or not written; the text gives the reason. Try again.",
}
_ALWAYS = (400, 401, 403)
_WITH_BODY = (408, 413)
_JSON_ONLY = (415, 503)


def _answers(description: str, content: _Json, *refusals: int, status: int = 200) -> _Json:
    refused = {
        str(code): {"description": _REASONS[code], "content": {"text/plain": {"schema": {"type": "string"}}}}
        for code in sorted({*_ALWAYS, *refusals})
    }
    return {"responses": {str(status): {"description": description, "content": content}, **refused}}


def _one(media_type: str, schema: _Json | None = None) -> _Json:
    return {media_type: {"schema": schema or {"type": "string"}}}


def _schema(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(name: str, *, required: bool = True) -> _Json:
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": _schema(name)}}}}


def _query(name: str, description: str, schema: _Json) -> _Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_TEXT = _one("text/plain")


def _pages() -> _Json:
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "The name of an alert; README: the page that lists them.",
        "schema": {"type": "string", "pattern": r"^\w+$"},
    }
    runbooks = {
        "summary": "The page that lists the runbooks",
        **_answers("It is at /runbooks/README.", _TEXT, status=302),
    }
    return {
        "/": {"get": {"summary": "The panel", **_answers("A page for people.", _one("text/html"))}},
        "/manifest.webmanifest": {
            "get": {
                "summary": "What a phone needs to show the panel as an app",
                **_answers("The manifest.", _one("application/manifest+json", {"type": "object"})),
            }
        },
        "/icon.svg": {"get": {"summary": "The panel's icon", **_answers("The icon.", _one("image/svg+xml"))}},
        "/runbooks": {"get": runbooks},
        "/runbooks/": {"get": {**runbooks, "operationId": "runbooks_list"}},
        "/runbooks/{name}": {
            "get": {
                "summary": "What an alert means, and what to do",
                "parameters": [name],
                **_answers("A page for people.", _one("text/html"), 404),
            }
        },
    }


def _management() -> _Json:
    reload = _answers("The new configuration is in force.", _TEXT, *_WITH_BODY, 500)
    return {
        "/metrics": {
            "get": {
                "summary": "The metrics",
                **_answers("For Prometheus.", _TEXT | _one("application/openmetrics-text")),
            }
        },
        "/-/healthy": {"get": {"summary": "Whether the program serves", **_answers("It does.", _TEXT)}},
        "/-/ready": {"get": {"summary": "Whether the program has started", **_answers("It has.", _TEXT, 503)}},
        "/-/reload": {
            "post": {"summary": "Read the configuration again", "operationId": "reload", **reload},
            "put": {"summary": "Read the configuration again", "operationId": "reload_put", **reload},
        },
    }


def _commands() -> _Json:
    status, settings = (_one("application/json", _schema(name)) for name in ("Status", "SettingsDocument"))
    commanded = "It is in force and written; the status after it."
    return {
        "/api/v1/alerts": {
            "post": {
                "summary": "Alertmanager's webhook",
                **_body("Notification"),
                **_answers("Taken in, and the relay obeyed.", _TEXT, *_WITH_BODY, *_JSON_ONLY),
            }
        },
        "/api/v1/mode": {
            "post": {
                "summary": "Switch the automation, or run now",
                **_body("Mode"),
                **_answers(commanded, status, *_WITH_BODY, *_JSON_ONLY),
            }
        },
        "/api/v1/reset": {
            "post": {
                "summary": "Reset a lock-out, the alarm about the journal, the hours to a service, or one inhibit",
                **_body("Reset"),
                **_answers(commanded, status, 409, *_WITH_BODY, *_JSON_ONLY),
            }
        },
        "/api/v1/settings": {
            "get": {
                "summary": "What the file, the profile and the edits set",
                "operationId": "settings",
                **_answers("The settings.", settings, 503),
            },
            "post": {
                "summary": "Edit settings, or take edits back; at most ten changes an hour, choices of a profile too",
                "operationId": "edit",
                **_body("Edits"),
                **_answers("In force; the settings after it.", settings, 409, 429, *_WITH_BODY, *_JSON_ONLY),
            },
        },
        "/api/v1/profile": {
            "post": {
                "summary": "Put a profile in force; default: none. It is one of the ten changes an hour",
                **_body("ProfileName"),
                **_answers("In force; the settings after it.", settings, 409, 429, *_WITH_BODY, *_JSON_ONLY),
            }
        },
        "/api/v1/acknowledge": {
            "post": {
                "summary": "Reset the lock-out; for old scripts",
                "deprecated": True,
                **_body("Nothing", required=False),
                **_answers(commanded, status, *_WITH_BODY, *_JSON_ONLY),
            }
        },
    }


def _reading() -> _Json:
    since = _query(
        "since",
        "Only rows from this time on: RFC 3339, without a zone at the site, or Unix seconds.",
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0, "maximum": 1e11}]},
    )
    after = _query(
        "after",
        "Only rows after the one with this id.",
        {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},
    )
    form = _query("format", "The form of the answer.", {"enum": ["json", "csv"], "default": "json"})
    most = _query("most", "Only so many of the newest.", {"type": "integer", "minimum": 0, "maximum": 999_999_999})
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last row that was received: the stream begins after it.",
        "schema": {"type": "integer", "minimum": 0},
    }
    rows = _one("application/json", {"type": "array", "items": _schema("Row")})
    status = _one("application/json", _schema("Status"))
    return {
        "/api/v1/status": {
            "get": {"summary": "Everything that the panel shows", **_answers("The status.", status, 503)}
        },
        "/api/v1/journal": {
            "get": {
                "summary": "The journal: every relay transition, run and event",
                "parameters": [since, after, form, most],
                **_answers("The oldest row first.", rows | _one("text/csv"), 503),
            }
        },
        "/api/v1/history": {
            "get": {
                "summary": "The curve of the battery",
                "parameters": [_query("range", "How far back.", {"enum": [*RANGES], "default": "24h"})],
                **_answers("The oldest point first.", _one("application/json", _schema("Curve")), 503),
            }
        },
        "/api/v1/runs": {
            "get": {
                "summary": "The past runs, and the one in progress",
                "parameters": [
                    _query(
                        "limit",
                        "Only so many of the newest.",
                        {"type": "integer", "minimum": 1, "maximum": MOST_RUNS, "default": 20},
                    )
                ],
                **_answers("The newest first.", _one("application/json", _schema("Runs")), 503),
            }
        },
        "/api/v1/events": {
            "get": {
                "summary": "The status when it changes, and each new row of the journal",
                "description": "Server-sent events `status`, `powers` and `journal`. Their data are a Status, a Powers "
                "and a Row. A whole status comes first, then one when something but the clock and the powers has "
                "changed, at most one a second; the powers by themselves at most every 10 s; a comment when nothing "
                "was sent for 15 s.",
                "parameters": [last],
                **_answers("A stream that does not end.", _one("text/event-stream")),
            }
        },
        PATH: {"get": {"summary": "This document", **_answers("OpenAPI 3.1.", _one("application/json", {}))}},
    }


def _answer(schema: _Json) -> _Json:
    """Return the schema of a struct: its fields are always there, described as in its docstring's `Attributes:`."""
    summary, meanings = explained(schema["description"])
    properties = schema["properties"]
    for name, meaning in meanings.items():
        properties[name]["description"] = meaning.replace("None:", "null:")
    for field in properties.values():
        field.pop("default", None)
    return {"type": "object", "description": summary, "required": list(properties), "properties": properties}


@functools.cache
def document() -> _Json:
    """Return the document."""
    _, schemas = msgspec.json.schema_components(
        (Status, Row, Curve, Runs, SettingsDocument), ref_template="#/components/schemas/{name}"
    )
    # The resets that a status offers are not what a request sends.
    schemas["Offered"] = schemas.pop("Reset")
    schemas["Status"]["properties"]["resets"]["items"] = _schema("Offered")
    schemas["Row"]["properties"]["time"] = {"type": "string", "format": "date-time"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "generator-actuator",
            "version": installed("magnum-exporter").version,
            "description": "Starts and stops the generator on alerts, and by itself when no alerts arrive. An answer "
            "that is not 200 is one sentence. Times are Unix time, durations seconds, ratios 0 to 1.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:10049"}],
        "security": [{"password": []}, {}],
        "paths": {
            path: {
                method: {"operationId": re.sub(r"\W+", "_", path).strip("_") or "panel", **operation}
                for method, operation in operations.items()
            }
            for path, operations in {**_pages(), **_management(), **_commands(), **_reading()}.items()
        },
        "components": {
            "securitySchemes": {"password": {"type": "http", "scheme": "basic"}},
            "schemas": {
                **{name: _answer(schema) for name, schema in schemas.items()},
                "Notification": _NOTIFICATION,
                "Alert": _ALERT,
                "Texts": {"type": "object", "additionalProperties": {"type": "string"}},
                "Mode": _MODE,
                "Reset": _RESET,
                "Edits": _EDITS,
                "ProfileName": _PROFILE_NAME,
                "Nothing": {"type": "object"},
            },
        },
    }


if __name__ == "__main__":
    Path("docs/openapi.json").write_text(json.dumps(document(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
