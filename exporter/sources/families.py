"""Every family of devices, for the documentation; a running exporter loads the families of its sources only."""

from __future__ import annotations

from exporter.sources.aims.source import AimsSource
from exporter.sources.base import Family
from exporter.sources.classic.source import ClassicSource
from exporter.sources.magnum.source import MagnumSource
from exporter.sources.modbus.source import ModbusSource
from exporter.sources.pylontech.source import PylontechSource
from exporter.sources.vedirect.source import VeDirectSource

FAMILIES: tuple[Family, ...] = (
    MagnumSource.family,
    ClassicSource.family,
    ModbusSource.family,
    AimsSource.family,
    VeDirectSource.family,
    PylontechSource.family,
)
