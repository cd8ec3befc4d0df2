"""What an egg wants changed in a settings file: the rules, and the placeholders in their values.

Source: Wings 1.11, `process_configuration.configs`. Of the daemon's configuration placeholders reach the address of the
container network and nothing else (CVE-2026-52855), and each is replaced by its own value. Those of the server itself
(`{{server.build.default.port}}`, `{{env.NAME}}`) are the Panel's to fill; what it left standing is filled here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rookery.protocol.problems import Invalid

_OF_SERVER = re.compile(r"\{\{((?:server|env)\.[\w.-]+)\}\}")
_PLACEHOLDER = re.compile(r"\{\{\s?config\.([\w.-]+)\s?\}\}")
_REACHABLE = {"docker.interface", "docker.network.interface"}


class UnreadableFile(Invalid):
    """The file is not of the kind its egg says; it stays untouched."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One replacement: `value` keeps its JSON type; `condition` is the wire's `if_value`."""

    match: str
    value: Any
    condition: str | None = None

    @property
    def text(self) -> str:
        """The value as text, in the wire's spelling."""
        return text_of(self.value)


@dataclass(frozen=True, slots=True)
class FileRules:
    """All replacements for one file."""

    file: str
    parser: str
    rules: tuple[Rule, ...]
    create: bool = True


def text_of(value: Any) -> str:
    """A JSON value as text: null and structures have the spelling servers have always been given."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case int() | float():
            return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        case _:
            return "<invalid>"


def read_rules(entry: Mapping[str, Any], *, interface: str, values: Mapping[str, str]) -> FileRules | None:
    """The rules of one `configs` entry, placeholders filled in; None when it names no file.

    `values` are those of the server by name, such as `server.build.default.port`.
    """
    file = entry.get("file")
    if not isinstance(file, str) or not file:
        return None
    parser = entry.get("parser")
    replace = entry.get("replace")
    rules = []
    for item in replace if isinstance(replace, list) else ():
        if not isinstance(item, Mapping):
            continue
        value = item["replace_with"] if "replace_with" in item else item.get("value")
        if isinstance(value, str):
            value = _OF_SERVER.sub(lambda match: values.get(match[1], match[0]), value)
            value = value if parser == "file" else _filled(value, interface)
        condition = item.get("if_value")
        rules.append(
            Rule(
                match=str(item.get("match", "")),
                value=value,
                condition=None if condition in (None, "") else text_of(condition),
            )
        )
    return FileRules(file, str(parser), tuple(rules), create=entry.get("create_file") is not False)


def _filled(value: str, interface: str) -> str:
    found = _PLACEHOLDER.findall(value)
    if found and not any(path in _REACHABLE for path in found):
        return ""
    return _PLACEHOLDER.sub(lambda match: interface if match[1] in _REACHABLE else "", value)
