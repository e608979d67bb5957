"""Compare an expression with the contract: metric names, labels, and the values of state labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import promql_parser

from tests.support.metrics_contract import METRICS, TARGET_LABELS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """Return all selectors of an expression, also in ranges and subqueries; ValueError if it is not PromQL."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def broken_promises(expression: str) -> Iterator[str]:
    """Yield each metric, label or label value of an expression that is not in the contract."""
    for selector in selectors(expression):
        name = selector.name
        if name not in METRICS:
            yield f"{selector}: no metric of this name"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in METRICS[name] | TARGET_LABELS:
                yield f"{selector}: {name} has no label {matcher.name}"
            elif matcher.name in VALUES and not re.search(r"\$|^\.", matcher.value):
                known = VALUES[matcher.name]
                for alternative in matcher.value.split("|"):
                    if not any(re.fullmatch(alternative, value) for value in known):
                        yield f"{selector}: no value of {matcher.name} matches {alternative}"
