"""Parser `xml`: texts and attributes of elements, found by dotted paths with `*` and `[@name='x']`."""

import re
from collections.abc import Sequence

from lxml import etree

from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile

_ATTRIBUTE = re.compile(r"^\[([\w]+)='(.*)'\]$", re.DOTALL)
_STEP = re.compile(r"^(?P<name>\*|[\w:-]+)(?:\[@(?P<key>[\w:-]+)=(?P<quote>['\"])(?P<value>.*)(?P=quote)\])?$")
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def edit(text: str, rules: Sequence[Rule]) -> str:
    """The document with its values set, indented by two; missing elements are made unless the path has a `*`.

    Raises:
        UnreadableFile: the text is no XML, or a path is not understood.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    declared = text.lstrip("\ufeff \r\n\t").startswith("<?xml")
    if text.strip():
        try:
            root = etree.fromstring(text.encode(), parser)
        except etree.XMLSyntaxError as err:
            raise UnreadableFile(f"The file is not readable as XML: {err}") from err
    else:
        if not rules:
            return text
        root, declared = etree.Element(_steps(rules[0].match)[0]["name"]), True
    for rule in rules:
        _apply(root, rule)
    etree.indent(root, space="  ")
    before = [
        etree.tostring(node, encoding="unicode", with_tail=False)
        for node in reversed(list(root.itersiblings(preceding=True)))
    ]
    after = [etree.tostring(node, encoding="unicode", with_tail=False) for node in root.itersiblings()]
    document = "\n".join([*before, etree.tostring(root, encoding="unicode", with_tail=False), *after])
    declaration = _DECLARATION if declared else ""
    if declared and text.strip():
        declaration = text.split("?>", 1)[0].strip() + "?>\n"
    return declaration + document.rstrip("\n") + "\n"


def _steps(match: str) -> list[dict[str, str]]:
    parts = re.findall(r"(?:[^.\[]|\[[^\]]*\])+", match)
    found = []
    for part in parts:
        step = _STEP.match(part)
        if step is None:
            raise UnreadableFile(f"The path {match} is not understood.")
        found.append(step.groupdict(default=""))
    return found


def _apply(root: etree._Element, rule: Rule) -> None:
    first, *steps = _steps(rule.match)
    here = [root] if first["name"] in ("*", root.tag) else []
    wild = any(step["name"] == "*" for step in (first, *steps))
    if not here and not wild:
        here = [root]
        steps = [first, *steps] if first["name"] != root.tag else steps
    for step in steps:
        here = _next(here, step, make=not wild)
    attribute = _ATTRIBUTE.match(rule.text)
    for element in here:
        if attribute:
            element.set(attribute[1], attribute[2])
        else:
            element.text = rule.text


def _next(elements: list[etree._Element], step: dict[str, str], *, make: bool) -> list[etree._Element]:
    found = []
    for element in elements:
        inner = [
            child
            for child in element
            if isinstance(child.tag, str)
            and step["name"] in ("*", child.tag)
            and (not step["key"] or child.get(step["key"]) == step["value"])
        ]
        if not inner and make:
            child = etree.SubElement(element, step["name"])
            if step["key"]:
                child.set(step["key"], step["value"])
            inner = [child]
        found += inner
    return found
