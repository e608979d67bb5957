"""The HTTP API for people and tests: read the state, change the site, set and clear faults. JSON, without users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from simulator import faults
from simulator.site import Site, clear, inject, set_soc

NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /set; keys that are left out stay as they are."""

    soc: Annotated[float, msgspec.Meta(ge=0, le=1)] | msgspec.UnsetType = msgspec.UNSET
    load: NotNegative | msgspec.UnsetType | None = msgspec.UNSET
    sun: NotNegative | msgspec.UnsetType | None = msgspec.UNSET
    fuel: NotNegative | msgspec.UnsetType = msgspec.UNSET
    hour: Annotated[float, msgspec.Meta(ge=0, lt=24)] | msgspec.UnsetType = msgspec.UNSET
    speed: Annotated[float, msgspec.Meta(gt=0)] | msgspec.UnsetType = msgspec.UNSET
    charger: bool | msgspec.UnsetType = msgspec.UNSET
    ags: Literal["reset"] | msgspec.UnsetType = msgspec.UNSET


SET = """\
  soc      state of charge, 0 to 1, also on the BMK
  load     AC watts; null: by the hour again
  sun      watts that the panels offer; null: by the hour again
  fuel     litres in the tank
  hour     hour of the site's day
  speed    how much faster battery, sun and load run
  charger  false: the charger stays in standby while there is AC
  ags      "reset": OFF and AUTO at the remote, which clears a latched fault"""


def apply(site: Site, changes: Changes) -> None:
    """Change the site."""
    if changes.soc is not msgspec.UNSET:
        set_soc(site, changes.soc)
    if changes.load is not msgspec.UNSET:
        site.load_watts = changes.load
    if changes.sun is not msgspec.UNSET:
        site.sun_watts = changes.sun
    if changes.fuel is not msgspec.UNSET:
        site.engine.fuel_litres = changes.fuel
    if changes.hour is not msgspec.UNSET:
        site.site_seconds += (changes.hour - site.hour) * 3600
    if changes.speed is not msgspec.UNSET:
        site.speed = changes.speed
    if changes.charger is not msgspec.UNSET:
        site.inverter.charger_enabled = changes.charger
    if changes.ags == "reset":
        site.ags.reset()


def guide() -> str:
    """Return the text of `GET /`."""
    names = "\n".join(
        f"  {fault.name:22} {fault.text} [{msgspec.json.encode(fault.default).decode()}]" for fault in faults.declared()
    )
    return f"""\
offgrid-simulator

GET    /state           the whole state as JSON
POST   /set             change the site: a JSON object of
{SET}
POST   /faults/NAME     set a fault; the body is its argument as JSON, an empty body means the one in brackets
DELETE /faults/NAME     clear it
NAME is one of
{names}
"""


def application(
    site: Site, state: Callable[[], dict[str, object]], changed: Callable[[str, object], None]
) -> web.Application:
    """Return the application that serves a site.

    Args:
        site: the site to change.
        state: returns the answer to `GET /state`.
        changed: called with each fault's name and argument (None when cleared), and with "set" and its body.
    """

    async def get_guide(_request: web.Request) -> web.Response:
        return web.Response(text=guide())

    async def get_state(_request: web.Request) -> web.Response:
        return web.json_response(state())

    async def post_set(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            apply(site, msgspec.json.decode(body, type=Changes))
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest(text=f"{error}; expected a JSON object of\n{SET}\n") from error
        changed("set", msgspec.json.decode(body))
        return web.json_response(state())

    async def post_fault(request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        try:
            inject(site, name, msgspec.json.decode(body) if body else None)
        except faults.UnknownFaultError as error:
            raise web.HTTPNotFound(text=f"{error}\n") from error
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest(text=f"{name}: {error}; GET / lists what each fault takes\n") from error
        changed(name, faults.active(site.faults).get(name))
        return web.json_response(state())

    async def delete_fault(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            clear(site, name)
        except faults.UnknownFaultError as error:
            raise web.HTTPNotFound(text=f"{error}\n") from error
        changed(name, None)
        return web.json_response(state())

    app = web.Application(client_max_size=65536)
    app.add_routes(
        [
            web.get("/", get_guide),
            web.get("/state", get_state),
            web.post("/set", post_set),
            web.post("/faults/{name}", post_fault),
            web.delete("/faults/{name}", delete_fault),
        ]
    )
    return app
