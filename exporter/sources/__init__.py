"""The families of devices, and the types of source that the configuration accepts under `sources:`.

To add a family:

1. Add a module here (a folder when it needs several) that imports nothing from above this package but `exporter.fields`
   and `exporter.readings`. Declare its fields with the kinds of `exporter.fields` and a `Place` of its own: a place
   reads a raw number from the family's record, returns None when it is absent, and describes in words where it is.
2. Subclass `exporter.sources.base.PolledSource` (or `Source` for a device that sends unasked): `connect` opens the
   device as a context manager, `poll` returns `Reading`s, and both raise `SourceError` with a sentence for the owner.
   A reading with a state of charge also has it as `Charge` (None when the device does not know it), and a charger's
   reading has `full`. The class has its `family`: `Family("classic", metrics)`. The base class adds the series
   `classic_up`, `classic_last_success_timestamp_seconds`, `classic_reads_total` and `classic_read_failures_total`.
3. Write its options as a `SourceConfig` with a tag (`class ClassicConfig(SourceConfig, tag="classic")`) whose `open`
   returns the source, and add it to `AnySource` below and to `FAMILIES` in `families`. `open` imports the source, so
   that a site without such a device does not load it.

The code of the collector, of the state of charge, of the documentation and of the configuration needs no change. The
rules, the tests and the pages that must know the family are in CONTRIBUTING.md, *Add a device family*.
"""

from __future__ import annotations

from exporter.sources.aims.config import AimsConfig
from exporter.sources.classic.config import ClassicConfig
from exporter.sources.magnum.config import MagnumConfig
from exporter.sources.modbus.config import ModbusConfig
from exporter.sources.pylontech.config import PylontechConfig
from exporter.sources.vedirect.config import VeDirectConfig

AnySource = MagnumConfig | ClassicConfig | ModbusConfig | AimsConfig | VeDirectConfig | PylontechConfig
