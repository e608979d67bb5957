"""The simulator imports no code that it tests: a bug shared by both ends would stay hidden."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import simulator

FORBIDDEN = {"exporter", "actuator", "tests"}
FOLDER = Path(simulator.__path__[0])


def imported_packages(file: Path) -> set[str]:
    """Return the top-level packages that a module imports, also inside functions and by a string."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(module)), *_]):
                names.add(module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER)))
def test_no_import_of_what_it_tests(file: Path) -> None:
    assert not imported_packages(file) & FORBIDDEN
