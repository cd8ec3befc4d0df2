"""`python -m bench.wings_start [IMAGE]`: what the node adds to a start, beside `create` and `start` of the same container.

The node's part alone, in one process: the Panel is a local stand-in that answers at once. Prints medians in milliseconds
and the ratio of both, measured in turns in the same run.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from bench.meter import middle

from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.activity import Activity
from rookery.wings.config import Config, ConfigFile, decode
from rookery.wings.panel.client import PanelClient
from rookery.wings.panel.reports import Reports
from rookery.wings.runtime.docker import DockerRuntime
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.node import Node
from rookery.wings.servers.server import Server
from rookery.wings.servers.spec import server_spec
from rookery.wings.store import Store
from rookery.wings.tokens import Tokens

ROUNDS = 15


@contextlib.asynccontextmanager
async def one_server(image: str, folder: Path) -> AsyncIterator[Server]:
    name = str(uuid.uuid4())
    document = {
        "settings": {
            "uuid": name,
            "invocation": "echo started; exec sleep 600",
            "environment": {"STARTUP": "echo started; exec sleep 600"},
            "build": {"memory_limit": 128, "disk_space": 100},
            "container": {"image": image},
        },
        "process_configuration": {"startup": {"done": ["started"]}, "stop": {"type": "signal", "value": "SIGKILL"}},
    }

    async def configuration(_: web.Request) -> web.Response:
        return web.json_response(document)

    app = web.Application()
    app.router.add_get(f"/api/remote/servers/{name}", configuration)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config: Config = decode(
        Config,
        {
            "remote": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "system": {
                "data": str(folder / "volumes"),
                "user": {"uid": os.getuid() or 1000, "gid": os.getgid() or 1000},
            },
            "docker": {"network": {"network_mode": "bridge"}},
        },
    )
    file, store, runtime = ConfigFile(folder / "config.yml", config), Store(folder / "wings.db"), DockerRuntime()
    panel = PanelClient(file)
    node = Node(file, runtime, panel, Reports(store, panel), Activity(store, file), Tokens())
    server = Server(node, ServerConfiguration.read(document, uuid=name, crash_detection=False))
    try:
        yield server
    finally:
        await server.container.remove()
        await server.close()
        await runtime.close()
        await panel.close()
        await runner.cleanup()
        store.close()


async def through_the_node(server: Server) -> float:
    began = time.perf_counter()
    await server.power.act(PowerAction.START)
    took = time.perf_counter() - began
    await server.power.act(PowerAction.KILL)
    while server.state is not ProcessState.OFFLINE:
        await asyncio.sleep(0.01)
    return took * 1000


async def by_hand(server: Server) -> float:
    spec = server_spec(server.configuration, server.node.config, server.volume.root)
    spec = replace(spec, name=f"{spec.name}-raw")
    began = time.perf_counter()
    container = await server.node.runtime.create(spec)
    await container.start()
    took = time.perf_counter() - began
    await container.remove()
    return took * 1000


async def measured(image: str) -> dict[str, float]:
    ours, raw = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with one_server(image, Path(folder)) as server:
            for _ in range(ROUNDS):
                ours.append(await through_the_node(server))
                raw.append(await by_hand(server))
    return {
        "with_us_ms": middle(ours),
        "by_hand_ms": middle(raw),
        "added_ms": middle(ours) - middle(raw),
        "ratio": middle(ours) / middle(raw),
    }


if __name__ == "__main__":
    found = asyncio.run(measured(sys.argv[1] if len(sys.argv) > 1 else "~rookery/base"))
    print(json.dumps({"bench": "wings_start", **{key: round(value, 3) for key, value in found.items()}}))
