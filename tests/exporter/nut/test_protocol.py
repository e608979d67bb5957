"""The lines between driver and upsd: quoting, changes, and what is not obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.nut.protocol import LONGEST_WORD, MOST_WORDS, Data, answer, changes, dump, quote, words

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=LONGEST_WORD)
NAME = st.from_regex(r"[a-z]+(\.[a-z]+){1,3}", fullmatch=True)
VARIABLES = st.dictionaries(NAME, PRINTABLE, max_size=6)
DATA = st.builds(Data, VARIABLES, st.booleans())


class Upsd:
    """What upsd remembers of the lines that it receives."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.stale = True

    def receive(self, lines: str) -> None:
        for line in lines.splitlines():
            match words(line):
                case ["SETINFO", name, value]:
                    self.variables[name] = value
                case ["DELINFO", name]:
                    del self.variables[name]
                case ["DATAOK" | "DATASTALE" as word]:
                    self.stale = word == "DATASTALE"
                case ["DUMPDONE"]:
                    pass
                case other:
                    raise AssertionError(other)


@given(st.lists(PRINTABLE, max_size=MOST_WORDS))
def test_quoted_words_come_back_as_they_were(given_words: list[str]) -> None:
    assert words(" ".join(map(quote, given_words))) == given_words


@given(st.text(max_size=2 * LONGEST_WORD))
def test_any_text_is_one_line_that_upsd_reads_whole(text: str) -> None:
    (word,) = words(quote(text))
    assert len(word) == min(len(text), LONGEST_WORD)
    assert all(" " <= character <= "~" for character in quote(text))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('this "is also" a line', ["this", "is also", "a", "line"]),
        ("embedded\\ space", ["embedded space"]),
        ("embedded\\\\backslash", ["embedded\\backslash"]),
        ('a=b "c=d"#e', ["a", "=", "b", "c=d"]),
        ('"not closed', ["not closed"]),
        ('mid"dle quote"', ['mid"dle', 'quote"']),
        ('"" \t x', ["", "x"]),
        ("", []),
    ],
)
def test_words_of_a_line(line: str, expected: list[str]) -> None:
    """The first three are of NUT's own comment in common/parseconf.c."""
    assert words(line) == expected


@given(DATA, st.lists(DATA, max_size=4))
def test_upsd_has_after_each_change_what_a_new_dump_contains(first: Data, later: list[Data]) -> None:
    upsd = Upsd()
    upsd.receive(dump(first))
    for before, now in zip([first, *later], later, strict=False):
        upsd.receive(changes(before, now))
        assert (upsd.variables, upsd.stale) == (now.variables, now.stale)


def test_stale_is_sent_before_its_changes_and_good_after_them() -> None:
    good, stale = Data({"ups.status": "OL"}, stale=False), Data({}, stale=True)
    assert changes(good, stale) == "DATASTALE\nDELINFO ups.status\n"
    assert changes(stale, good) == 'SETINFO ups.status "OL"\nDATAOK\n'
    assert dump(stale) == "DATASTALE\nDUMPDONE\n"
    assert dump(good) == 'SETINFO ups.status "OL"\nDATAOK\nDUMPDONE\n'
    assert changes(good, good) == ""


@pytest.mark.parametrize(
    ("line", "reply", "ignored"),
    [
        ("PING", "PONG\n", ""),
        ("GETPID", "PID 7\n", ""),
        ("INSTCMD load.off 10", "", "INSTCMD load.off"),
        ("INSTCMD load.off 10 TRACKING ab-1", 'TRACKING "ab-1" 1\n', "INSTCMD load.off"),
        ('SET ups.delay "TRACKING"', "", "SET ups.delay"),
        ('SET ups.delay "3" TRACKING "x y"', 'TRACKING "x y" 1\n', "SET ups.delay"),
        ("FSD", "", "FSD"),
        ("", "", ""),
    ],
)
def test_no_command_is_obeyed_and_a_tracked_one_is_unknown(line: str, reply: str, ignored: str) -> None:
    request = answer(line, Data({}, stale=True), 7)
    assert (request.reply, request.ignored, request.broadcast) == (reply, ignored, None)


@pytest.mark.parametrize("line", ["BROADCAST", "BROADCAST 1"])
def test_a_connection_that_requests_changes(line: str) -> None:
    assert answer(line, Data({}, stale=True), 7).broadcast is True


@pytest.mark.parametrize("line", ["NOBROADCAST", "BROADCAST 0", "BROADCAST -1"])
def test_a_connection_that_declines_changes(line: str) -> None:
    assert answer(line, Data({}, stale=True), 7).broadcast is False
