"""Parsers `json`, `yaml` and `toml`: text to tree, rules, and back in the wire's layout."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from rookery.wings.servers.eggfiles import trees
from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile


def edit_json(text: str, rules: Sequence[Rule]) -> str:
    """JSON with four spaces of indentation, keys in order and `<`, `>`, `&` escaped.

    Raises:
        UnreadableFile: the text is no JSON, or a rule does not fit it.
    """
    try:
        tree = json.loads(text)
    except ValueError as err:
        raise UnreadableFile(f"The file is not readable as JSON: {err}") from err
    if not isinstance(tree, dict | list):
        raise UnreadableFile("The JSON file holds a single value.")
    out = json.dumps(_plain(trees.sorted_tree(trees.edit(tree, rules))), indent=4, ensure_ascii=False)
    return out.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def edit_yaml(text: str, rules: Sequence[Rule]) -> str:
    """YAML with four spaces of indentation, sequences under their key, keys in order.

    Raises:
        UnreadableFile: the text is no YAML mapping, or a rule does not fit it.
    """
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as err:
        raise UnreadableFile(f"The file is not readable as YAML: {err}") from err
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise UnreadableFile("The YAML file is not a mapping.")
    edited = trees.sorted_tree(trees.edit(tree, rules))
    return yaml.dump(
        edited, Dumper=_Dumper, indent=4, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1 << 20
    )


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    return int(tree) if isinstance(tree, float) and tree.is_integer() and abs(tree) < 1e21 else tree


class _Loader(yaml.SafeLoader):
    """Only `true` and `false` are truth values, as in YAML 1.2; times stay text."""


_LOADED = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in _LOADED]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", __import__("re").compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class _Dumper(yaml.SafeDumper):
    """Sequences are indented under their key, and no anchors are made."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """See the base class; lists are never flush with their key."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write equal things out each time."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = '"' if yaml.SafeDumper.yaml_implicit_resolvers and _looks_typed(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style or ("|" if "\n" in value else None))


def _looks_typed(value: str) -> bool:
    loader: Any = yaml.SafeLoader("")
    return bool(loader.resolve(yaml.ScalarNode, value, (True, False)) != "tag:yaml.org,2002:str")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))
