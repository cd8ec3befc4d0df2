"""Lists of path patterns: which files a server's users must not touch, and which a backup leaves out.

The dialect is the one nodes have always had and not git's: lines in order, `!` takes back, the last match decides, and
a directory that matches never keeps a later line from bringing back what is in it. Source: Wings 1.11, ignore lists.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import re2

from rookery.protocol.problems import Denied


class InDenylist(Denied):
    """A file the egg keeps from its users."""

    def __init__(self) -> None:
        super().__init__("This file cannot be modified: present in egg denylist.")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Parsed lines; matching takes time in proportion to the path."""

    rules: tuple[tuple[Any, bool], ...]
    """Expression and whether a match brings the path back."""

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "Patterns":
        """From lines; blank ones, comments and broken ones do not count."""
        return _parsed(tuple(lines))

    def match(self, path: str) -> bool:
        """Whether the path, relative to the volume, is in the list."""
        found = False
        for expression, brings_back in self.rules:
            if found is brings_back and expression.search(path):
                found = not brings_back
        return found

    def check(self, path: str) -> None:
        """Refuse a path in the list.

        Raises:
            InDenylist: it is.
        """
        if self.rules and self.match(path):
            raise InDenylist


@functools.lru_cache(maxsize=512)
def _parsed(lines: tuple[str, ...]) -> Patterns:
    rules = []
    for text in lines:
        for line in text.split("\n"):
            rule = _rule(line.strip(" \r"))
            if rule is not None:
                rules.append(rule)
    return Patterns(tuple(rules))


def _rule(line: str) -> tuple[Any, bool] | None:
    if not line or line.startswith("#"):
        return None
    brings_back = line.startswith("!")
    line = line.removeprefix("!") if brings_back else line
    if line.startswith(("\\#", "\\!")):
        line = line[1:]
    if not line:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_expression(line), options), brings_back
    except re2.error:
        return None


def _expression(line: str) -> str:
    """The pattern as an expression over the whole path; it matches everything below a match too."""
    if not line.startswith("/") and re.search(r"[^/+]/.*\*\.", line):
        line = f"/{line}"  # a name, a folder and a star with an ending mean the top folder
    line = line.removeprefix("/") if line.startswith("/**/") else line
    parts = re.split(r"(/\*\*/|\*\*/|/\*\*|\\\*|\*|\?|\.)", line)
    found = "".join(_SIGNS.get(part, part) for part in parts)
    found += "(|.*)$" if line.endswith("/") else "(|/.*)$"
    return f"^(|/){found[1:]}" if found.startswith("/") else f"^(|.*/){found}"


_SIGNS = {
    "/**/": "(/|/.+/)",
    "**/": "(|.*/)",
    "/**": "(|/.*)",
    "\\*": "\\*",
    "*": "[^/]*",
    "?": "\\?",
    ".": "\\.",
}
