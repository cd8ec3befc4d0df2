"""Parsers `json` and `yaml`: text to tree, rules, and back in the wire's layout."""

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from rookery.wings.servers.eggfiles import trees
from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def edit_json(text: str, rules: Sequence[Rule]) -> str:
    """JSON with four spaces of indentation, keys in order and `<`, `>`, `&` escaped.

    Raises:
        UnreadableFile: the text is no JSON, or a rule does not fit it.
    """
    try:
        tree = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise UnreadableFile(f"The file is not readable as JSON: {err}") from err
    if not isinstance(tree, dict | list):
        raise UnreadableFile("The JSON file holds a single value.")
    out = json.dumps(trees.sorted_tree(trees.edit(tree, rules)), indent=4, ensure_ascii=False)
    for character, escape in _ESCAPES.items():
        out = out.replace(character, escape)
    return out


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def edit_yaml(text: str, rules: Sequence[Rule]) -> str:
    """YAML with four spaces of indentation, sequences under their key, keys in order.

    Raises:
        UnreadableFile: the text is no YAML mapping, or a rule does not fit it.
    """
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise UnreadableFile(f"The file is not readable as YAML: {err}") from err
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise UnreadableFile("The YAML file is not a mapping.")
    out = io.StringIO()
    _writer().dump(trees.sorted_tree(trees.edit(tree, rules)), out)
    return out.getvalue()


class _Loader(yaml.SafeLoader):
    """Types as YAML 1.2 has them: only `true` and `false` are truth values, times and `12:30` stay text."""


_TYPES = {
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:int": (
        r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+",
        "-+0123456789",
    ),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in {*_TYPES, "tag:yaml.org,2002:timestamp"}]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _first) in _TYPES.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))


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
    writer: Any = YAML(typ="safe", pure=True)
    writer.Representer = Representer
    writer.indent(mapping=4, sequence=6, offset=4)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 1 << 20
    writer.sort_base_mapping_type_on_output = False
    return writer


def _looks_typed(value: str) -> bool:
    loader: Any = yaml.SafeLoader("")
    return bool(loader.resolve(yaml.ScalarNode, value, (True, False)) != "tag:yaml.org,2002:str")
