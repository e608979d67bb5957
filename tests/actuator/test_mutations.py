"""The list of mutations keeps up with the code that they break; killing them all is `make mutations`."""

from __future__ import annotations

import pytest

from tests.actuator.mutations import MUTATIONS, ROOT


@pytest.mark.parametrize("module", sorted({mutation.module for mutation in MUTATIONS}))
def test_what_a_mutation_breaks_is_there(module: str) -> None:
    source = (ROOT / "actuator" / f"{module}.py").read_text()
    for mutation in MUTATIONS:
        if mutation.module == module:
            assert mutation.text in source
            compile(source.replace(mutation.text, mutation.becomes), module, "exec")
