"""The application of a program that has no more than the toolkit gives it."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry

from toolkit.web import application
from toolkit.webconfig import WebConfig


def plain_application(web_config: WebConfig) -> web.Application:
    """Return an application that is ready, has no metrics and cannot be reloaded."""
    return application(
        name="x",
        description="x",
        version="1",
        links=[],
        registry=CollectorRegistry(),
        ready=lambda: True,
        reload=None,
        web_config=web_config,
    )
