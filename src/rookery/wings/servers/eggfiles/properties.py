"""Parser `properties`: Java property files.

Nothing is expanded inside values: `${…}` of a file would otherwise read the daemon's own environment.
"""

import re
from collections.abc import Iterator, Sequence

from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_LINE_LIMIT = 64 * 1024
_SHORT = {"\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def edit(text: str, rules: Sequence[Rule]) -> str:
    """The file with its values set; comments at the top stay, later ones go, keys keep their order.

    A rule with a condition changes only a key that is there and has that value.

    Raises:
        UnreadableFile: a line is too long or an escape is broken.
    """
    lines = text.splitlines()
    if any(len(line.encode()) > _LINE_LIMIT for line in lines):
        raise UnreadableFile("A line of the properties file is longer than 64 KiB.")
    head = []
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line)
    values = dict(_pairs(lines))
    for rule in rules:
        if rule.condition is None or values.get(rule.match) == rule.condition:
            values[rule.match] = rule.text
    return "".join(f"{line}\n" for line in head) + "".join(f"{key}={escaped(value)}\n" for key, value in values.items())


def _pairs(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    waiting = ""
    for raw in lines:
        line = waiting + raw.lstrip(" \t\f")
        if not waiting and (not line or line[0] in "#!"):
            continue
        if _continues(line):
            waiting = line[:-1]
            continue
        waiting = ""
        yield _pair(line)
    if waiting:
        yield _pair(waiting)


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _pair(line: str) -> tuple[str, str]:
    at = 0
    while at < len(line) and line[at] not in "=: \t\f":
        at += 2 if line[at] == "\\" else 1
    key, rest = line[:at], line[at:].lstrip(" \t\f")
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(" \t\f")
    return _unescaped(key), _unescaped(rest)


def _unescaped(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "u":
            if len(code) < 5:
                raise UnreadableFile("A \\u escape of the properties file is broken.")
            return chr(int(code[1:], 16))
        return _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|u|.)", replaced, text) if "\\" in text else text


def escaped(value: str) -> str:
    """A value as it is written: ASCII only, with backslashes, quotes and control characters escaped."""
    out = []
    for character in value:
        code = ord(character)
        if character in _SHORT:
            out.append(_SHORT[character])
        elif character in '\\"':
            out.append(f"\\{character}")
        elif code > 0xFFFF:
            high, low = divmod(code - 0x10000, 0x400)
            out.append(f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}")
        elif code > 0x7E or code < 0x20:
            out.append(f"\\u{code:04x}")
        else:
            out.append(character)
    return "".join(out)
