"""Mutations of actuator/core: small faults in the code, each of which a test must notice.

mutmut lists the mutants by the syntax tree. Its own runner takes no sample, and leaves out module values and decorated
methods, so the runs are here. Each mutant lives in the memory of one forked process; no file changes. Its tests run in
order of their CPU time, the cheapest first, until one fails.

Run with: make mutations SAMPLE=250 SEED=1 (SAMPLE=0 runs all mutants)
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Generator, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

import hypothesis
import libcst as cst
import libcst.matchers as m
import pytest
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace

CORE: Final = Path("actuator/core")
TESTS: Final = ("tests/actuator/core", "tests/actuator/intake", "tests/actuator/report")
OUTCOMES: Final = ("killed", "survived", "timeout", "broken")
MEMORY: Final = 4 << 30

# What only people or the type checker read: a mutant of it is no fault.
SENTENCE: Final = (
    m.SimpleString(value=m.MatchIfTrue(lambda text: " " in text))
    | m.FormattedString(
        parts=[m.ZeroOrMore(), m.FormattedStringText(value=m.MatchIfTrue(lambda text: " " in text)), m.ZeroOrMore()]
    )
    | m.ConcatenatedString()
)
TYPES: Final = (
    m.If(test=m.Name("TYPE_CHECKING") | m.Attribute(attr=m.Name("TYPE_CHECKING")))
    | m.Subscript(value=m.Name("Literal"))
    | m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))
)
FORM_OF_CLASS: Final = m.Arg(keyword=m.Name(value=m.MatchRegex("frozen|kw_only|slots|eq|order|gc")))

Outcomes = Counter[tuple[Path, str]]


class Mutant(NamedTuple):
    """One fault, and the module that it is put into."""

    path: Path
    module: cst.Module
    mutation: Mutation

    def source(self) -> str:
        """Return the module's source with the fault."""
        changed = deep_replace(self.module, self.mutation.original_node, self.mutation.mutated_node)
        return with_decorators(cst.ensure_type(changed, cst.Module).code)

    def report(self) -> str:
        """Return file and line, and what the mutant changes there."""
        old, new = self.path.read_text().splitlines(), self.source().splitlines()
        changed = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
        line = re.match(r"@@ -(\d+)", changed[0])
        shown = "\n".join(f"    {line}" for line in changed if not line.startswith("@@"))
        return f"{self.path}:{line[1] if line else 0}\n{shown}"


def without_decorators(source: str) -> str:
    """Return the source with its plain decorators as comments: mutmut leaves out what is decorated."""
    return re.sub(r"^( *)@(\w+)$", r"\1#@\2", source, flags=re.MULTILINE)


def with_decorators(source: str) -> str:
    """Return the source with its decorators in their place again."""
    return re.sub(r"^( *)#@(\w+)$", r"\1@\2", source, flags=re.MULTILINE)


