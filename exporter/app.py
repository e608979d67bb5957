"""The service: sources in their threads, their state on the event loop, and the page that shows it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp.web import Application
from prometheus_client import CollectorRegistry

from exporter import DESCRIPTION, NAME, config
from exporter.banks import Bank
from exporter.collector import SiteCollector
from exporter.energy_state import EnergyState
from exporter.readings import Attempts, Reading
from exporter.site import Device, Site
from exporter.soc import Judge
from exporter.sources.base import Publish, Source
from toolkit import exposed_files, log, metrics, notify, web
from toolkit.build import installed
from toolkit.flags import Flags, is_loopback
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.connection import Connection, page_url
from toolkit.homeassistant.metrics import Counts
from toolkit.other_sites import refuse_other_sites
from toolkit.reload import Reloader
from toolkit.tasks import end
from toolkit.webconfig import WebConfig

if TYPE_CHECKING:
    from exporter.nut.config import NutConfig

PREFIX = "magnum_exporter"
_JOIN_SECONDS = 2.0
_DRIVER_END_SECONDS = 2.0
_TICK_SECONDS = 1.0

_log = log.get("exporter")


class Exporter:
    """Runs the sources of a configuration, and replaces them on a reload."""

    def __init__(self) -> None:
        self.site = Site(Judge(()), None)
        self._config: config.Config | None = None
        self._sources: dict[str, Source[Any]] = {}
        self._numbers: dict[str, int] = {}
        self._energy = EnergyState(None)
        self._nut: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def ready(self) -> bool:
        """Return whether the threads of all sources run."""
        return bool(self._sources) and not any(source.ended for source in self._sources.values())

    async def apply(self, new: config.Config) -> None:
        """Apply a configuration; sources with unchanged options keep running."""
        old, self._config = self._config, new
        if old is None or old.energy_state != new.energy_state:
            self._energy = EnergyState(new.energy_state)
            await asyncio.to_thread(self._energy.read)
        kept = {name for name, options in new.sources.items() if old and old.sources.get(name) == options}
        await self._stop([source for name, source in self._sources.items() if name not in kept])
        await asyncio.sleep(0)  # what their threads have handed over last is taken
        self._energy.take(self.site)
        max_age = new.battery.soc.max_age
        site = Site(
            _judge(new),
            new.battery.soc.sources,
            banks={
                name: Bank(tolerant=bank.missing is config.Missing.TOLERATE, max_age=max_age)
                for name, bank in new.banks.items()
            },
            members={name: bank.packs for name, bank in new.banks.items()},
            max_age=max_age,
        )
        banks_before = old.banks if old is not None else {}
        same = {name for name, bank in new.banks.items() if banks_before.get(name) == bank and set(bank.packs) <= kept}
        site.judge.inherit(self.site.judge, kept | same)
        running = {name: self._sources[name] for name in kept}
        self._sources = {
            name: running.get(name) or options.open(name, self._publisher(name))
            for name, options in new.sources.items()
        }
        site.devices = {
            name: self.site.devices[name] if name in kept else Device(source.family, source.stale_after)
            for name, source in self._sources.items()
        }
        for name, source in self._sources.items():
            site.expect(name, source.packs)
        self.site = site
        for name, source in self._sources.items():
            if name not in kept:
                source.restore(self._energy.of(name))
                source.start()
        if old is None or old.nut != new.nut:
            await self._drive(new.nut)

    async def _drive(self, options: NutConfig | None) -> None:
        """Be the driver that these options describe for Network UPS Tools, and no other."""
        if self._nut is not None:
            await end(self._nut, seconds=_DRIVER_END_SECONDS)
        self._nut = None
        if options is not None:
            from exporter.nut.driver import Driver  # noqa: PLC0415 - most sites have no such clients

            driver = Driver(options, lambda: self.site, installed(NAME))
            self._nut = asyncio.create_task(driver.run(), name="nut")

    async def stop(self) -> None:
        """Stop all sources, and write their counters."""
        try:
            await self._drive(None)
            await self._stop(list(self._sources.values()))
            await asyncio.sleep(0)  # what their threads have handed over last is taken
        finally:
            await self._energy.write(self.site)

    async def _stop(self, sources: Sequence[Source[Any]]) -> None:
        for source in sources:
            source.stop()
        await asyncio.gather(*(asyncio.to_thread(source.join, _JOIN_SECONDS) for source in sources))

    def _publisher(self, name: str) -> Publish:
        """Return the function that takes a new source's readings; those of its predecessor are ignored from now on."""
        number = self._numbers[name] = self._numbers.get(name, 0) + 1

        def take(device: str, readings: Sequence[Reading], attempts: Attempts) -> None:
            if self._numbers[name] == number:
                self.site.take(device, readings, attempts)

        def publish(device: str, readings: Sequence[Reading], attempts: Attempts) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(take, device, readings, attempts)

        return publish

    async def tick(self) -> None:
        """Log changes and notify the service manager's watchdog every second, until cancelled."""
        while True:
            now = time.monotonic()
            self.site.log_changes(now)
            await self._energy.write_when_due(self.site, now)
            notify.notify("WATCHDOG=1")
            await asyncio.sleep(_TICK_SECONDS)


