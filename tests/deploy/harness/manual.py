"""Man pages and shell completion of the three programs, from the declarations of their command lines.

Writes `deploy/man/` and `deploy/completion/`: `python -m tests.deploy.harness.manual`. They are kept with the code,
because the machine that builds a wheel need not have what the programs need.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

import shtab
from argparse_manpage.manpage import Manpage

from actuator import cli as actuator
from exporter import cli as exporter
from simulator import cli as simulator
from tests.support import ROOT
from toolkit.flags import FOLDER, Parser

TITLE = "Off-grid site"
SHORT = {
    "magnum-exporter": "serve the devices of an off-grid site to Prometheus",
    "generator-actuator": "start and stop a generator on alerts, and without them",
    "offgrid-simulator": "simulate an off-grid site with all its devices",
}
FILES = {
    "magnum-exporter": {f"{FOLDER}/exporter.yml": "the configuration; magnum-exporter --config.check checks it"},
    "generator-actuator": {
        f"{FOLDER}/actuator.yml": "the configuration; generator-actuator --config.check checks it",
        "~/.netrc": "user name and password for the commands that ask the running actuator",
    },
    "offgrid-simulator": {"simulator.yml": "the configuration, in the working directory"},
}
LINKED = """\
# Words of --flag=value are one argument: readline splits them at the "=", and shtab's function would count it.
{function}() {{
  local -a words=()
  local index cword=$COMP_CWORD
  for index in "${{!COMP_WORDS[@]}}"; do
    if [[ ${{COMP_WORDS[index]}} != "=" ]]; then
      words+=("${{COMP_WORDS[index]}}")
    elif (( index == COMP_CWORD )); then
      words+=("")
    elif (( index < COMP_CWORD )); then
      cword=$((cword - 1))
    fi
  done
  local COMP_WORDS=("${{words[@]}}") COMP_CWORD=$cword
  _shtab{function}
}}

complete -o bashdefault -F {function} {program}
"""


def programs() -> Mapping[str, Parser]:
    """Return the command line of each program, its commands complete."""
    # The width decides where argparse breaks a line.
    with mock.patch.dict(os.environ, COLUMNS="1000"):
        parsers = (exporter.parser(exporter.TOOLS), actuator.parser(actuator.COMMANDS), simulator.parser())
    return {parser.prog: parser for parser in parsers}


def files() -> Iterator[tuple[Path, str]]:
    """Yield each file's path in the checkout, and its text."""
    for program in programs():
        with mock.patch.dict(os.environ, COLUMNS="1000"):
            yield Path(f"deploy/man/{program}.1"), _page(programs()[program])
        parser = _for_completion(programs()[program])
        yield Path(f"deploy/completion/bash/{program}"), _bash(parser)
        yield Path(f"deploy/completion/zsh/_{program}"), _zsh(parser)


def _page(parser: Parser) -> str:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                choice.help = ""  # its description says it at length
    data = {"project_name": "magnum-exporter", "manual_title": TITLE, "description": SHORT[parser.prog], "date": " "}
    page = Manpage(parser, data, format="single-commands-section")
    files = (f".TP\n.I {_escaped(file)}\n{_escaped(text)}" for file, text in FILES[parser.prog].items())
    page.add_section("files", ">", "\n".join(files))
    examples = [one.example for one in (parser, *parser.commands().values())]
    page.add_section("examples", ">", ".nf\n" + "\n".join(map(_escaped, examples)) + "\n.fi")
    others = sorted(SHORT.keys() - {parser.prog})
    page.add_section("see also", ">", ",\n".join(f".BR {_escaped(other)} (1)" for other in others))
    return re.sub(r" +$", "", str(page), flags=re.MULTILINE)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _for_completion(parser: Parser) -> Parser:
    """Let what names a file or a folder be completed with those; give each command its short text, for a list."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                action.choices[choice.dest].description = choice.help
    for one in (parser, *parser.commands().values()):
        for action in one._actions:
            if action.metavar == "DIR":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.type is Path or action.metavar == "PORT":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def _bash(parser: Parser) -> str:
    text = _without_advice(shtab.complete(parser, shell="bash"))  # noqa: S604 - the name of one
    function = f"_{parser.prog.replace('-', '_')}"
    begin, _, _ = text.rpartition("complete -o ")
    return begin + LINKED.format(function=function, program=parser.prog)


def _zsh(parser: Parser) -> str:
    text = _without_advice(shtab.complete(parser, shell="zsh"))  # noqa: S604 - the name of one
    # "--flag=[" is zsh's word for a flag with --flag=value as well as --flag value.
    return re.sub(r'^( *"\*?--[\w.-]+)(\[.*\]:)', r"\1=\2", text, flags=re.MULTILINE)


def _without_advice(text: str) -> str:
    """Return a script without shtab's advice where to copy it: the wheel puts it there."""
    return re.sub(r"^# (Usage:|\d\) |See also: |   ).*\n", "", text, flags=re.MULTILINE)


def main() -> None:
    """Write every file."""
    for path, text in files():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
