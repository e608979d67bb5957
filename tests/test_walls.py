"""The walls between the rooms: who may import whom, read from the source of every module."""

from __future__ import annotations

import ast
import graphlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("actuator", "exporter", "simulator", "toolkit")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
}


UPPER = {"actuator.loop", "actuator.start", "actuator.web", "actuator.commands", "actuator.cli", "actuator.service"}
"""The actuator's rooms that nothing below them imports."""


def imports(module: str) -> set[str]:
    """Return what a module imports: a module of ours by its full name, anything else by its first name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            assert node.module is not None
            # A name imported from a package may be a module of it.
            found |= {
                whole if (whole := f"{node.module}.{name.name}") in MODULES else node.module for name in node.names
            }
    return {name if name in MODULES else name.partition(".")[0] for name in found}


def of(room: str) -> list[str]:
    return sorted(name for name in MODULES if name == room or name.startswith(f"{room}."))


@pytest.mark.parametrize("module", of("actuator.core"))
def test_the_core_imports_itself_and_toolkit(module: str) -> None:
    allowed = {"msgspec", *sys.stdlib_module_names, *of("actuator.core"), *of("toolkit")}
    assert imports(module) <= allowed


@pytest.mark.parametrize("module", of("actuator.core"))
def test_the_core_reads_no_clock_and_waits_for_nothing(module: str) -> None:
    assert imports(module).isdisjoint({"asyncio", "os", "socket", "subprocess", "threading", "time"})


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("actuator", {"exporter", "simulator"}),
        ("exporter", {"actuator", "simulator"}),
        ("simulator", {"actuator", "exporter"}),
        ("exporter.sources", {f"exporter.{name}" for name in ("app", "cli", "collector", "config", "site", "soc")}),
        ("exporter.nut", {f"exporter.{name}" for name in ("app", "cli", "collector", "config", "homeassistant")}),
        (
            "exporter.discovery",
            {f"exporter.{name}" for name in ("app", "cli", "collector", "config", "site", "soc", "tools")},
        ),
        ("toolkit", {"actuator", "exporter", "simulator"}),
        ("actuator.relay", UPPER | {"actuator.journal", "actuator.core", "actuator.intake", "actuator.report"}),
        ("actuator.journal", UPPER | {"actuator.intake", "actuator.report"}),
        ("actuator.intake", UPPER | {"actuator.relay", "actuator.journal", "actuator.report"}),
        ("actuator.report", UPPER | {"actuator.relay", "actuator.journal", "actuator.intake"}),
        (
            "actuator.site",
            UPPER | {f"actuator.{name}" for name in ("core", "intake", "report", "relay", "journal", "history")},
        ),
        ("actuator.history", UPPER | {"actuator.relay", "actuator.intake"}),
        ("actuator.loop", UPPER - {"actuator.loop"} | {"actuator.history"}),
        ("actuator.start", UPPER - {"actuator.loop", "actuator.start"} | {"actuator.intake", "actuator.report"}),
        ("actuator.web", {"actuator.commands", "actuator.cli", "actuator.service"}),
    ],
)
def test_a_room_imports_only_what_is_below_it(room: str, never: set[str]) -> None:
    for module in of(room):
        above = {name for name in imports(module) if any(name == wall or name.startswith(f"{wall}.") for wall in never)}
        assert not above, module


def test_the_top_of_the_actuator_is_the_programs_own() -> None:
    top = {path.stem for path in (ROOT / "actuator").glob("*.py")}
    assert top == {"__init__", "cli", "config", "config_warnings", "service"}


def test_no_module_imports_itself_in_a_circle() -> None:
    # A package's own modules may import the package only if it does not import them.
    graphlib.TopologicalSorter({module: imports(module) & MODULES.keys() for module in MODULES}).prepare()


def test_no_folder_imports_itself_in_a_circle() -> None:
    folders = {name for name in MODULES if MODULES[name].name == "__init__.py" and name.count(".") == 1}
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        of_folder = ".".join(module.split(".")[:2])
        if of_folder in folders:
            used = {".".join(name.split(".")[:2]) for name in imports(module)} & folders
            graph.setdefault(of_folder, set()).update(used - {of_folder})
    graphlib.TopologicalSorter(graph).prepare()
