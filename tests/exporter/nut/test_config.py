"""What `nut:` accepts, and that a running exporter obeys it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Config
from tests.support import wait_until
from tests.support.exporter import Exporter
from toolkit.config import ConfigError, decode

SOURCES = {"main": {"type": "magnum", "port": "/dev/ttyUSB9"}, "aims": {"type": "aims", "port": "/dev/ttyAMA9"}}


def document(**nut: object) -> dict[str, Any]:
    return {"sources": SOURCES, "nut": {"ups": "cabin", **nut}}


def test_the_defaults() -> None:
    nut = decode(document(), Config).nut
    assert nut is not None
    assert nut.socket == Path("/run/nut/magnum-exporter-cabin")
    assert nut.source == "battery"
    assert (float(nut.low), float(nut.low_runtime)) == (0.15, 600)


@pytest.mark.parametrize(
    ("nut", "message"),
    [
        ({"ups": "my cabin"}, 'nut.ups: got "my cabin", expected letters, digits'),
        ({"ups": "../x"}, 'nut.ups: got "../x"'),
        ({"source": "main"}, "nut.source: got a source without a utility flag, expected one of: battery, aims"),
        ({"source": "aimz"}, 'nut.source: got "aimz", expected one of: battery, aims; did you mean "aims"?'),
        ({"low": "0%"}, "nut.low: got 0"),
        ({"low": "96%"}, "nut.low: got 96"),
        ({"socket_folder": f"/{'x' * 100}"}, "123 bytes, expected at most 107 bytes"),
        ({"lo": "15%"}, "nut.lo: got an unknown key"),
    ],
)
def test_what_is_refused(nut: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode(document(**nut), Config)
    assert message in str(refused.value).replace("\u00a0", " ")


def test_a_reload_opens_and_closes_the_socket(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(yaml.safe_dump({"sources": SOURCES}))
    cabin, shed = (tmp_path / f"magnum-exporter-{name}" for name in ("cabin", "shed"))
    with Exporter(file) as exporter:
        wait_until(lambda: exporter.get("/-/ready")[0] == 200, 30, "the exporter serves")
        assert list(tmp_path.iterdir()) == [file]
        for ups, there, gone in (("cabin", cabin, shed), ("shed", shed, cabin)):
            file.write_text(yaml.safe_dump(document(ups=ups, socket_folder=str(tmp_path))))
            exporter.process.signal(signal.SIGHUP)
            wait_until(there.exists, 10, f"{there} is there")
            assert not gone.exists()
        exporter.process.signal(signal.SIGTERM)
        assert exporter.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == [file]
