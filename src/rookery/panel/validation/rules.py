"""The rule language of Laravel, as egg variables and request bodies use it.

A rule set is text such as `required|string|max:20`. Each rule is a small function over one value; which of them run on
absent, null and blank values is decided in `check`. Source: Laravel 11 validation, as Panel 1.11 uses it.
"""

import csv
import ipaddress
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import regex

PATTERN_SECONDS = 0.25
"""How long an egg's pattern may search."""
Value = Any
IMPLICIT = {"required", "present", "filled", "accepted"}
_NUMERIC = {"numeric", "integer", "decimal"}
_ALIASES = {"int": "integer", "bool": "boolean"}
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "x": regex.VERBOSE}


class UnknownRule(ValueError):
    """A rule set names a rule that does not exist."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()


def parse(text: str) -> list[Rule]:
    """The rules of a set, in order.

    Raises:
        UnknownRule: one of them does not exist.
    """
    found = []
    for part in _parts(text):
        name, _, rest = part.partition(":")
        name = snake(name.strip())
        name = _ALIASES.get(name, name)
        if name not in KNOWN:
            raise UnknownRule(name)
        if name in ("regex", "not_regex"):
            arguments: Sequence[str] = (rest,)
        else:
            arguments = next(csv.reader([rest]), []) if rest else ()
        found.append(Rule(name, tuple(arguments)))
    return found


def _parts(text: str) -> list[str]:
    """Split at `|`, except that a pattern keeps the bars inside its delimiters."""
    parts: list[str] = []
    for part in text.split("|"):
        if parts and parts[-1].startswith(("regex:", "not_regex:")) and not _closed(parts[-1].partition(":")[2]):
            parts[-1] += f"|{part}"
        else:
            parts.append(part)
    return [part for part in parts if part.strip()]


def _closed(pattern: str) -> bool:
    try:
        compile_pattern(pattern)
    except regex.error:
        return False
    return True


def snake(name: str) -> str:
    """`AlphaDash`, `alphaDash` and `alpha-dash` as `alpha_dash`."""
    return regex.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(" ", "_").lower()


def check(value: Value, rules: Sequence[Rule], *, present: bool = True) -> list[Rule]:
    """The rules that `value` breaks, in order; none when it is fine."""
    names = {rule.name for rule in rules}
    numeric = bool(names & _NUMERIC)
    failed: list[Rule] = []
    for rule in rules:
        if rule.name in ("nullable", "bail", "sometimes"):
            continue
        if rule.name in IMPLICIT:
            if not _implicit(rule.name, value, present):
                failed.append(rule)
                break
            continue
        if not present or (isinstance(value, str) and not value.strip()) or (value is None and "nullable" in names):
            continue
        if not KNOWN[rule.name](value, rule.arguments, numeric):
            failed.append(rule)
            if "bail" in names:
                break
    return failed


def _implicit(name: str, value: Value, present: bool) -> bool:
    blank = (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, list | dict) and not value)
    )
    match name:
        case "present":
            return present
        case "filled":
            return not present or not blank
        case "accepted":
            return value in (True, 1, "1", "true", "on", "yes")
        case _:
            return present and not blank


def compile_pattern(text: str) -> regex.Pattern[str]:
    """A PCRE pattern with its delimiters and flags.

    Raises:
        regex.error: it is not delimited or does not compile.
    """
    text = text.strip()
    closing = {"(": ")", "{": "}", "[": "]", "<": ">"}
    if len(text) < 2 or text[0].isalnum() or text[0] == "\\":
        raise regex.error("The pattern has no delimiters.")
    end = text.rfind(closing.get(text[0], text[0]))
    if end <= 0:
        raise regex.error("The pattern is not closed.")
    flags = regex.UNICODE if "u" in text[end + 1 :] else regex.ASCII
    for letter in text[end + 1 :]:
        if letter in _FLAGS:
            flags |= _FLAGS[letter]
        elif letter not in "uDUAJSX":
            raise regex.error(f"The pattern has an unknown flag {letter}.")
    body = text[1:end]
    if "D" not in text[end + 1 :] and body.endswith("$") and not body.endswith("\\$"):
        body = body[:-1] + r"(?=\n?\Z)"
    return regex.compile(body, flags)


def _matches(value: Value, arguments: tuple[str, ...]) -> bool:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    try:
        return compile_pattern(arguments[0]).search(str(value), timeout=PATTERN_SECONDS) is not None
    except (regex.error, TimeoutError):
        return False


def number_of(value: Value) -> float | None:
    """A number or numeric text as a number: decimal, with sign, fraction and exponent; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and regex.fullmatch(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", value):
        return float(value)
    return None


def _size(value: Value, numeric: bool) -> float:
    if numeric and (number := number_of(value)) is not None:
        return number
    if isinstance(value, list | dict):
        return len(value)
    return len(str(value))


def _integer(value: Value) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    if isinstance(value, float):
        return value.is_integer()
    return (
        isinstance(value, str)
        and regex.fullmatch(r"\s*[+-]?(0|[1-9]\d*)\s*", value) is not None
        and -(2**63) <= int(value) < 2**63
    )


def _text_like(value: Value) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _url(value: Value) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return bool(regex.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme)) and bool(parts.hostname) and " " not in value
    except ValueError:
        return False


