"""Parser `ini`: sections of keys, written aligned as servers have always found them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile


@dataclass(slots=True)
class _Section:
    name: str
    comments: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)


def edit(text: str, rules: Sequence[Rule]) -> str:
    """The file with its keys set; missing sections and keys are made, comments above an item stay with it.

    Raises:
        UnreadableFile: a line has no `=` or `:`.
    """
    sections = _read(text)
    for rule in rules:
        name, key = split_match(rule.match)
        section = sections.setdefault(name, _Section(name))
        section.values[key] = rule.text
    return _written(list(sections.values()))


def split_match(match: str) -> tuple[str, str]:
    """Section and key of a rule: the first dot outside square brackets parts them."""
    depth = 0
    for at, character in enumerate(match):
        if character == "[":
            depth += 1
        elif character == "]":
            depth = max(depth - 1, 0)
        elif character == "." and depth == 0:
            return match[:at].strip("[]") if match.startswith("[") else match[:at], match[at + 1 :]
    return "", match


def _read(text: str) -> dict[str, _Section]:
    sections = {"": _Section("")}
    here, comments = sections[""], []
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.strip()
        if not line:
            continue
        if line[0] in ";#":
            comments.append(line)
        elif line.startswith("["):
            end = line.rfind("]")
            if end < 0:
                raise UnreadableFile("A section of the ini file is not closed.")
            here = sections.setdefault(line[1:end].strip(), _Section(line[1:end].strip()))
            here.comments += comments
            comments = []
        else:
            while line.endswith("\\"):
                line = line[:-1] + next(lines, "").strip()
            key, value = _pair(line)
            here.values[key] = value
            if comments:
                here.notes[key] = comments
                comments = []
    return sections


def _pair(line: str) -> tuple[str, str]:
    cuts = [at for at in (line.find("="), line.find(":")) if at >= 0]
    if not cuts:
        raise UnreadableFile(f"A line of the ini file has no = or : in it: {line[:80]}")
    key, value = line[: min(cuts)].strip(), line[min(cuts) + 1 :].strip()
    return key.strip('"'), _bare(value)


def _bare(value: str) -> str:
    for quote in ('"""', '"', "'", "`"):
        if value.startswith(quote):
            end = value.find(quote, len(quote))
            if end > 0 or (end == len(quote) and value == quote * 2):
                return value[len(quote) : end]
    for mark in (" ;", " #", "\t;", "\t#"):
        at = value.find(mark)
        if at >= 0:
            value = value[:at].rstrip()
    return value


def _written(sections: list[_Section]) -> str:
    blocks = []
    for section in sections:
        if not section.values and not section.name:
            continue
        lines = [*section.comments, f"[{section.name}]"] if section.name else []
        width = max((len(_key(key)) for key in section.values), default=0)
        for key, value in section.values.items():
            lines += section.notes.get(key, [])
            lines.append(f"{_key(key):<{width}} = {_quoted(value)}".rstrip())
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _key(key: str) -> str:
    return f"`{key}`" if '"' in key or "=" in key or ":" in key else key


def _quoted(value: str) -> str:
    if "\n" in value or "`" in value:
        return f'"""{value}"""'
    if ";" in value or "#" in value:
        return f"`{value}`"
    return f'"{value}"' if value != value.strip() else value
