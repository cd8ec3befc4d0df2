"""Parsers `json`, `yaml` and `toml`: text to tree, rules, and back in the wire's layout."""

import io
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
    out = io.StringIO()
    _writer().dump(trees.sorted_tree(trees.edit(tree, rules)), out)
    return out.getvalue()


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


def _writer() -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """Texts that other readers would take for numbers or truth values are quoted; no anchors are made."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            """Write equal things out each time."""
            return True

    def text(representer: Any, value: str) -> Any:
        style = '"' if _looks_typed(value) else "|" if "\n" in value else None
        return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def nothing(representer: Any, _value: None) -> Any:
        return representer.represent_scalar("tag:yaml.org,2002:null", "null")

    Representer.add_representer(str, text)
    Representer.add_representer(type(None), nothing)
    writer = YAML(typ="safe", pure=True)
    writer.Representer = Representer
    writer.indent(mapping=4, sequence=6, offset=4)
    writer.default_flow_style = False  # type: ignore[assignment]  # the library types it too narrowly
    writer.allow_unicode = True
    writer.width = 1 << 20
    writer.sort_base_mapping_type_on_output = False
    return writer


def _looks_typed(value: str) -> bool:
    loader: Any = yaml.SafeLoader("")
    return bool(loader.resolve(yaml.ScalarNode, value, (True, False)) != "tag:yaml.org,2002:str")
