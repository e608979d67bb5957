from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import os
import re
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import log

PAIR = re.compile(r'([^ =]+)=("(?:[^"\\]|\\.)*"|[^ "=]+)(?: |$)')
UNDECODABLE = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
ANYTHING = st.text(st.one_of(st.characters(), UNDECODABLE))


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    hook = threading.excepthook
    yield
    threading.excepthook = hook


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what has been logged so far."""
    assert log.flush(10)
    return capsys.readouterr().err


def read(line: str) -> dict[str, str]:
    """Return the fields of a logfmt line; shares no code with the writer."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(line):
        match = PAIR.match(line, at)
        assert match, line[at:]
        assert match[1] not in fields
        fields[match[1]] = json.loads(match[2]) if match[2].startswith('"') else match[2]
        at = match.end()
    return fields


@given(st.dictionaries(st.from_regex(r"\A[a-z_]+\Z"), ANYTHING))
def test_any_text_is_one_line(fields: dict[str, str]) -> None:
    line = log.logfmt(fields)
    assert len(line.splitlines()) <= 1
    assert read(line) == fields


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "x=plain"),
        ("/dev/ttyUSB0", "x=/dev/ttyUSB0"),
        ("two words", 'x="two words"'),
        ("", 'x=""'),
        ("a=b", 'x="a=b"'),
        ('say "yes"', r'x="say \"yes\""'),
        ("C:\\x", "x=C:\\x"),
        ("C:\\x y", r'x="C:\\x y"'),
        ("a\nb\tc\r", r'x="a\nb\tc\r"'),
        ("\x00\x1b[31m\x7f\u2028", r'x="\u0000\u001b[31m\u007f\u2028"'),
        ("\U000e0001", r'x="\udb40\udc01"'),
        ("\udcff", r'x="\udcff"'),
        ("-20 °C", 'x="-20 °C"'),
        (None, "x=null"),
        (True, "x=true"),
        (3, "x=3"),
        (0.25, "x=0.25"),
        (math.nan, "x=nan"),
        (Path("/a b"), 'x="/a b"'),
        ([1, "b"], r'x="[1, \"b\"]"'),
        ({"a": None}, r'x="{\"a\": null}"'),
    ],
)
def test_format_of_values(value: object, written: str) -> None:
    assert log.logfmt({"x": value}) == written


def test_fields_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    log.get("a").info("port opened", port="/dev/ttyUSB0", tries=2, level="x")
    log.get("a").debug("unseen")
    line = logged(capsys)
    assert line.endswith("\n")
    fields = read(line.rstrip("\n"))
    assert list(fields) == ["ts", "level", "msg", "port", "tries", "level_"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["ts"])
    assert (fields["level"], fields["msg"], fields["port"]) == ("info", "port opened", "/dev/ttyUSB0")


@pytest.mark.parametrize("name", ["event", "self", "fields", "method_name", "cause", "period"])
def test_field_of_any_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    fields: dict[str, object] = {name: "x"}
    log.get("a").info("set", **fields)
    assert read(logged(capsys).rstrip("\n"))[name] == "x"


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_turns_or_breaks_a_line_in_a_terminal_is_escaped(capsys: pytest.CaptureFixture[str], form: str) -> None:
    bad = "\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\u0085\u009b\x7f"
    log.setup("info", form)
    log.get("test").info("received", summary=f"fuel {bad} low, 25\u00a0% größer")
    assert log.flush()
    line = capsys.readouterr().err.rstrip("\n")
    assert not set(line) & set(bad)
    if form == "json":
        assert json.loads(line)["summary"] == f"fuel {bad} low, 25\u00a0% größer"
        assert "25\u00a0% größer" in line, "what is printable stays readable"


def test_a_line_of_json_has_every_field_as_a_value_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("debug", "json")
    log.get("a").debug("read\n", volts=12.5, closed=None, nan=math.nan, path=Path("/a"), many=[1, {"a": 2}])
    line = logged(capsys)
    assert line.count("\n") == 1
    fields = json.loads(line)
    assert fields.pop("ts").endswith("Z")
    assert fields == {
        "level": "debug",
        "msg": "read\n",
        "volts": 12.5,
        "closed": None,
        "nan": "nan",
        "path": "/a",
        "many": [1, {"a": 2}],
    }


