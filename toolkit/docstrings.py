"""Reads what a docstring says of a class and of its attributes."""

from __future__ import annotations

import inspect
import re


def explained(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what stands before `Attributes:`, and what each attribute means, by its name."""
    about, _, attributes = inspect.cleandoc(docstring).partition("\n\nAttributes:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", attributes, re.MULTILINE)
    return about, {name: re.sub(r"\s+", " ", meaning) for name, meaning in found}