_EMAIL = regex.compile(
    r"""(?!.{255})(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*
    |"(?:[^"\\\r\n]|\\.)*")@(?:[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]{0,61}
    [A-Za-z0-9\u0080-\U0010ffff])?(?:\.[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]{0,61}
    [A-Za-z0-9\u0080-\U0010ffff])?)*|\[[0-9A-Fa-f:.]+\])""",
    regex.VERBOSE,
)


def _ip(value: Value) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return isinstance(value, str)


def _uuid(value: Value) -> bool:
    try:
        uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return isinstance(value, str) and len(value) == 36


def _json(value: Value) -> bool:
    try:
        json.loads(value)
    except (ValueError, TypeError):
        return False
    return True


def _date(value: Value) -> bool:
    try:
        datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return False
    return True


def _digits(value: Value, low: int, high: int) -> bool:
    return _text_like(value) and regex.fullmatch(r"[0-9]+", str(value)) is not None and low <= len(str(value)) <= high


def _compare(value: Value, other: str, test: Callable[[float, float], bool], numeric: bool) -> bool:
    bound = number_of(other)
    if bound is None:
        return False
    number = number_of(value)
    return test(number if number is not None else _size(value, numeric), bound)


def _pass(_value: Value, _arguments: tuple[str, ...], _numeric: bool) -> bool:
    return True


Test = Callable[[Value, tuple[str, ...], bool], bool]
KNOWN: dict[str, Test] = {
    "required": _pass,
    "present": _pass,
    "filled": _pass,
    "accepted": _pass,
    "nullable": _pass,
    "bail": _pass,
    "sometimes": _pass,
    "string": lambda v, _a, _n: isinstance(v, str),
    "array": lambda v, _a, _n: isinstance(v, list | dict),
    "boolean": lambda v, _a, _n: (isinstance(v, bool) or v in (0, 1, "0", "1")) and not isinstance(v, float),
    "numeric": lambda v, _a, _n: number_of(v) is not None,
    "integer": lambda v, _a, _n: _integer(v),
    "max": lambda v, a, n: _size(v, n) <= float(a[0]),
    "min": lambda v, a, n: _size(v, n) >= float(a[0]),
    "between": lambda v, a, n: float(a[0]) <= _size(v, n) <= float(a[1]),
    "size": lambda v, a, n: _size(v, n) == float(a[0]),
    "in": lambda v, a, _n: not isinstance(v, list | dict) and _as_text(v) in a,
    "not_in": lambda v, a, _n: isinstance(v, list | dict) or _as_text(v) not in a,
    "regex": lambda v, a, _n: _matches(v, a),
    "not_regex": lambda v, a, _n: not _matches(v, a),
    "digits": lambda v, a, _n: _digits(v, int(a[0]), int(a[0])),
    "digits_between": lambda v, a, _n: _digits(v, int(a[0]), int(a[1])),
    "alpha": lambda v, _a, _n: isinstance(v, str) and regex.fullmatch(r"[\p{L}\p{M}]+", v) is not None,
    "alpha_num": lambda v, _a, _n: _text_like(v) and regex.fullmatch(r"[\p{L}\p{M}\p{N}]+", str(v)) is not None,
    "alpha_dash": lambda v, _a, _n: _text_like(v) and regex.fullmatch(r"[\p{L}\p{M}\p{N}_-]+", str(v)) is not None,
    "url": lambda v, _a, _n: _url(v),
    "email": lambda v, _a, _n: isinstance(v, str) and _EMAIL.fullmatch(v) is not None,
    "ip": lambda v, _a, _n: _ip(v),
    "ipv4": lambda v, _a, _n: _ip(v) and "." in v,
    "ipv6": lambda v, _a, _n: _ip(v) and ":" in v,
    "uuid": lambda v, _a, _n: _uuid(v),
    "json": lambda v, _a, _n: _json(v),
    "date": lambda v, _a, _n: _date(v),
    "starts_with": lambda v, a, _n: _text_like(v) and str(v).startswith(tuple(a)),
    "ends_with": lambda v, a, _n: _text_like(v) and str(v).endswith(tuple(a)),
    "lowercase": lambda v, _a, _n: isinstance(v, str) and v == v.lower(),
    "uppercase": lambda v, _a, _n: isinstance(v, str) and v == v.upper(),
    "gt": lambda v, a, n: _compare(v, a[0], lambda x, y: x > y, n),
    "gte": lambda v, a, n: _compare(v, a[0], lambda x, y: x >= y, n),
    "lt": lambda v, a, n: _compare(v, a[0], lambda x, y: x < y, n),
    "lte": lambda v, a, n: _compare(v, a[0], lambda x, y: x <= y, n),
    "p_username": lambda v, _a, _n: (
        isinstance(v, str) and regex.fullmatch(r"[a-z0-9]([\w.-]+)[a-z0-9]", v.lower(), regex.ASCII) is not None
    ),
}
"""Rule name to its test over value, arguments and whether sizes are numbers."""


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
