"""Check a request's inputs against a table of rules and keep what passed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rookery.panel.validation.messages import message
from rookery.panel.validation.rules import Rule, check, parse
from rookery.protocol.problems import Problem

Inputs = dict[str, Any]
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken rule: the dotted field, the rule's name (empty for hand-made checks) and a sentence."""

    field: str
    rule: str
    detail: str


class ValidationFailed(Problem):
    """Inputs break rules; all of them are listed."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__(failures[0].detail if failures else "The inputs are not valid.")
        self.failures = failures


@dataclass(slots=True)
class Checker:
    """Collects failures, so that hand-made checks can join those of the rules."""

    inputs: Inputs
    failures: list[Failure] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)

    def check(self, rules: Mapping[str, str]) -> "Checker":
        """Check the fields named by dotted paths; `*` stands for every element of a list."""
        for path, text in rules.items():
            parsed = parse(text)
            for name, value in expand(self.inputs, path.split(".")):
                self._order.setdefault(name, len(self._order))
                present = value is not _MISSING
                if not present and any(rule.name == "sometimes" for rule in parsed):
                    continue
                broken = check(None if not present else value, parsed, present=present)
                numeric = any(rule.name in ("numeric", "integer") for rule in parsed)
                for rule in broken:
                    self.fail(name, rule.name, message(name, rule, value, numeric=numeric))
        return self

    def fail(self, name: str, rule: str, detail: str) -> None:
        """Add a failure by hand."""
        self.failures.append(Failure(name, rule, detail))

    def has(self, name: str) -> bool:
        """Whether a field failed already."""
        return any(failure.field == name for failure in self.failures)

    def done(self) -> Inputs:
        """The inputs, when nothing failed.

        Raises:
            ValidationFailed: something did; failures come in the order of the fields' rules.
        """
        if self.failures:
            last = len(self._order)
            raise ValidationFailed(sorted(self.failures, key=lambda failure: self._order.get(failure.field, last)))
        return self.inputs


def validate(inputs: Inputs, rules: Mapping[str, str]) -> Inputs:
    """The inputs, when they keep all rules.

    Raises:
        ValidationFailed: they do not.
    """
    return Checker(inputs).check(rules).done()


def expand(inputs: Any, parts: list[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Concrete names and values of a dotted path; a missing last part yields one missing value."""
    head, *rest = parts
    if head == "*":
        items = enumerate(inputs) if isinstance(inputs, list) else inputs.items() if isinstance(inputs, dict) else ()
        for key, value in items:
            name = f"{prefix}{key}"
            if rest:
                yield from expand(value, rest, f"{name}.")
            else:
                yield name, value
        return
    if isinstance(inputs, dict):
        value = inputs.get(head, _MISSING)
    elif isinstance(inputs, list) and head.isdigit() and int(head) < len(inputs):
        value = inputs[int(head)]
    else:
        value = _MISSING
    if not rest:
        yield f"{prefix}{head}", value
    elif "*" in rest and not isinstance(value, list | dict):
        return
    else:
        yield from expand(value if value is not _MISSING else {}, rest, f"{prefix}{head}.")


def as_bool(value: Any) -> bool:
    """A validated truth value: `true`, `1` and `"1"` are true."""
    return value in (True, 1, "1")


__all__ = ["Checker", "Failure", "Inputs", "Rule", "ValidationFailed", "as_bool", "validate"]
