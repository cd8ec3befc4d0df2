"""Rules on trees of objects and lists: what `json`, `yaml` and `toml` files have in common.

`if_value` works as eggs mean it: the path must exist, a literal must be equal, and `regex:` replaces every match inside
the old text, with `$1` groups.
"""

import re
from collections.abc import Sequence
from typing import Any

from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_INDEX = re.compile(r"[0-9]{1,9}")
_INDEXED = re.compile(r"^(?P<name>.+?)\[(?P<index>[0-9]{1,9})\](?:\.(?P<rest>.+))?$")
_DEEPEST, _MOST_VALUES = 200, 2_000_000
_EXACT = 1e21
Tree = Any


def edit(tree: Tree, rules: Sequence[Rule]) -> Tree:
    """The tree with all rules applied; the one passed in is changed.

    Raises:
        UnreadableFile: a rule's path runs into a value that is no object or list.
    """
    for rule in rules:
        if wild := re.match(r"^(?:(?P<head>.*?)\.)?\*(?:\.(?P<tail>.*))?$", rule.match):
            _edit_children(tree, wild["head"] or "", wild["tail"] or "", rule)
        else:
            _edit_path(tree, rule.match, rule)
    return tree


def _edit_children(tree: Tree, head: str, tail: str, rule: Rule) -> None:
    parent = _find(tree, _segments(head)) if head else (True, tree)
    if not parent[0]:
        return
    children = parent[1]
    keys = list(children) if isinstance(children, dict) else range(len(children)) if isinstance(children, list) else []
    for key in keys:
        if children[key] is None:
            continue
        if not tail:
            _assign(children, key, rule)
        elif isinstance(children[key], dict | list):
            _edit_path(children[key], tail, rule)


def _edit_path(tree: Tree, path: str, rule: Rule) -> None:
    if indexed := _INDEXED.match(path):
        _edit_element(tree, indexed["name"], int(indexed["index"]), indexed["rest"], rule)
        return
    *parents, last = _segments(path)
    if rule.condition is not None and not _find(tree, [*parents, last])[0]:
        return
    _assign(_made(tree, parents), last, rule)


def _edit_element(tree: Tree, name: str, index: int, rest: str | None, rule: Rule) -> None:
    exists, found = _find(tree, _segments(name))
    if not exists or found is None:
        if rule.condition is not None:
            return
        if index != 0:
            raise UnreadableFile(f"The list {name} has no element {index}.")
        *parents, last = _segments(name)
        found = []
        _put(_made(tree, parents), last, found)
    if not isinstance(found, list):
        raise UnreadableFile(f"{name} is not a list.")
    if index >= len(found):
        if index != 0 or rule.condition is not None:
            raise UnreadableFile(f"The list {name} has no element {index}.")
        found.append({} if rest else None)
    if rest:
        _edit_path(found[index], rest, rule)
    else:
        _assign(found, index, rule)


def _segments(path: str) -> list[str]:
    return [part.replace("~1", ".").replace("~0", "~") for part in path.split(".")]


def _find(tree: Tree, segments: Sequence[str]) -> tuple[bool, Tree]:
    here = tree
    for segment in segments:
        if isinstance(here, dict) and segment in here:
            here = here[segment]
        elif isinstance(here, list) and _INDEX.fullmatch(segment) and int(segment) < len(here):
            here = here[int(segment)]
        else:
            return False, None
    return True, here


def _made(tree: Tree, segments: Sequence[str]) -> Tree:
    here = tree
    for segment in segments:
        exists, inner = _find(here, [segment])
        if not exists or inner is None:
            inner = {}
            _put(here, segment, inner)
        here = inner
    return here


def _put(container: Tree, key: str | int, value: Tree) -> None:
    if isinstance(container, dict):
        container[str(key)] = value
    elif isinstance(container, list) and _INDEX.fullmatch(str(key)) and int(key) < len(container):
        container[int(key)] = value
    else:
        raise UnreadableFile(f"The path runs into a value at {key}.")


def _assign(container: Tree, key: str | int, rule: Rule) -> None:
    if rule.condition is None:
        _put(container, key, typed(rule.value))
        return
    exists, old = _find(container, [str(key)])
    if not exists:
        return
    if rule.condition.startswith("regex:"):
        if isinstance(old, str | int | float) and not isinstance(old, bool):
            _put(container, key, _replaced(rule.condition.removeprefix("regex:"), rule.text, str(old)))
    elif text_equals(old, rule.condition):
        _put(container, key, typed(rule.value))


def _replaced(pattern: str, value: str, old: str) -> str:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        return old
    template = re.sub(r"\$\{?(\d)\}?", r"\\\1", value.replace("\\", "\\\\"))
    replaced: str = compiled.sub(template, old)
    return replaced


def text_equals(value: Tree, text: str) -> bool:
    """Whether a value of the tree reads as `text`."""
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    return not isinstance(value, dict | list) and value is not None and str(value) == text


def typed(value: Tree) -> Tree:
    """A rule's value as it goes into a tree: truth values stay, text that is a whole number becomes one."""
    if isinstance(value, bool):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    if isinstance(value, dict | list):
        return "<invalid>"
    text = str(value)
    return int(text) if _INTEGER.fullmatch(text) else text


def sorted_tree(tree: Tree) -> Tree:
    """The tree with the keys of all objects in order and as text; numbers without a fraction are whole.

    Raises:
        UnreadableFile: it is too deep, or too large once everything that is shared in it is written out.
    """
    left = _MOST_VALUES

    def ordered(value: Tree, depth: int) -> Tree:
        nonlocal left
        left -= 1
        if left < 0 or depth > _DEEPEST:
            raise UnreadableFile("The file holds too much, or nests too deeply.")
        if isinstance(value, dict):
            by_text = {_key(key): inner for key, inner in value.items()}
            return {key: ordered(by_text[key], depth + 1) for key in sorted(by_text)}
        if isinstance(value, list):
            return [ordered(item, depth + 1) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value

    return ordered(tree, 0)


def _key(key: Tree) -> str:
    if key is None:
        return "null"
    return ("true" if key else "false") if isinstance(key, bool) else str(key)
