"""The families of devices, and what may stand under `sources:` in the configuration.

To add a family:

1. Add one module here (a folder when it needs several), knowing nothing above this room. Declare its fields with the
   forms of `exporter.fields` and a `Place` of its own: a place reads a raw number out of the family's record, answers
   None for what is absent, and says in words where it is.
2. Subclass `exporter.sources.base.PolledSource` (or `Source` for a device that talks unasked): `connect` opens the
   device as a context manager, `poll` returns `Reading`s, and both raise `SourceError` with a sentence for a person.
   A reading that carries a state of charge has it as `Charge` too (None for what the device calls unknown), and a
   charger tells `full`. The class names its `family`: `Family("classic", metrics)`. The series `classic_up`,
   `classic_last_success_timestamp_seconds`, `classic_reads_total` and `classic_read_failures_total` come by themselves.
3. Write its options as a `SourceConfig` with a tag (`class ClassicConfig(SourceConfig, tag="classic")`) whose `open`
   makes the source, and add it to `AnySource` below.

The collector, the judging of the state of charge, the documentation and the configuration then know it.
"""

from __future__ import annotations

from exporter.sources.aims.config import AimsConfig
from exporter.sources.aims.source import AimsSource
from exporter.sources.base import Family
from exporter.sources.classic.config import ClassicConfig
from exporter.sources.classic.source import ClassicSource
from exporter.sources.magnum.config import MagnumConfig
from exporter.sources.magnum.source import MagnumSource
from exporter.sources.modbus.config import ModbusConfig
from exporter.sources.modbus.source import ModbusSource
from exporter.sources.pylontech.config import PylontechConfig
from exporter.sources.pylontech.source import PylontechSource
from exporter.sources.vedirect.config import VeDirectConfig
from exporter.sources.vedirect.source import VeDirectSource

AnySource = MagnumConfig | ClassicConfig | ModbusConfig | AimsConfig | VeDirectConfig | PylontechConfig

FAMILIES: tuple[Family, ...] = (
    MagnumSource.family,
    ClassicSource.family,
    ModbusSource.family,
    AimsSource.family,
    VeDirectSource.family,
    PylontechSource.family,
)
