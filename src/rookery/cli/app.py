"""The `rookery` command: hands each half its own words, and composes both for one machine.

`rookery wings …` and `rookery panel …` belong to the halves: everything after the first word goes to their own `main`,
and neither half is imported for the other's sake, so a node never pays for the Panel's libraries. The other commands
run both halves on this machine and are found in the modules beside this one.
"""

import importlib
import sys
from collections.abc import Sequence

USAGE = """\
Usage: rookery COMMAND [OPTIONS]

Everything on this machine:
  up        set up what is missing, then run Panel and node (Ctrl-C stops them, game servers keep running)
  down      stop what `rookery up --detach` started
  status    what runs, where, and whether it answers
  images    the container images of the bundled eggs: build them here, without a registry

The halves alone:
  panel     the web application: serve, migrate, user, key, egg, …
  wings     the node daemon: run, configure, …

  version   the version of this program

`rookery COMMAND --help` tells more about each."""

# Word → module whose `main(argv)` carries it out and gives the exit status (nothing means success).
COMMANDS = {
    "up": "rookery.cli.up",
    "down": "rookery.cli.down",
    "status": "rookery.cli.status",
    "images": "rookery.cli.images",
    "panel": "rookery.panel.cli",
    "wings": "rookery.wings.cli",
}


def run(argv: Sequence[str] | None = None) -> None:
    """Carry out one command line (by default this process's) and exit with its status."""
    words = list(sys.argv[1:] if argv is None else argv)
    sys.exit(dispatch(words))


def dispatch(words: list[str]) -> int:
    """The exit status of a command line given without the program's name; 2 when nobody knows the command."""
    match words:
        case [] | ["help" | "-h" | "--help", *_]:
            print(USAGE)
            return 0
        case ["version" | "-V" | "--version", *_]:
            from importlib.metadata import version

            print(f"rookery {version('rookery')}")
            return 0
        case [word, *rest] if word in COMMANDS:
            status: int | None = importlib.import_module(COMMANDS[word]).main(rest)
            return status or 0
        case _:
            print(f"rookery: there is no command {words[0]!r}; `rookery help` lists them.", file=sys.stderr)
            return 2
