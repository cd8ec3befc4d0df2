"""The command hands each half its own words and loads no half for the other's sake."""

import subprocess
import sys

import pytest

from rookery.cli.app import dispatch


def test_without_words_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch([]) == 0
    assert "rookery" in capsys.readouterr().out


def test_an_unknown_command_is_named_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["fly"]) == 2
    assert "'fly'" in capsys.readouterr().err


def test_the_node_is_run_without_the_libraries_of_the_panel() -> None:
    program = (
        "import sys, contextlib\n"
        "from rookery.cli.app import dispatch\n"
        "with contextlib.suppress(SystemExit): dispatch(['wings', 'run', '--config', '/nowhere/config.yml'])\n"
        "print(sorted({'pydantic', 'fastapi', 'sqlalchemy', 'typer', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
