from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import flags
from toolkit.build import Build
from toolkit.flags import Flags, is_loopback, split_address


def parse(*arguments: str, revision: str = "") -> Flags:
    parser = flags.Parser(prog="magnum-exporter")
    flags.add_flags(
        parser, config_file="exporter.yml", listen_address="127.0.0.1:10048", build=Build("0.1.0", revision)
    )
    flags.add_web_exposure_flag(parser)
    return flags.read_flags(parser.parse_args(arguments))


def test_without_arguments_every_flag_has_its_default() -> None:
    assert parse() == Flags(
        config_file=Path("exporter.yml"),
        config_check=False,
        listen_addresses=("127.0.0.1:10048",),
        web_config_file=None,
        enable_lifecycle=False,
        log_level="info",
        log_format="logfmt",
        allow_anonymous=False,
    )


def test_the_installations_file_is_read_if_the_caller_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, here = tmp_path / "etc", tmp_path / "here"
    monkeypatch.setattr(flags, "FOLDER", installed)
    installed.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    assert parse().config_file == Path("exporter.yml")
    (installed / "exporter.yml").touch()
    assert parse().config_file == installed / "exporter.yml"
    (here / "exporter.yml").touch()
    assert parse().config_file == Path("exporter.yml")
    (here / "exporter.yml").unlink()
    (here / "exporter.yml").symlink_to(installed / "exporter.yml")
    assert parse().config_file == Path("exporter.yml")
    monkeypatch.setattr("os.geteuid", lambda: here.stat().st_uid + 1)
    assert parse().config_file == installed / "exporter.yml"
    (installed / "exporter.yml").unlink()
    assert parse().config_file == installed / "exporter.yml", "never a stranger's"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.fil=a.yml", '--config.fil=a.yml; did you mean "--config.file"?'),
        ("--log.level=inf", '; did you mean "info"?'),
        ("--web.enable", "unrecognized arguments: --web.enable"),
    ],
)
def test_a_wrong_word_is_answered_with_a_near_one(
    argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(argument)
    assert message in capsys.readouterr().err


def test_a_wrong_flag_of_a_command_is_answered_with_one_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    parser = flags.Parser(prog="magnum-exporter")
    parser.add_subparsers().add_parser("listen").add_argument("--seconds")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["listen", "--secnods=3"])
    assert 'unrecognized arguments: --secnods=3; did you mean "--seconds"?' in capsys.readouterr().err


def test_the_help_ends_with_the_example_as_it_is() -> None:
    text = flags.Parser(prog="x", description="Says hello.", example="x  --to='the whole world'").format_help()
    assert text.endswith("\n\nexample:\n  x  --to='the whole world'\n")


def test_both_ways_to_write_a_flag() -> None:
    given_flags = parse(
        "--config.file=a.yml", "--web.config.file", "web.yml", "--log.level=WARNING", "--log.format", "json"
    )
    assert (given_flags.config_file, given_flags.web_config_file) == (Path("a.yml"), Path("web.yml"))
    assert (given_flags.log_level, given_flags.log_format) == ("warn", "json")


def test_listen_address_is_repeatable() -> None:
    assert parse("--web.listen-address=:1", "--web.listen-address", "[::1]:2").listen_addresses == (":1", "[::1]:2")
    assert parse().listen_addresses == ("127.0.0.1:10048",)


def test_a_switch_needs_no_value_to_be_on() -> None:
    switched = parse("--config.check", "--web.enable-lifecycle", "--web.allow-anonymous")
    assert switched.config_check
    assert switched.enable_lifecycle
    assert switched.allow_anonymous


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--web.listen-address=10048", 'got "10048", expected HOST:PORT such as 127.0.0.1:10048'),
        ("--web.listen-address=::1:10048", "expected an IPv6 address in brackets such as [::1]:10048"),
        ("--log.level=loud", "--log.level"),
        ("--config.fil=x", "unrecognized arguments"),
    ],
)
def test_wrong_flag_exits_with_2(argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argument)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("magnum-exporter, version 0.1.0 (Python 3.")
    with pytest.raises(SystemExit):
        parse("--version", revision="0123abcd")
    assert capsys.readouterr().out.startswith("magnum-exporter, version 0.1.0, revision 0123abcd (Python 3.")
    with pytest.raises(SystemExit):
        parse("--help")
    assert "(default: 127.0.0.1:10048)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:10048", ("127.0.0.1", 10048)),
        (":10048", ("", 10048)),
        ("[::1]:10048", ("::1", 10048)),
        ("cabin-pi.local:0", ("cabin-pi.local", 0)),
    ],
)
def test_an_address_is_split_into_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", "10048", "localhost", "localhost:", "localhost:x", "localhost:65536", "localhost:-1", "localhost:٣"],
        *["::1:1", "[::1]", "[x]:1", "[::1:1", "http://localhost:80", "a/b:1", "a b:1"],
    ],
)
def test_invalid_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        split_address(text)


@given(st.text())
def test_any_text_as_address(text: str) -> None:
    try:
        _, port = split_address(text)
    except ValueError as error:
        assert "expected" in str(error)  # noqa: PT017 - either outcome is right
        assert not is_loopback(text) or ":" not in text
    else:
        assert 0 <= port <= 65535


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1", "127.0.0.1", "::1", "localhost"]
)
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", [":1", "0.0.0.0:1", "[::]:1", "::", "192.168.1.2:1", "cabin:1", "", "localhost.evil:1", "[fe80::1]:1"]
)
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)
