"""The rule language, value by value. Source: Laravel 11, as eggs of the field use it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.panel.validation.rules import UnknownRule, check, parse


def broken(rules: str, value: Any, *, present: bool = True) -> list[str]:
    return [rule.name for rule in check(value, parse(rules), present=present)]


@pytest.mark.parametrize(
    ("rules", "value", "expected"),
    [
        ("required|string|max:20", None, ["required"]),
        ("required|string|max:20", "   ", ["required"]),
        ("string|max:20", None, ["string"]),
        ("nullable|string|max:20", None, []),
        ("string|max:3", "grüß", ["max"]),
        ("required|numeric|max:20", "21", ["max"]),
        ("required|string|max:20", "21", []),
        ("boolean", "true", ["boolean"]),
        ("boolean", "1", []),
        ("boolean", 0, []),
        ("integer", "012", ["integer"]),
        ("integer", "-5", []),
        ("int", "1e3", ["integer"]),
        ("numeric", "1e3", []),
        ("numeric", " 12", []),
        ("numeric", "0x1A", ["numeric"]),
        ("in:true,false", "TRUE", ["in"]),
        ("in:true,false", None, ["in"]),
        ("between:1,3", "abcd", ["between"]),
        ("numeric|between:1,100", "50", []),
        ("size:5", "abcde", []),
        ("digits_between:1,5", "12a", ["digits_between"]),
        ("digits_between:1,5", "25565", []),
        ("alpha_dash", "a-b_ç", []),
        ("alpha_dash", "a b", ["alpha_dash"]),
        ("alpha_num", "a1-", ["alpha_num"]),
        ("url", "https://example.org/x", []),
        ("url", "example.org", ["url"]),
        ("email", "a@example.org", []),
        ("email", "a@@example.org", ["email"]),
        ("gt:5", "6", []),
        ("gt:5", "5", ["gt"]),
        (r"regex:/^([\w\d._-]+)(\.jar)$/", "server.jar", []),
        (r"regex:/^([\w\d._-]+)(\.jar)$/", "server.exe", ["regex"]),
        (r"required|regex:/^(a|b)$/", "b", []),
        ("regex:([a-z-0-9]+$)", "abc-1", []),
        ("regex:/^ABC$/i", "abc", []),
        ("required|string|", "x", []),
        ("bail|string|max:1", 55, ["string"]),
        ("ends_with:.js,.ts", "a.js", []),
        ("p_username", "a.b", []),
        ("p_username", "ab!", ["p_username"]),
        ("p_username", "a", ["p_username"]),
    ],
)
def test_a_value_breaks_exactly_these_rules(rules: str, value: Any, expected: list[str]) -> None:
    assert broken(rules, value) == expected


def test_an_absent_value_is_only_judged_by_rules_about_absence() -> None:
    assert broken("string|max:2", None, present=False) == []
    assert broken("required|string", None, present=False) == ["required"]
    assert broken("present|nullable", None, present=False) == ["present"]


def test_a_rule_nobody_knows_is_an_error() -> None:
    with pytest.raises(UnknownRule):
        parse("required|sparkles")


def test_a_pattern_that_searches_for_ever_gives_up() -> None:
    assert broken("regex:/^(a+)+$/", "a" * 60 + "!") == ["regex"]


@given(st.text())
def test_no_text_makes_a_rule_fail_with_an_error(value: str) -> None:
    everything = "string|numeric|integer|boolean|email|url|ip|uuid|json|date|alpha|alpha_num|alpha_dash|p_username"
    broken(everything, value)