def _judge(options: config.Config) -> Judge:
    soc = options.battery.soc
    return Judge(
        soc.sources or options.judged,
        lead=soc.lead,
        max_age=soc.max_age,
        recover_after=soc.recover_after,
        capacity_ampere_hours=options.battery.capacity_ampere_hours,
    )


def _log_warnings(options: config.Config, path: Path) -> None:
    for sentence in config.warnings(options, path):
        _log.warning("unusual configuration", text=sentence)


async def _serve_home_assistant(
    mqtt: Mqtt, *, options: Callable[[], config.Config], exporter: Exporter, counts: Counts, page: str
) -> None:
    """Keep the broker up to date until cancelled."""
    # Only where there is a broker: they load the MQTT client.
    from exporter import homeassistant  # noqa: PLC0415
    from toolkit.homeassistant.client import Client  # noqa: PLC0415
    from toolkit.homeassistant.discovery import Topics  # noqa: PLC0415

    program = homeassistant.program(installed(NAME).version, page)
    devices = homeassistant.Devices(lambda: exporter.site, options, Topics(mqtt, program.name).site)
    await Client(mqtt, program, devices.now, owns=homeassistant.owns, counts=counts).run()


def _handle_signals(end_now: Callable[[], None], reload: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end_now)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _application(
    flags: Flags,
    web_config: WebConfig,
    registry: CollectorRegistry,
    *,
    version: str,
    ready: Callable[[], bool],
    reload: Callable[[], Awaitable[None]],
) -> Application:
    # On another address others are to read it, by whatever name they have for it.
    local = all(map(is_loopback, flags.listen_addresses))
    return web.application(
        name=NAME,
        description=DESCRIPTION,
        version=version,
        links=(),
        registry=registry,
        ready=ready,
        reload=reload if flags.enable_lifecycle else None,
        web_config=web_config,
        guards=(refuse_other_sites(lambda: web_config.has_users or not local),),
    )


async def run(flags: Flags, options: config.Config, web_config: WebConfig) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError when an address cannot be listened on."""
    build = installed(NAME)
    _log.info(
        "starting",
        version=build.version,
        revision=build.revision or "unknown",
        config=flags.config_file,
        sources=", ".join(f"{name} ({source.__struct_config__.tag})" for name, source in options.sources.items()),
    )
    _log_warnings(options, flags.config_file)
    exporter = Exporter()
    registry = metrics.new_registry(NAME, PREFIX, build)
    collector = SiteCollector(lambda: exporter.site)
    registry.register(collector)
    web_config.register(registry, prefix=PREFIX)
    in_force = options

    def exposed() -> Iterator[str]:
        yield from web_config.exposed()
        yield from config.exposed(in_force, flags.config_file)

    exposed_files.report(exposed, registry, prefix=PREFIX)

    counts, page = Counts(PREFIX), page_url(flags.listen_addresses, encrypted=web_config.has_tls)
    broker = Connection(counts, registry)
    serve = partial(_serve_home_assistant, options=lambda: in_force, exporter=exporter, counts=counts, page=page)

    async def apply(options: config.Config) -> None:
        nonlocal in_force
        await exporter.apply(options)
        in_force = options
        await broker.apply(options.mqtt, serve, depends_on=options.mqtt)
        # A request may name metrics, and the registry knows those that the collector had when it was registered.
        registry.unregister(collector)
        registry.register(collector)

    async def load_again() -> None:
        options = config.load(flags.config_file)
        await apply(options)
        _log_warnings(options, flags.config_file)

    reloader = Reloader(load_again, prefix=PREFIX, registry=registry)
    app = _application(flags, web_config, registry, version=build.version, ready=exporter.ready, reload=reloader.reload)
    ended = asyncio.Event()
    _handle_signals(ended.set, reloader.on_signal)
    async with web.serve(app, flags.listen_addresses, web_config):
        try:
            await apply(options)
            ticking = asyncio.create_task(exporter.tick())
            notify.notify("READY=1")
            stopped = asyncio.create_task(ended.wait())
            await asyncio.wait({ticking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            notify.notify("STOPPING=1")
            for task in (ticking, stopped):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        finally:
            # First: a reload that goes on would start again what is stopped below.
            await reloader.close()
            await broker.stop()
            await exporter.stop()
    _log.info("ended")
