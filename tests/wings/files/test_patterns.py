"""The dialect of denylists and ignore lists, by the examples of the contract."""

import time

import pytest

from rookery.wings.files.patterns import InDenylist, Patterns

LISTS: list[tuple[list[str], dict[str, bool]]] = [
    (
        ["*.log", "!keep.log", "/cache/", "logs/**"],
        {
            "a.log": True,
            "x/keep.log": False,
            "cache/f": True,
            "x/cache/f": False,
            "logs/2024/a": True,
            "logs": True,
            "x/logs/a": True,
            "cachefile": False,
            "a.log/x": True,
        },
    ),
    (["world", "!world/level.dat"], {"world/level.dat": False, "world/x": True, "worlds": False}),
    (["a+b"], {"aab": True, "a+b": False}),
    (["what?"], {"what?": True, "whats": False}),
    (["[ab].txt"], {"a.txt": True, "c.txt": False}),
    (["conf/*.yml"], {"conf/a.yml": True, "x/conf/a.yml": False}),
    (["foo/bar"], {"x/foo/bar": True, "foo/bar/deep": True}),
    (["/top"], {"top": True, "x/top": False}),
    (["# note", "", "  spaced  ", "\\#literal"], {"spaced": True, "#literal": True, "# note": False}),
    (["**/deep"], {"deep": True, "a/b/deep": True}),
    (["a/**/b"], {"a/b": True, "a/x/y/b": True, "ab": False}),
    (["("], {"(": False, "a": False}),
]


@pytest.mark.parametrize(("lines", "found"), LISTS)
def test_paths_match_as_they_always_have(lines: list[str], found: dict[str, bool]) -> None:
    patterns = Patterns.parse(lines)
    assert {path: patterns.match(path) for path in found} == found


def test_a_denied_path_is_refused_in_the_wires_words() -> None:
    with pytest.raises(InDenylist, match="present in egg denylist"):
        Patterns.parse(["*.key"]).check("a/b.key")


def test_no_pattern_takes_long() -> None:
    patterns = Patterns.parse(["(a*)*(a*)*(a*)*b", "**/**/**/**/**/x"])
    started = time.process_time()
    patterns.match("a" * 4000 + "/" * 500)
    assert time.process_time() - started < 2  # an exponential one would never end
