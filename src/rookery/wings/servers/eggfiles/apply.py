"""Write an egg's settings into a server's files before it starts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from rookery.protocol.problems import NotFound, Problem
from rookery.wings.files.volume import Volume
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.eggfiles import formats, ini, plain, properties
from rookery.wings.servers.eggfiles.rules import FileRules, Rule, read_rules, text_of

log = structlog.get_logger()
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Parser:
    """One kind of settings file: how its text is edited, how its bytes are text, and how large it may be."""

    edit: Callable[[str, Sequence[Rule]], str]
    encoding: Callable[[bytes], tuple[str, str]]
    """Codec and its error handler for the bytes of one file."""
    most: int
    """Bytes; larger files are left as they are."""


def _any_bytes(_raw: bytes) -> tuple[str, str]:
    """UTF-8, with whatever else is in the file carried along unchanged."""
    return "utf-8", "surrogateescape"


def _utf8(_raw: bytes) -> tuple[str, str]:
    return "utf-8", "strict"


def _utf8_or_latin1(raw: bytes) -> tuple[str, str]:
    """Property files were Latin-1 before Java 9."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "latin-1", "backslashreplace"
    return "utf-8", "strict"


def _declared(raw: bytes) -> tuple[str, str]:
    from rookery.wings.servers.eggfiles import xml

    return xml.encoding_of(raw), "xmlcharrefreplace"


def _edit_xml(text: str, rules: Sequence[Rule]) -> str:
    from rookery.wings.servers.eggfiles import xml

    return xml.edit(text, rules)


PARSERS: dict[str, Parser] = {
    "file": Parser(plain.edit, _any_bytes, 64 * _MIB),
    "properties": Parser(properties.edit, _utf8_or_latin1, 16 * _MIB),
    "ini": Parser(ini.edit, _any_bytes, 16 * _MIB),
    "json": Parser(formats.edit_json, _utf8, 16 * _MIB),
    "yaml": Parser(formats.edit_yaml, _utf8, 2 * _MIB),
    "xml": Parser(_edit_xml, _declared, 16 * _MIB),
}
PARSERS["yml"] = PARSERS["yaml"]
_SMALLEST = Parser(lambda text, _: text, _any_bytes, 0)
_NAMES_OF_LIMITS = (
    ("SERVER_MEMORY", "server.build.memory"),
    ("SERVER_IP", "server.build.default.ip"),
    ("SERVER_PORT", "server.build.default.port"),
)


def write_all(
    volume: Volume, entries: Iterable[Mapping[str, Any]], *, interface: str, values: Mapping[str, str] | None = None
) -> list[str]:
    """Apply all entries, file by file in order; one that fails leaves its file as it was and the others go on.

    `interface` is the address of the container network, `values` are the server's own by the names placeholders use.
    The sentences of what failed are returned. Blocking.
    """
    failures = []
    for entry in entries:
        rules = read_rules(entry, interface=interface, values=values or {})
        if rules is None:
            continue
        try:
            _write_one(volume, rules)
        except (Problem, OSError, ValueError, RecursionError) as err:
            log.warning("a settings file was left as it is", file=rules.file, reason=str(err))
            failures.append(f"{rules.file}: {err}")
    return failures


def _write_one(volume: Volume, rules: FileRules) -> None:
    parser = PARSERS.get(rules.parser)
    try:
        raw = volume.read(rules.file, most=(parser or _SMALLEST).most)
    except NotFound:
        if not rules.create:
            return
        volume.write(rules.file, b"")
        raw = b""
    if parser is None:
        return
    codec, errors = parser.encoding(raw)
    text = raw.decode(codec, "surrogateescape" if errors == "surrogateescape" else "strict")
    edited = parser.edit(text.removeprefix("\ufeff"), rules.rules).encode(codec, errors)
    if edited != raw:
        volume.write(rules.file, edited)


def values_of(server: ServerConfiguration) -> dict[str, str]:
    """What placeholders of the server itself stand for, in the spellings of eggs old and new."""
    build, allocations = server.build, server.allocations
    values = {
        "server.uuid": server.uuid,
        "server.build.memory": str(build.memory_limit),
        "server.build.swap": str(build.swap),
        "server.build.io": str(build.io_weight),
        "server.build.cpu": str(build.cpu_limit),
        "server.build.disk": str(build.disk_space),
        "server.build.threads": build.threads,
        "server.build.image": server.image,
        "server.build.default.ip": allocations.default_ip,
        "server.build.default.port": str(allocations.default_port),
        "server.allocations.default.ip": allocations.default_ip,
        "server.allocations.default.port": str(allocations.default_port),
    }
    variables = {name: text_of(value) for name, value in server.environment.items() if value is not None}
    variables |= {name: values[key] for name, key in _NAMES_OF_LIMITS}
    for prefix in ("env", "server.build.env", "server.environment"):
        values |= {f"{prefix}.{name}": value for name, value in variables.items()}
    return values
