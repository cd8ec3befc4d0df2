"""Bytes to lines, ready lines, and the throttle."""

import pytest

from rookery.wings.servers.console import LINE_LIMIT, DoneMatcher, LineSplitter, Throttle, daemon_line, without_ansi


def split(*chunks: bytes) -> list[bytes]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_do_not_depend_on_where_the_stream_is_cut(size: int) -> None:
    data = b"one\r\ntwo\nthree \rfour\r\n\r\n\nlast"
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert split(*chunks) == [b"one", b"two", b"three\r\nfour", b"last"]


def test_a_line_longer_than_the_limit_comes_in_pieces_without_loss() -> None:
    line = bytes(range(32, 127)) * (3 * LINE_LIMIT // 95)
    pieces = split(line + b"\n")
    assert b"".join(pieces) == line
    assert max(map(len, pieces)) == LINE_LIMIT


def test_an_endless_line_is_not_kept() -> None:
    splitter = LineSplitter()
    for _ in range(64):
        splitter.feed(b"x" * LINE_LIMIT)
    assert len(splitter.finish()) <= 1


@pytest.mark.parametrize(
    ("entry", "line", "ready"),
    [
        ("Done (", b"[12:00] Done (3.2s)! For help", True),
        ("Done (", b"done (3.2s)", False),
        (r"regex:^Server .* up$", b"Server one up", True),
        (r"regex:^Server .* up$", b"the Server one up", False),
        ("regex:(", b"a regex:( line", True),
        ("regex:(", b"(", False),
        ("regex:", b"regex: is text", True),
        (r"regex:(?P<x>a)", b"xax", True),
        (r"regex:(a)\1", b"aa", False),
    ],
)
def test_what_makes_a_server_ready(entry: str, line: bytes, ready: bool) -> None:
    assert DoneMatcher([entry], strip_ansi=False).matches(line) is ready


def test_colours_hide_a_ready_line_unless_they_are_stripped() -> None:
    line = b"\x1b[32mDo\x1b[0mne ("
    assert not DoneMatcher(["Done ("], strip_ansi=False).matches(line)
    assert DoneMatcher(["Done ("], strip_ansi=True).matches(line)
    assert without_ansi(line) == b"Done ("


def test_an_expression_that_would_run_for_ever_elsewhere_is_quick() -> None:
    assert not DoneMatcher([r"regex:(a+)+$"], strip_ansi=False).matches(b"a" * 60_000 + b"!")


def test_no_entry_never_matches() -> None:
    assert not DoneMatcher([], strip_ansi=True).matches(b"Done (")


def test_the_throttle_lets_a_number_of_lines_pass_each_period_and_tells_once_a_burst() -> None:
    throttle = Throttle(2, 0.1)
    assert [throttle.allows(10.0) for _ in range(4)] == [True, True, False, False]
    assert [throttle.first_refusal(), throttle.first_refusal()] == [True, False]
    assert throttle.allows(10.1)
    assert throttle.allows(10.15)
    assert not throttle.allows(10.19)
    assert throttle.first_refusal()


def test_a_start_begins_with_a_fresh_window() -> None:
    throttle = Throttle(1, 60)
    assert throttle.allows(5.0)
    assert not throttle.allows(5.1)
    throttle.reset()
    assert throttle.allows(5.2)


def test_the_daemons_own_lines_are_told_from_the_games() -> None:
    assert daemon_line("Rookery", "hello") == "\x1b[33m\x1b[1m[Rookery Daemon]:\x1b[39m hello\x1b[0m"
