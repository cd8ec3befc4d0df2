"""`python -m bench.wings_stats [CONTAINERS]`: one second's figures of an idle server from the kernel's files, beside the
engine's stream of statistics.

Both sides count the processor time they cause: ours is this process (the kernel's files need no engine), the stream's is
its client and the engine, less what both use at rest. Prints milliseconds per container and second, and the ratio.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid

from bench.meter import Spending, named

from rookery.wings.runtime.base import Container, ContainerSpec
from rookery.wings.runtime.docker import DockerContainer, DockerRuntime

SECONDS = 15


async def ours(container: Container) -> None:
    async with contextlib.aclosing(container.samples()) as samples:
        async for _ in samples:
            pass


async def stream(container: Container) -> None:
    assert isinstance(container, DockerContainer)
    async with contextlib.aclosing(container.streamed_samples()) as samples:
        async for _ in samples:
            pass


async def spent(pids: list[int]) -> float:
    """Processor seconds of these processes within `SECONDS`."""
    began, spending = time.monotonic(), Spending(pids)
    await asyncio.sleep(SECONDS)
    return spending.seconds() / (time.monotonic() - began) * SECONDS


async def measured(count: int) -> dict[str, float]:
    runtime, containers = DockerRuntime(), []
    everybody = [os.getpid(), *named("dockerd", "containerd")]
    figures = {}
    try:
        for _ in range(count):
            spec = ContainerSpec(f"stats-{uuid.uuid4()}", "rookery/base", command=("sleep", "infinity"))
            containers.append(await runtime.create(spec))
            await containers[-1].start()
        await asyncio.sleep(2)
        for name, follow, pids in (("node_ms", ours, [os.getpid()]), ("stream_ms", stream, everybody)):
            resting = await spent(pids)
            tasks = [asyncio.create_task(follow(container)) for container in containers]
            await asyncio.sleep(2)
            figures[name] = (await spent(pids) - resting) / count / SECONDS * 1000
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for container in containers:
            await container.remove()
        await runtime.close()
    return {**figures, "ratio": figures["node_ms"] / figures["stream_ms"], "limit": 1 / 20}


if __name__ == "__main__":
    found = asyncio.run(measured(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
    print(json.dumps({"bench": "wings_stats", **{key: round(value, 4) for key, value in found.items()}}))
