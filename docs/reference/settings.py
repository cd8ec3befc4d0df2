"""Writes `settings.md` from the Panel's settings: `python docs/reference/settings.py`."""

import ast
import inspect
from pathlib import Path

from rookery.panel import settings

HEAD = """# Settings of the Panel

Environment variables, read once at start. `rookery up` sets `ROOKERY_HOME`, `ROOKERY_URL` and `ROOKERY_PANEL_LISTEN`
itself and passes the others on. The node's settings are the keys of its `config.yml`.

| variable | default | |
| --- | --- | --- |
"""


def rows() -> list[tuple[str, str, str]]:
    """Variable, default and meaning of every setting, in their order."""
    tree = ast.parse(inspect.getsource(settings.PanelSettings)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = []
    for field, following in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        name = field.target.id
        meaning = following.value.value if isinstance(following, ast.Expr) else ""  # type: ignore[attr-defined]
        default = settings.PanelSettings.model_fields[name].default
        shown = "" if default in ("", None) else f"`{default}`"
        found.append((f"ROOKERY_{name.upper()}", shown, " ".join(str(meaning).split()).replace("|", "\\|")))
    return found


def text() -> str:
    """The whole page."""
    return HEAD + "".join(f"| `{name}` | {default} | {meaning} |\n" for name, default, meaning in rows())


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(text())
