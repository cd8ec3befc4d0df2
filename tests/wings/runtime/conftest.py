"""Two runtimes that keep the same contract: a real engine and the one in memory, with the same small programs."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rookery.wings.runtime.base import Console, Container, ContainerSpec, Runtime
from rookery.wings.runtime.docker import DockerRuntime
from rookery.wings.runtime.fake import FakeRuntime, Process

IMAGE = "rookery/base"
Make = Callable[..., Awaitable[Container]]


async def _greet(process: Process) -> int:
    await process.say("hello")
    await process.say("again")
    return 0


async def _fail(process: Process) -> int:
    return 3


async def _echo(process: Process) -> int:
    await process.say("ready")
    while (line := await process.line()) != "quit":
        await process.say(f"got {line}")
    return 0


async def _sleep(process: Process) -> int:
    ended = asyncio.Event()
    process.handlers["SIGTERM"] = process.handlers["SIGINT"] = ended.set
    await process.say("ready")
    await ended.wait()
    await process.say("bye")
    return 0


async def _stubborn(process: Process) -> int:
    process.handlers["SIGTERM"] = process.handlers["SIGINT"] = lambda: None
    await process.say("ready")
    await asyncio.Event().wait()
    return 0


PROGRAMS = {
    "greet": ("echo hello; echo again", _greet),
    "fail": ("exit 3", _fail),
    "echo": ('echo ready; while read line; do [ "$line" = quit ] && exit 0; echo "got $line"; done', _echo),
    "sleep": ("trap 'echo bye; exit 0' TERM INT; echo ready; while :; do sleep 0.05; done", _sleep),
    "stubborn": ("trap '' TERM INT; echo ready; while :; do sleep 0.05; done", _stubborn),
}


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.engine)])
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    made: Runtime
    if request.param == "docker":
        made = DockerRuntime()
    else:
        made = FakeRuntime({name: program for name, (_, program) in PROGRAMS.items()}, images=[IMAGE])
    yield made
    await made.close()


@pytest.fixture
async def make(runtime: Runtime) -> AsyncIterator[Make]:
    """Makes containers that run one of the programs; they and their consoles are gone after the test."""
    made: list[Container] = []
    consoles: list[Console] = []

    def remembered(attach: Callable[[], Awaitable[Console]]) -> Callable[[], Awaitable[Console]]:
        async def attach_and_remember() -> Console:
            consoles.append(await attach())
            return consoles[-1]

        return attach_and_remember

    async def create(program: str, **fields: object) -> Container:
        command = (program,) if runtime.name == "fake" else ("sh", "-c", PROGRAMS[program][0])
        spec = ContainerSpec(name=f"contract-{uuid.uuid4()}", image=IMAGE, command=command, **fields)  # type: ignore[arg-type]
        container = await runtime.create(spec)
        made.append(container)
        container.attach = remembered(container.attach)  # type: ignore[method-assign,assignment]
        return container

    yield create
    for console in consoles:
        await console.close()
    for container in made:
        await container.remove()