def list_mutants(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a module, always in the same order."""
    module, mutations, *_ = create_mutations(str(path), without_decorators(path.read_text()))
    classes = [cst.ensure_type(node, cst.ClassDef) for node in m.findall(module, m.ClassDef())]
    forms = [keyword for node in classes for keyword in node.keywords if m.matches(keyword, FORM_OF_CLASS)]
    unread = {child for node in [*m.findall(module, SENTENCE | TYPES), *forms] for child in walk(node)}
    strings = set()
    for mutation in mutations:
        original, mutated = mutation.original_node, mutation.mutated_node
        lost = set(original.children) - set(mutated.children)
        if original in unread or any(child in unread or getattr(child, "value", None) in unread for child in lost):
            continue
        if isinstance(original, cst.SimpleString):  # one other text is enough
            if original in strings:
                continue
            strings.add(original)
        yield Mutant(path, module, mutation)


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all nodes below it."""
    yield node
    for child in node.children:
        yield from walk(child)


class Loader(SourceFileLoader):
    """Loads the mutant's source in place of the file's."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the importer passes it
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the mutated module before the one on disk."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = ".".join(mutant.path.with_suffix("").parts).removesuffix(".__init__")
        self.path = str(mutant.path.resolve())
        self.source = mutant.source()

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=Loader(fullname, self.path, self.source)
        )


class CheapestFirst:
    """Sorts the tests by their CPU seconds, ends a process whose test takes far more, and measures them."""

    def __init__(self, costs: dict[str, float] | None) -> None:
        self.costs = costs
        self.spent: dict[str, float] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.costs is not None:
            items.sort(key=lambda item: (self.costs or {}).get(item.nodeid, 0.0))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if self.costs is not None:
            limit(5 + 5 * self.costs.get(item.nodeid, 0.0))
        began = time.process_time()
        outcome = yield
        self.spent[item.nodeid] = time.process_time() - began
        return outcome


def limit(seconds: float) -> None:
    """End this process by a signal after so many CPU seconds; a busy machine is given far more of the clock."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 60 + 20 * seconds)


def run_tests(folder: Path, mutant: Mutant | None, costs: dict[str, float] | None) -> int:
    """Run the tests until one fails, in this process, which can do nothing else afterwards; return pytest's code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if mutant is not None:
        limit(60)
        sys.meta_path.insert(0, Finder(mutant))
    hypothesis.settings.register_profile(
        "mutations", derandomize=True, max_examples=30, database=None, deadline=None, print_blob=False
    )
    plugin = CheapestFirst(costs)
    options = ["-x", "-q", "--timeout=0", "--hypothesis-profile=mutations", f"--basetemp={folder / 'tmp'}"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is imported before
    without = [f"-pno:{name}" for name in ("cacheprovider", "benchmark", "xdist")]
    code = pytest.main([*TESTS, *options, *without], plugins=[plugin])
    (folder / "costs").write_text(json.dumps(plugin.spent))
    return code


def start(folder: Path, mutant: Mutant | None, costs: dict[str, float] | None) -> int:
    """Start the tests in a new process, which has all modules that are imported here; return its id."""
    folder.mkdir()
    process = os.fork()
    if process:
        return process
    code = 3
    try:
        code = run_tests(folder, mutant, costs)
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def judge(status: int) -> str:
    """Return the outcome that a process's wait status means."""
    code = os.waitstatus_to_exitcode(status)
    if -code in (signal.SIGPROF, signal.SIGALRM):
        return "timeout"
    return {0: "survived", 1: "killed", 2: "killed"}.get(code, "broken")  # 2: the mutant cannot be imported


def run_mutants(mutants: list[Mutant], costs: dict[str, float], folder: Path, processes: int) -> Outcomes:
    """Run the tests on each mutant, report each that is not killed; return the outcomes, also after an interrupt."""
    outcomes: Outcomes = Counter()
    waiting = list(enumerate(mutants))[::-1]
    running: dict[int, tuple[int, Mutant]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                number, mutant = waiting.pop()
                running[start(folder / str(number), mutant, costs)] = number, mutant
            process, status = os.wait()
            number, mutant = running.pop(process)
            outcome = judge(status)
            outcomes[mutant.path, outcome] += 1
            if outcome != "killed":
                print(f"{outcome}: {mutant.report()}", flush=True)
            if outcome == "broken":
                print((folder / str(number) / "output").read_text(errors="replace"), flush=True)
    except KeyboardInterrupt:
        for process in running:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
    return outcomes


def measure(folder: Path) -> dict[str, float]:
    """Run the tests on the code as it is; return the CPU seconds of each test."""
    _, status = os.waitpid(start(folder, None, None), 0)
    if status:
        sys.exit((folder / "output").read_text(errors="replace") + "\nThe tests fail without a mutant.")
    costs: dict[str, float] = json.loads((folder / "costs").read_text())
    return costs


def main(arguments: list[str] | None = None) -> int:
    """Run a sample of the mutants and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=250, help="how many mutants, 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="only count the mutants of each module")
    given = parser.parse_args(arguments)
    mutants = {path: list(list_mutants(path)) for path in sorted(CORE.rglob("*.py"))}
    everything = [mutant for found in mutants.values() for mutant in found]
    if given.list:
        for path, found in mutants.items():
            print(f"{len(found):6} {path}")
        return 0
    size = min(given.sample or len(everything), len(everything))
    sample = random.Random(given.seed).sample(everything, size)  # noqa: S311 - not a secret
    print(f"{len(everything)} mutants; a sample of {size}, seed {given.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder, "measured"))
        print(f"{len(costs)} tests, {sum(costs.values()):.0f} s of CPU for a mutant that survives", flush=True)
        outcomes = run_mutants(sample, costs, Path(folder), given.processes)
    print(f"{outcomes.total()} mutants run in {time.monotonic() - began:.0f} s")
    print("".join(f"{outcome:>10}" for outcome in OUTCOMES))
    for path in mutants:
        print("".join(f"{outcomes[path, outcome]:10}" for outcome in OUTCOMES), path)
    print("".join(f"{sum(outcomes[path, outcome] for path in mutants):10}" for outcome in OUTCOMES), "in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
