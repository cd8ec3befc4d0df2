"""`rookery status`: what of an instance runs, where, and whether it answers."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rookery.cli import instance, plan
from rookery.cli.instance import Half
from rookery.cli.plan import Address
from rookery.cli.trouble import reported

STOPPED = 3
"""Exit status when it does not run, as service managers have it."""


def main(argv: Sequence[str]) -> int:
    """The exit status of `rookery status`."""
    parser = argparse.ArgumentParser(
        prog="rookery status", description="Show what runs on this machine; exit status 0 when both halves answer."
    )
    plan.add_home(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines for people")
    arguments = parser.parse_args(argv)
    home = plan.home_of(arguments.home, os.environ)
    return reported("status", lambda: show(home, as_json=arguments.json))


def show(home: Path, *, as_json: bool = False) -> int:
    """Print how the instance in `home` is; 0 both answer, 1 one does not, 3 it does not run."""
    found = look(home)
    if as_json:
        print(json.dumps(found))
    else:
        print_for_people(found)
    if not found["running"]:
        return STOPPED
    return 0 if all(found[name] and found[name]["answers"] for name in ("panel", "wings")) else 1


def look(home: Path) -> dict[str, Any]:
    """How the instance is: `{home, running, pid, panel, wings}`; a half is null or its note and `answers`."""
    running = instance.Lock(home).is_held()
    note = instance.read(home) if running else None
    wanted = plan.plan(home, {}, plan.kept_in(home), outward="127.0.0.1")
    return {
        "home": str(home),
        "running": running,
        "pid": note.pid if note else None,
        "panel": _half(note.panel, wanted.panel, instance.PANEL_PATH) if note else None,
        "wings": _half(note.wings, wanted.wings, instance.WINGS_PATH) if note else None,
    }


def _half(half: Half | None, address: Address, path: str) -> dict[str, Any] | None:
    return asdict(half) | {"answers": instance.answers(address, path)} if half else None


def print_for_people(found: dict[str, Any]) -> None:
    """One line per half."""
    if not found["running"]:
        print(f"Rookery does not run in {found['home']}.")
        return
    for name, shown in (("panel", "Panel"), ("wings", "node ")):
        half = found[name]
        state = "is down" if half is None else "answers" if half["answers"] else "does not answer"
        where = f"at {half['url']}, process {half['pid']}" if half else ""
        print(f"{shown}  {state} {where}".rstrip())
    print(f"files  {found['home']}")
