"""Write an egg's settings into a server's files before it starts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from rookery.protocol.problems import NotFound, Problem
from rookery.wings.files.volume import Volume
from rookery.wings.servers.eggfiles import formats, ini, plain, properties
from rookery.wings.servers.eggfiles.rules import FileRules, Rule, read_rules

log = structlog.get_logger()
SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes of a settings file that is still edited."""


def _xml(text: str, rules: Sequence[Rule]) -> str:
    from rookery.wings.servers.eggfiles import xml

    return xml.edit(text, rules)


EDITORS: dict[str, Callable[[str, Sequence[Rule]], str]] = {
    "file": plain.edit,
    "properties": properties.edit,
    "ini": ini.edit,
    "json": formats.edit_json,
    "yaml": formats.edit_yaml,
    "yml": formats.edit_yaml,
    "xml": _xml,
}


def write_all(volume: Volume, entries: Iterable[Mapping[str, Any]], *, interface: str) -> list[str]:
    """Apply all entries, file by file in order; one that fails leaves its file as it was and the others go on.

    The sentences of what failed are returned. Blocking.
    """
    failures = []
    for entry in entries:
        rules = read_rules(entry, interface=interface)
        if rules is None:
            continue
        try:
            _write_one(volume, rules)
        except (Problem, OSError, UnicodeDecodeError) as err:
            log.warning("a settings file was left as it is", file=rules.file, reason=str(err))
            failures.append(f"{rules.file}: {err}")
    return failures


def _write_one(volume: Volume, rules: FileRules) -> None:
    try:
        text = volume.read(rules.file, most=SIZE_LIMIT).decode()
    except NotFound:
        if not rules.create:
            return
        volume.write(rules.file, b"")
        text = ""
    edit = EDITORS.get(rules.parser)
    if edit is None:
        return
    edited = edit(text, rules.rules)
    if edited != text:
        volume.write(rules.file, edited.encode())
