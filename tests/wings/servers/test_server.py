"""A server follows its process: the console, its end, and an engine that drops the connection in between."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rookery.protocol.states import ProcessState
from rookery.wings.activity import Activity
from rookery.wings.config import Config, ConfigFile, decode
from rookery.wings.events import Batch
from rookery.wings.panel.client import PanelClient
from rookery.wings.panel.reports import Reports
from rookery.wings.runtime.base import ContainerSpec
from rookery.wings.runtime.fake import FakeConsole, FakeRuntime, Process
from rookery.wings.servers import server as servers
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.node import Node
from rookery.wings.servers.server import Server
from rookery.wings.store import Store
from rookery.wings.tokens import Tokens

pytestmark = pytest.mark.anyio
UUID = "7f1d9a8e-95a7-4a4a-8a0e-0c1f3a5b7d90"


async def echo(process: Process) -> int:
    while (line := await process.line()) != "quit":
        await process.say(f"got {line}")
    return 0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    config: Config = decode(
        Config, {"system": {"data": str(tmp_path), "user": {"uid": os.getuid(), "gid": os.getgid()}}}
    )
    file, store = ConfigFile(tmp_path / "config.yml", config), Store(tmp_path / "wings.db")
    panel, runtime = PanelClient(file), FakeRuntime({"game": echo}, images=["game"])
    node = Node(file, runtime, panel, Reports(store, panel), Activity(store, file), Tokens())
    made = Server(node, ServerConfiguration.read({"settings": {}}, uuid=UUID, crash_detection=False))
    yield made
    await made.close()
    await runtime.shut_down()
    await runtime.close()
    store.close()


async def test_a_console_the_engine_drops_is_attached_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_END_SECONDS", 0.05)
    seen: list[str] = []

    def watch(batch: Batch) -> None:
        seen.extend(" ".join(args) for _, args in batch.events)

    server.events.subscribe(watch)
    container = await server.node.runtime.create(ContainerSpec(UUID, "game"))
    await container.start()
    await server.power.adopt(container)
    first = server.console
    assert isinstance(first, FakeConsole)
    first.end()
    async with asyncio.timeout(5):
        while server.console is first:
            await asyncio.sleep(0.01)
        await server.send_commands("hello")
        while "got hello" not in seen:
            await asyncio.sleep(0.01)
        assert server.state is ProcessState.RUNNING
        await server.send_commands("quit")
        await server.ended.wait()
