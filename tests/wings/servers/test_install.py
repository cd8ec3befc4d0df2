"""Installations: the script's container, what viewers see, what is kept, and that the Panel always learns the outcome."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rookery.wings.activity import Activity
from rookery.wings.config import Config, ConfigFile, decode
from rookery.wings.events import Batch
from rookery.wings.panel.client import PanelClient
from rookery.wings.panel.reports import Reports
from rookery.wings.runtime.base import NoSuchContainer
from rookery.wings.runtime.fake import FakeRuntime, Process
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.install import install, reinstall
from rookery.wings.servers.node import Node
from rookery.wings.servers.server import Server
from rookery.wings.store import Store
from rookery.wings.tokens import Tokens

pytestmark = pytest.mark.anyio
UUID = "0d4a4a57-2b7c-4b41-9d3b-6a3c2f4a1e55"


def folder_of(process: Process, target: str) -> Path:
    return next(Path(bind.source) for bind in process.spec.binds if bind.target == target)


async def run_script(process: Process) -> int:
    """Stands in for a shell: `say WORDS`, `write NAME`, `exit CODE` and `hang`."""
    for line in (folder_of(process, "/mnt/install") / "install.sh").read_bytes().decode().split("\n"):
        word, _, rest = line.partition(" ")
        if word == "say":
            await process.say(rest)
        elif word == "write":
            (folder_of(process, "/mnt/server") / rest).write_text("made")
        elif word == "exit":
            return int(rest)
        elif word == "hang":
            await asyncio.Event().wait()
    return 0


@dataclass
class Scene:
    """One server on a node whose engine is in memory and whose Panel is a small real HTTP server."""

    server: Server
    runtime: FakeRuntime
    store: Store
    folder: Path
    script: Any
    status: int = 200
    seen: list[tuple[str, str]] = field(default_factory=list)

    def reports(self) -> list[Any]:
        bodies = []
        while owed := self.store.owed():  # one per server at a time
            bodies += [report.body for report in owed]
            for report in owed:
                self.store.settle(report)
        return bodies

    def names(self) -> list[str]:
        self.server.events.flush()
        return [name for name, _ in self.seen]

    def texts(self, name: str) -> list[str]:
        self.server.events.flush()
        return [text for seen, text in self.seen if seen == name]

    @property
    def log(self) -> Path:
        return self.folder / "logs" / "install" / f"{UUID}.log"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async def installation(_: web.Request) -> web.Response:
        return web.json_response(made.script, status=made.status)

    async def configuration(_: web.Request) -> web.Response:
        return web.json_response({"settings": {"uuid": UUID}}, status=made.status)

    app = web.Application()
    app.router.add_get(f"/api/remote/servers/{UUID}/install", installation)
    app.router.add_get(f"/api/remote/servers/{UUID}", configuration)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    config: Config = decode(
        Config,
        {
            "remote": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "system": {
                "data": str(tmp_path / "volumes"),
                "tmp_directory": str(tmp_path / "tmp"),
                "log_directory": str(tmp_path / "logs"),
                "user": {"uid": os.getuid(), "gid": os.getgid()},
            },
        },
    )
    file, store = ConfigFile(tmp_path / "config.yml", config), Store(tmp_path / "wings.db")
    panel, runtime = PanelClient(file), FakeRuntime({"sh": run_script}, images=["installer"])
    node = Node(file, runtime, panel, Reports(store, panel), Activity(store, file), Tokens())
    variables = {"settings": {"uuid": UUID, "environment": {"WORD": "<a&b>"}}}
    server = Server(node, ServerConfiguration.read(variables, uuid=UUID, crash_detection=True))
    script = {"container_image": "installer", "entrypoint": "sh", "script": "say hello\r\nwrite game.jar\r\n"}
    made = Scene(server, runtime, store, tmp_path, script)

    def watch(batch: Batch) -> None:
        made.seen.extend((str(name), " ".join(args)) for name, args in batch.events)

    server.events.subscribe(watch)
    yield made
    await server.close()
    await runtime.shut_down()
    await runtime.close()
    await panel.close()
    await runner.cleanup()
    store.close()


async def test_a_script_fills_the_volume_and_the_panel_learns_of_it(scene: Scene) -> None:
    assert await install(scene.server)
    assert (Path(scene.server.volume.root) / "game.jar").read_text() == "made"
    assert scene.reports() == [{"successful": True, "reinstall": False}]


async def test_viewers_see_the_beginning_the_output_and_the_end(scene: Scene) -> None:
    await install(scene.server)
    assert scene.names() == ["install started", "daemon message", "install output", "install completed"]
    assert scene.texts("install output") == ["hello"]


async def test_the_log_has_the_head_the_output_and_the_exit_code_for_the_owner_only(scene: Scene) -> None:
    scene.log.parent.mkdir(parents=True)
    scene.log.write_text("the installation before")
    await install(scene.server)
    text = scene.log.read_text()
    assert UUID in text
    assert "Container image: installer" in text
    assert "WORD=&lt;a&amp;b&gt;" in text
    assert "hello" in text
    assert "Exit code: 0" in text
    assert "before" not in text
    assert scene.log.stat().st_mode & 0o777 == 0o600


async def test_nothing_of_an_installation_is_left(scene: Scene) -> None:
    await install(scene.server)
    assert list((scene.folder / "tmp").iterdir()) == []
    with pytest.raises(NoSuchContainer):
        await scene.runtime.container(f"{UUID}_installer").status()
    assert scene.server.held_by == set()


async def test_an_exit_code_is_shown_and_decides_nothing(scene: Scene) -> None:
    scene.script["script"] = "exit 3"
    assert await install(scene.server)
    assert scene.texts("daemon message")[-1] == "The installation script ended with exit code 3."
    assert "Exit code: 3" in scene.log.read_text()


async def test_a_server_without_scripts_is_installed_at_once(scene: Scene) -> None:
    scene.server.configuration = replace(scene.server.configuration, skip_egg_scripts=True)
    assert await install(scene.server)
    assert "install started" not in scene.names()
    assert scene.reports() == [{"successful": True, "reinstall": False}]


async def test_an_empty_script_is_a_good_one(scene: Scene) -> None:
    scene.script["script"] = None
    assert await install(scene.server)


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ({"container_image": "nowhere", "entrypoint": "sh", "script": ""}, 200, 'The image "nowhere" could not be pulled'),
        ({"container_image": "", "entrypoint": "sh", "script": ""}, 200, "names no installer image"),
        ({"container_image": "installer", "entrypoint": "sh", "script": 5}, 200, "names no installer image"),
        ({"container_image": "installer", "entrypoint": "nonsense", "script": ""}, 200, "executable file not found"),
        ({"container_image": "~installer", "entrypoint": "sh", "script": ""}, 200, "could not be pulled"),
        ({}, 404, "HTTP/404"),
    ],
)  # fmt: skip
async def test_what_keeps_a_script_from_running_is_said_and_reported(
    scene: Scene, script: Any, status: int, said: str
) -> None:
    scene.script, scene.status = script, status
    assert not await install(scene.server)
    assert said in scene.texts("daemon message")[-1]
    assert scene.names()[-1] == "install completed"
    assert scene.reports() == [{"successful": False, "reinstall": False}]


async def test_a_host_that_cannot_take_the_script_is_reported_too(scene: Scene) -> None:
    (scene.folder / "tmp").write_text("a file where a folder should be")
    assert not await install(scene.server)
    assert scene.reports() == [{"successful": False, "reinstall": False}]


async def test_a_second_installation_fails_and_the_first_goes_on(scene: Scene) -> None:
    scene.script["script"] = "say begun\nhang"
    first = asyncio.create_task(install(scene.server))
    async with asyncio.timeout(5):
        while not scene.texts("install output"):
            await asyncio.sleep(0.01)
    assert not await install(scene.server)
    await scene.runtime.container(f"{UUID}_installer").signal("SIGTERM")
    assert await first
    assert [report["successful"] for report in scene.reports()] == [False, True]


async def test_a_server_that_is_deleted_meanwhile_leaves_no_container_and_no_report(scene: Scene) -> None:
    scene.script["script"] = "say begun\nhang"
    scene.server.spawn(install(scene.server), "install")
    async with asyncio.timeout(5):
        while not scene.texts("install output"):
            await asyncio.sleep(0.01)
    await scene.server.close()
    with pytest.raises(NoSuchContainer):
        await scene.runtime.container(f"{UUID}_installer").status()
    assert scene.reports() == []


async def test_a_reinstallation_that_cannot_begin_is_reported(scene: Scene) -> None:
    scene.status = 404
    await reinstall(scene.server)
    assert scene.reports() == [{"successful": False, "reinstall": True}]
