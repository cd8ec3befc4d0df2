"""Parser `file`: whole lines replaced by their beginning."""

from collections.abc import Sequence

from rookery.wings.servers.eggfiles.rules import Rule


def edit(text: str, rules: Sequence[Rule]) -> str:
    """Each line that starts with a rule's `match` becomes the rule's value; several matches stand one after another.

    Other lines stay; the text ends with a line end. Nothing is added for a rule that matches no line.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    edited = []
    for line in lines:
        values = [rule.text for rule in rules if line.startswith(rule.match)]
        edited.append("".join(values) if values else line)
    return "".join(f"{line}\n" for line in edited)
