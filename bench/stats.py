"""What it costs to know how much each idle server uses: the node's way against the engine's stream of statistics."""

import asyncio
import os
import time
from typing import Any

import aiodocker
from bench.meter import Spending, below, named
from tests.e2e.machine import GameServer, Machine

SERVERS, SECONDS = 10, 30


def run(machine: Machine) -> dict[str, Any]:
    """Milliseconds of processor time per server and second: the node's and the stream's, with the engine's share."""
    servers = [machine.create("Program of your own", memory=64) for _ in range(SERVERS)]
    try:
        pids = [*below(machine.status()["wings"]["pid"]), *engine()]
        resting = spent(pids)
        for server in servers:
            (server.volume / "start.sh").write_text("echo started; exec sleep infinity\n")
            server.start()
        time.sleep(3)
        ours = (spent(pids) - resting) / SERVERS / SECONDS * 1000
        streaming = asyncio.run(stream(servers))
    finally:
        for server in servers:
            server.power("kill")
            server.delete()
    ours = max(ours, 0.001)
    return {"node_ms": ours, "stream_ms": streaming, "ratio": ours / streaming, "limit": 1 / 20}


def engine() -> list[int]:
    """The processes of the engine."""
    return named("dockerd", "containerd")


def spent(pids: list[int]) -> float:
    spending = Spending(pids)
    time.sleep(SECONDS)
    return spending.seconds()


async def stream(servers: list[GameServer]) -> float:
    """The same figure for a client of the engine's stream, beside the running node."""
    async with aiodocker.Docker() as docker:

        async def follow(uuid: str) -> None:
            container = await docker.containers.get(uuid)
            async for _ in container.stats(stream=True):
                pass

        tasks = [asyncio.create_task(follow(server.uuid)) for server in servers]
        await asyncio.sleep(3)
        spending = Spending([os.getpid(), *engine()])
        await asyncio.sleep(SECONDS)
        total = spending.seconds()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return total / len(servers) / SECONDS * 1000
