"""Writes `node.md` from the daemon's code: `python docs/reference/node.py`.

What it lists is also what the tests compare with the contract of the original daemon.
"""

import argparse
import asyncio
import dataclasses
import tempfile
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rookery.wings.cli import command_line
from rookery.wings.config import Config, ConfigFile
from rookery.wings.events import EventName
from rookery.wings.http.app import build
from rookery.wings.http.console import CONTROL, INCOMING
from rookery.wings.runtime.fake import FakeRuntime

HEAD = """# The node: routes, events, keys, flags

Everything the daemon answers to. Nodes of Pterodactyl 1.11 have all of it but what is marked as ours; a `config.yml` of
theirs is read as it is. `GET /metrics` is for Prometheus and takes the node's token or `rookery.metrics_token`;
`GET /health` needs none.

"""


def routes() -> list[str]:
    """Method and path of every route, sorted."""

    async def found() -> list[str]:
        from rookery.wings.app import Wings

        with tempfile.TemporaryDirectory() as folder:
            config = Config()
            config = dataclasses.replace(config, system=dataclasses.replace(config.system, root_directory=folder))
            wings = Wings(ConfigFile(Path(folder, "config.yml"), config), FakeRuntime({}))
            app, _ = build(wings.registry)
            every = [f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource]
            await wings.node.panel.close()
        return sorted(name for name in every if not name.startswith("*"))

    return asyncio.run(found())


def keys(kind: Any = Config, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of the configuration with its default; `*` stands for any name."""
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        name, hint = f"{path}{item.name}", hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from keys(hint, f"{name}.")
            continue
        if typing.get_origin(hint) is not None and issubclass(typing.get_origin(hint), Mapping):
            inner = typing.get_args(hint)[1]
            if dataclasses.is_dataclass(inner):
                yield from keys(inner, f"{name}.*.")
                continue
        default = item.default if item.default is not dataclasses.MISSING else item.default_factory()  # type: ignore[misc]
        yield name, dict(default) if isinstance(default, Mapping) else default


def flags() -> list[str]:
    """Every command with each of its flags."""
    found = []
    for action in command_line()._actions:  # noqa: SLF001 - argparse has no other way
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        for name, parser in action.choices.items():
            found.append(name)
            found += [
                f"{name} {flag}"
                for option in parser._actions  # noqa: SLF001
                for flag in option.option_strings
                if flag not in ("-h", "--help")
            ]
    return sorted(found)


def events() -> tuple[list[str], list[str]]:
    """What a viewer may send, and what it receives."""
    return sorted(INCOMING), sorted({*CONTROL, *map(str, EventName)})


def text() -> str:
    """The whole page."""
    incoming, outgoing = events()
    shown = [
        ("Routes", [f"| `{name}` |" for name in routes()], ("method and path",)),
        ("Events a viewer sends", [f"| `{name}` |" for name in incoming], ("event",)),
        ("Events a viewer receives", [f"| `{name}` |" for name in outgoing], ("event",)),
        (
            "Keys of config.yml",
            [f"| `{name}` | `{default!r}` |" if default != "" else f"| `{name}` | |" for name, default in keys()],
            ("key", "default"),
        ),
        ("Commands of `rookery wings` and their flags", [f"| `{name}` |" for name in flags()], ("command and flag",)),
    ]
    pages = []
    for title, rows, columns in shown:
        head = f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
        pages.append(f"## {title}\n\n{head}" + "\n".join(rows) + "\n")
    return HEAD + "\n".join(pages)


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(text())