def test_percent_sign(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    log.get("a").info("at 25%s", soc="25%d")
    assert 'msg="at 25%s" soc=25%d' in logged(capsys)


def unplugged() -> None:
    raise OSError(5, "Input/output error")


def raised() -> Exception:
    try:
        unplugged()
    except OSError as error:
        return error
    raise AssertionError


def test_exception_is_one_field(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("warn", "logfmt")
    log.get("a").error("read failed", error=raised())
    log.get("a").error("read failed", error=ValueError())
    first, second = logged(capsys).splitlines()
    assert first.endswith('error="OSError: [Errno 5] Input/output error"')
    assert second.endswith("error=ValueError")


def test_traceback_at_debug(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("debug", "logfmt")
    log.get("a").error("read failed", error=raised())
    (line,) = logged(capsys).splitlines()
    assert "in unplugged\n" in read(line)["traceback"]


def test_other_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    for name in ("aiohttp.server", "serial", "asyncio"):
        try:
            unplugged()
        except OSError:
            logging.getLogger(name).exception("Error handling %s\nmore", "x")
    lines = [read(line) for line in logged(capsys).splitlines()]
    assert [line["logger"] for line in lines] == ["aiohttp.server", "serial", "asyncio"]
    assert {line["msg"] for line in lines} == {"Error handling x\nmore"}
    assert {line["error"] for line in lines} == {"OSError: [Errno 5] Input/output error"}
    assert {line["level"] for line in lines} == {"error"}


def test_repetition_by_another_library(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    for number in range(50):
        logging.getLogger("aiohttp.client").error("Connection failed, attempt %d, at 0x%x", number, number)
    logging.getLogger("aiohttp.client").error("Another thing")
    messages = [read(line)["msg"] for line in logged(capsys).splitlines()]
    assert messages == ["Connection failed, attempt 0, at 0x0", "Another thing"]
    log.setup("debug", "logfmt")
    for number in range(3):
        logging.getLogger("aiohttp.client").error("Connection failed, attempt %d, at 0x%x", number, number)
    assert len(logged(capsys).splitlines()) == 3


def test_warnings_and_dead_threads(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    log.setup("info", "logfmt")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    def die() -> None:
        raise RuntimeError("unplugged")

    thread = threading.Thread(target=die, name="reader")
    thread.start()
    thread.join()
    warned, died = [read(line) for line in logged(capsys).splitlines()]
    assert (warned["logger"], "UserWarning: careful" in warned["msg"]) == ("py.warnings", True)
    assert (died["msg"], died["thread"], died["error"]) == ("a thread died", "reader", "RuntimeError: unplugged")


def test_setup_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "json")
    log.setup("info", "logfmt")
    log.get("a").info("once")
    assert len(logged(capsys).splitlines()) == 1


def test_closed_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    log.setup("info", "logfmt")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    for _ in range(2):
        log.get("a").info("lost")
        assert log.flush(10)
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    log.get("a").info("written")
    assert log.flush(10)
    assert read(written.getvalue().rstrip("\n"))["dropped"] == "2"


def test_stalled_standard_error_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CAPACITY", 100)
    reading, writing = os.pipe()
    log.setup("info", "logfmt")
    with os.fdopen(reading, encoding="utf-8") as pipe, os.fdopen(writing, "w", encoding="utf-8") as unread:
        monkeypatch.setattr("sys.stderr", unread)
        began = time.monotonic()
        for number in range(2000):
            log.get("a").info("x" * 2000, number=number)
        assert not log.flush(0.05)
        assert time.monotonic() - began < 5
        written: list[str] = []
        reader = threading.Thread(target=written.extend, args=(pipe,), daemon=True)
        reader.start()
        assert log.flush(10)
        log.get("a").info("again")
        assert log.flush(10)
        unread.close()
        reader.join(10)
    lines = [read(line.rstrip("\n")) for line in written]
    numbers = [int(line["number"]) for line in lines[:-1]]
    assert numbers == sorted(numbers)
    assert len(numbers) + sum(int(line.get("dropped", 0)) for line in lines) == 2000
    assert len(numbers) < 2000


def test_full_non_blocking_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error is non-blocking when another holder of the same file has made it so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    log.setup("info", "logfmt")
    with os.fdopen(reading, encoding="utf-8") as pipe, os.fdopen(writing, "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stderr", full)
        for number in range(100):
            log.get("a").info("x" * 2000, number=number)
        assert not log.flush(0.05)
        written: list[str] = []
        reader = threading.Thread(target=written.extend, args=(pipe,), daemon=True)
        reader.start()
        assert log.flush(10)
        full.close()
        reader.join(10)
    lines = [read(line.rstrip("\n")) for line in written]
    assert [line["number"] for line in lines] == [str(number) for number in range(100)], "none is lost or cut"
    assert not any("dropped" in line for line in lines)


def test_cause_is_one_line_an_hour(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    bus = log.get("bus")
    for number in range(5):
        bus.limited("a", "source is lost", number=number)
        bus.recovered("a", "source is back", number=number)
    bus.limited("b", "source is lost", level="error")
    log.get("other").limited("a", "source is lost")
    log.get("other").recovered("b", "source is back")
    lines = [read(line) for line in logged(capsys).splitlines()]
    assert [(line["level"], line["msg"], line.get("number")) for line in lines] == [
        ("warn", "source is lost", "0"),
        ("info", "source is back", "0"),
        ("error", "source is lost", None),
        ("warn", "source is lost", None),
    ]
    assert not [line for line in lines if "suppressed" in line]
    log.log_left_out(time.monotonic() + 3500)
    assert logged(capsys) == ""
    log.log_left_out(time.monotonic() + 3601)
    (line,) = logged(capsys).splitlines()
    summary = read(line)
    assert list(summary) == ["ts", "level", "msg", "number", "last", "suppressed"]
    assert (summary["level"], summary["msg"], summary["number"]) == ("info", "source is back", "4")
    assert (summary["suppressed"], summary["last"] <= summary["ts"]) == ("8", True)


def test_writer_logs_what_was_left_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SUMMARY_SECONDS", 0.01)
    log.setup("info", "logfmt")
    for _ in range(3):
        log.get("a").limited("cause", "no frames", period=1.0)
    lines = [read(line) for line in logged(capsys).splitlines()]
    deadline = time.monotonic() + 10
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
        lines += [read(line) for line in logged(capsys).splitlines()]
    assert [line.get("suppressed") for line in lines] == [None, "2"]


def test_value_without_text(capsys: pytest.CaptureFixture[str]) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    for form in ("logfmt", "json"):
        log.setup("info", form)
        log.get("a").info("read", value=Odd(), values=[Odd()])
        assert logged(capsys).count("Odd") == 2


def test_many_threads_and_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "logfmt")
    part = log.get("threads")

    def emit() -> None:
        for number in range(100):
            part.info("emitted", number=number)
            part.limited("threads", "limited", level="info")

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(emit) for _ in range(4)))

    asyncio.run(main())
    lines = [read(line) for line in logged(capsys).splitlines()]
    assert sum(line["msg"] == "emitted" for line in lines) == 400
    assert sum(line["msg"] == "limited" for line in lines) == 1
