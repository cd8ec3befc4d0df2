"""Parser `xml`: texts and attributes of elements, found by dotted paths with `*` and `[@name='x']`."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from rookery.wings.servers.eggfiles.rules import Rule, UnreadableFile

_ATTRIBUTE = re.compile(r"^\[([\w]+)='(.*)'\]$", re.DOTALL)
_STEP = re.compile(r"^(?P<name>\*|[\w:-]+)(?P<predicates>(?:\[[^\]]*\])*)$")
_PREDICATE = re.compile(
    r"""\[(?:(?P<index>[0-9]{1,6})|(?P<key>@?[\w:-]+)(?:=(?P<quote>['"])(?P<value>.*?)(?P=quote))?)\]"""
)
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding=["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARES_ENTITIES = re.compile(r"<!DOCTYPE[^>\[]*\[")
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def edit(text: str, rules: Sequence[Rule]) -> str:
    """The document with its values set, indented by two; missing elements are made unless the path has a `*`.

    Raises:
        UnreadableFile: the text is no XML, or a path is not understood.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    text = text.lstrip("\ufeff \r\n\t")
    declared = text.startswith("<?xml")
    if _DECLARES_ENTITIES.search(text):
        raise UnreadableFile("The XML file declares entities of its own.")
    if text.strip():
        try:
            # The text is decoded already: the encoding it declares must not count a second time.
            root = etree.fromstring((text.partition("?>")[2] if declared else text).encode(), parser)
        except (etree.XMLSyntaxError, ValueError) as err:
            raise UnreadableFile(f"The file is not readable as XML: {err}") from err
    else:
        if not rules:
            return text
        root, declared = etree.Element(_steps(rules[0].match)[0].name), True
    for rule in rules:
        _apply(root, rule)
    etree.indent(root, space="  ")
    before = [
        etree.tostring(node, encoding="unicode", with_tail=False)
        for node in reversed(list(root.itersiblings(preceding=True)))
    ]
    after = [etree.tostring(node, encoding="unicode", with_tail=False) for node in root.itersiblings()]
    about: Any = root.getroottree().docinfo
    if about.doctype:
        before.insert(0, about.doctype)
    document = "\n".join([*before, etree.tostring(root, encoding="unicode", with_tail=False), *after])
    declaration = _DECLARATION if declared else ""
    if declared and text.strip():
        declaration = text.split("?>", 1)[0].strip() + "?>\n"
    return declaration + document.rstrip("\n") + "\n"


def encoding_of(raw: bytes) -> str:
    """The encoding a document declares, UTF-8 without a declaration.

    Raises:
        UnreadableFile: it declares one that is not known.
    """
    found = _ENCODING.search(raw[:1024])
    name = found[1].decode() if found else "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError as err:
        raise UnreadableFile(f"The encoding {name} of the XML file is not known.") from err


@dataclass(frozen=True, slots=True)
class _Test:
    """One predicate: the place among its like, an attribute or a child, with or without a value."""

    index: int = 0
    key: str = ""
    value: str | None = None

    def holds(self, element: etree._Element) -> bool:
        if self.key.startswith("@"):
            found = element.get(self.key[1:])
            return found is not None and self.value in (None, found)
        return any(child.tag == self.key and self.value in (None, child.text or "") for child in element)


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    tests: tuple[_Test, ...] = ()

    def chosen(self, elements: list[etree._Element]) -> list[etree._Element]:
        found = [e for e in elements if isinstance(e.tag, str) and self.name in ("*", e.tag)]
        for test in self.tests:
            found = found[test.index - 1 : test.index] if test.index else [e for e in found if test.holds(e)]
        return found

    def made(self, parent: etree._Element) -> etree._Element:
        """A new element that the step would choose."""
        element = etree.SubElement(parent, self.name)
        for test in self.tests:
            if test.key.startswith("@"):
                element.set(test.key[1:], test.value or "")
            elif test.key:
                etree.SubElement(element, test.key).text = test.value
        return element


def _steps(match: str) -> list[_Step]:
    return [_step(part, match) for part in re.findall(r"(?:[^.\[]|\[[^\]]*\])+", match)] or [_step("", match)]


def _step(part: str, match: str) -> _Step:
    found = _STEP.match(part)
    predicates = found["predicates"] if found else ""
    tests = list(_PREDICATE.finditer(predicates))
    if found is None or sum(len(test[0]) for test in tests) != len(predicates):
        raise UnreadableFile(f"The path {match} is not understood.")
    return _Step(found["name"], tuple(_Test(int(t["index"] or 0), t["key"] or "", t["value"]) for t in tests))


def _apply(root: etree._Element, rule: Rule) -> None:
    first, *steps = _steps(rule.match)
    here = first.chosen([root])
    wild = any(step.name == "*" for step in (first, *steps))
    if not here and not wild:
        here = [root]
        steps = [first, *steps] if first.name != root.tag else steps
    for step in steps:
        here = _next(here, step, make=not wild)
    attribute = _ATTRIBUTE.match(rule.text)
    for element in here:
        if attribute:
            element.set(attribute[1], attribute[2])
        else:
            element.text = rule.text


def _next(elements: list[etree._Element], step: _Step, *, make: bool) -> list[etree._Element]:
    found = []
    for element in elements:
        inner = step.chosen(list(element))
        found += inner or ([step.made(element)] if make else [])
    return found
