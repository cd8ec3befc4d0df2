"""The manual names every setting, command and option there is."""

import runpy
from pathlib import Path

import pytest

from rookery.cli.app import COMMANDS
from rookery.cli.plan import OPTIONS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_of_settings_is_what_the_code_says() -> None:
    made = runpy.run_path(str(REFERENCE / "settings.py"))["text"]()
    assert (REFERENCE / "settings.md").read_text() == made, "run: python docs/reference/settings.py"


def test_the_page_of_the_node_is_what_the_code_says() -> None:
    made = runpy.run_path(str(REFERENCE / "node.py"))["text"]()
    assert (REFERENCE / "node.md").read_text() == made, "run: python docs/reference/node.py"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_of_up_is_in_the_manual_with_its_variable_and_default(option: object) -> None:
    row = next(
        line
        for line in (REFERENCE / "commands.md").read_text().splitlines()
        if line.startswith(f"| `{option.flag} ")  # type: ignore[attr-defined]
    )
    assert f"`{option.variable}`" in row  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_manual(command: str) -> None:
    assert f"rookery {command}" in (REFERENCE / "commands.md").read_text()


def test_every_bundled_egg_is_in_the_manual() -> None:
    import json

    from rookery.cli.prepare import BUNDLED

    page = (REFERENCE / "eggs.md").read_text()
    for path in BUNDLED.glob("*/*.json"):
        assert json.loads(path.read_text())["name"] in page
