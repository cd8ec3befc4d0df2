"""A container engine in memory, for everything above the runtime; passes the same contract tests as the real one.

Programs are coroutines instead of images' files: the words of a spec's command choose one, else its image does.
"""

import asyncio
import contextlib
from asyncio import FIRST_COMPLETED
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from signal import Signals
from typing import Any

from rookery.protocol.units import Bytes
from rookery.wings.runtime.base import (
    UNSEEN_SECONDS,
    AddressTaken,
    Console,
    Container,
    ContainerSpec,
    Exit,
    Limits,
    NetworkInfo,
    NetworkSpec,
    NoSuchContainer,
    NoSuchImage,
    Progress,
    Refused,
    RegistryAccess,
    Sample,
    Status,
    Unseen,
    never,
)
from rookery.wings.runtime.pulls import Pulls

_LOG_LINES = 10_000
_CHUNKS = 256
"""Chunks a console holds before the process has to wait, as with a real terminal."""
_INPUT_LINES = 1024


class Process:
    """What a running program has: a terminal and signals."""

    def __init__(self, spec: ContainerSpec, say: Callable[[bytes], Awaitable[None]]) -> None:
        self.spec = spec
        self.out_of_memory = False
        self._say = say
        self._input: asyncio.Queue[bytes] = asyncio.Queue(_INPUT_LINES)
        self._rest = b""
        self.handlers: dict[str, Callable[[], None]] = {}
        """What the program does on a signal; without one, the signal ends it."""

    async def say(self, text: str) -> None:
        """Print a line."""
        await self._say(f"{text}\r\n".encode())

    async def line(self) -> str:
        """The next line typed."""
        return (await self._input.get()).decode("utf-8", "replace")

    def type(self, data: bytes) -> None:
        """Take input; a line counts when its end is typed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._input.put_nowait(line)


Program = Callable[[Process], Awaitable[int]]
"""Runs until it returns its exit code."""


@dataclass(slots=True)
class _Made:
    spec: ContainerSpec
    id: str
    consoles: list["FakeConsole"] = field(default_factory=list)
    log: deque[bytes] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    process: Process | None = None
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    exit: Exit = field(default_factory=lambda: Exit(0, out_of_memory=False))
    started_at: datetime | None = None
    limits: Limits = field(default_factory=Limits)
    signal: str = ""

    @property
    def running(self) -> bool:
        return self.process is not None


class FakeRuntime:
    """An engine with these programs by name; `images` are here already, `registry` holds those that can be pulled."""

    name = "fake"

    def __init__(
        self, programs: Mapping[str, Program], *, images: Iterable[str] = (), registry: Iterable[str] = ()
    ) -> None:
        self.programs = dict(programs)
        self.images = set(images)
        self.registry = set(registry)
        self.networks: dict[str, NetworkSpec] = {}
        self.downloads = 0
        """How many images were pulled."""
        self._made: dict[str, _Made] = {}
        self._pulls = Pulls()
        self._count = 0

    async def info(self) -> dict[str, Any]:
        """See `Runtime.info`."""
        return {"Name": "fake", "Containers": len(self._made), "Version": {"ApiVersion": "1.41"}}

    async def prepare(self, network: NetworkSpec) -> NetworkInfo:
        """See `Runtime.prepare`."""
        taken = {subnet for other in self.networks.values() for subnet in other.subnets}
        if network.name not in self.networks and taken & set(network.subnets):
            number = len(self.networks)
            network = replace(network, ipv6=False, subnets=((f"10.{number}.0.0/24", f"10.{number}.0.1"),))
        found = self.networks.setdefault(network.name, network)
        gateway = next((gateway for _, gateway in found.subnets if "." in gateway), "")
        return NetworkInfo(found.name, found.driver, gateway)

    async def fetch(self, image: str, access: RegistryAccess | None, progress: Progress) -> None:  # noqa: ARG002
        """See `Runtime.fetch`."""

        async def download(tell: Progress) -> None:
            await asyncio.sleep(0.01)
            if image in self.registry:
                self.downloads += 1
                self.images.add(image)
                tell(f"Downloaded newer image for {image}")
            elif image not in self.images:
                raise NoSuchImage(f'The image "{image}" could not be pulled and there is no local copy: not found')

        await self._pulls.share(image, download, progress)

    async def create(self, spec: ContainerSpec) -> Container:
        """See `Runtime.create`."""
        if spec.name in self._made:
            raise Refused(f'Error response from daemon: Conflict. The container name "/{spec.name}" is already in use')
        if spec.image not in self.images:
            raise NoSuchImage(f"Error response from daemon: No such image: {spec.image}")
        self._count += 1
        made = self._made[spec.name] = _Made(spec, id=f"{self._count:064x}", limits=spec.limits)
        made.ended.set()
        return self.container(spec.name)

    def container(self, name: str) -> "FakeContainer":
        """See `Runtime.container`."""
        return FakeContainer(self, name)

    async def names(self, label: tuple[str, str]) -> list[str]:
        """See `Runtime.names`."""
        return [name for name, made in self._made.items() if made.spec.labels.get(label[0]) == label[1]]

    async def close(self) -> None:
        """See `Runtime.close`."""
        await self._pulls.close()

    async def shut_down(self) -> None:
        """End all processes, as when the machine goes down."""
        for name in list(self._made):
            await self.container(name).remove()

    def found(self, name: str) -> _Made:
        """The container.

        Raises:
            NoSuchContainer: it does not exist.
        """
        made = self._made.get(name)
        if made is None:
            raise NoSuchContainer(f"Error response from daemon: No such container: {name}")
        return made

    def forget(self, name: str) -> None:
        """Take a container off the list."""
        self._made.pop(name, None)

    def check_addresses(self, wanted: _Made) -> None:
        """Whether nobody else publishes what `wanted` does.

        Raises:
            AddressTaken: somebody does.
        """
        taken = {
            binding for made in self._made.values() if made.running and made is not wanted for binding in _ports(made)
        }
        for binding in _ports(wanted):
            if binding in taken:
                raise AddressTaken(f"The address {binding.ip}:{binding.port} is already in use on this node.")


class FakeContainer:
    """See `Container`."""

    def __init__(self, runtime: FakeRuntime, name: str) -> None:
        self.name = name
        self._runtime = runtime

    async def attach(self) -> Console:
        """See `Container.attach`."""
        made = self._runtime.found(self.name)
        console = FakeConsole(made)
        made.consoles.append(console)
        return console

    async def start(self) -> None:
        """See `Container.start`."""
        made = self._runtime.found(self.name)
        if made.running:
            return
        try:
            self._runtime.check_addresses(made)
            program = self._program(made.spec)
        except Refused:
            _detach(made)
            raise
        made.ended = asyncio.Event()
        made.started_at, made.signal, made.log = datetime.now(UTC), "", deque(maxlen=_LOG_LINES)

        async def say(data: bytes) -> None:
            made.log.append(data.rstrip(b"\r\n"))
            for console in list(made.consoles):
                await console.take(data)

        made.process = Process(made.spec, say)
        made.task = asyncio.create_task(_run(made, program, made.process), name=f"fake:{self.name}")

    def _program(self, spec: ContainerSpec) -> Program:
        for word in (*spec.command, spec.image):
            if (program := self._runtime.programs.get(word)) is not None:
                return program
        raise Refused(f'Error response from daemon: exec: "{" ".join(spec.command)}": executable file not found')

    async def signal(self, signal: str) -> None:
        """See `Container.signal`."""
        with contextlib.suppress(NoSuchContainer):
            made = self._runtime.found(self.name)
            if made.process is None or made.task is None:
                return
            handler = made.process.handlers.get(signal)
            if handler is not None and signal != "SIGKILL":
                handler()
                return
            made.signal = signal
            made.task.cancel()

    async def stop(self) -> None:
        """See `Container.stop`."""
        with contextlib.suppress(NoSuchContainer):
            made = self._runtime.found(self.name)
            await self.signal("SIGTERM")
            await made.ended.wait()

    async def wait(self) -> Exit:
        """See `Container.wait`."""
        try:
            made = self._runtime.found(self.name)
        except NoSuchContainer:
            return Exit(1, out_of_memory=False)
        await made.ended.wait()
        return made.exit

    async def status(self) -> Status:
        """See `Container.status`."""
        made = self._runtime.found(self.name)
        return Status(
            running=made.running,
            exit_code=0 if made.running else made.exit.code,
            out_of_memory=made.exit.out_of_memory,
            pid=0,
            started_at=made.started_at,
            log_path="",
            id=made.id,
        )

    async def resize(self, limits: Limits) -> None:
        """See `Container.resize`."""
        self._runtime.found(self.name).limits = limits

    async def samples(self, unseen: Unseen = never) -> AsyncGenerator[Sample, None]:
        """See `Container.samples`."""
        made, loop = self._runtime.found(self.name), asyncio.get_running_loop()
        while made.running:
            limit = Bytes(made.limits.memory or 1 << 34)
            yield Sample(Bytes(1 << 20), limit, 0.5, Bytes(1000), Bytes(2000), loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNSEEN_SECONDS if unseen() else 1):
                    await made.ended.wait()

    async def tail(self, lines: int) -> list[bytes]:
        """See `Container.tail`."""
        log = self._runtime.found(self.name).log
        return list(log)[max(len(log) - lines, 0) :]

    async def remove(self) -> None:
        """See `Container.remove`."""
        try:
            made = self._runtime.found(self.name)
        except NoSuchContainer:
            return
        await self.signal("SIGKILL")
        await made.ended.wait()
        _detach(made)
        self._runtime.forget(self.name)


class FakeConsole:
    """See `Console`."""

    def __init__(self, made: _Made) -> None:
        self._made = made
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_CHUNKS)
        self._closed = asyncio.Event()

    async def take(self, data: bytes) -> None:
        """Show a chunk; waits while the reader is far behind."""
        put = asyncio.ensure_future(self._chunks.put(data))
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait((put, closed), return_when=FIRST_COMPLETED)
        finally:
            put.cancel()
            closed.cancel()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See `Console.__aiter__`."""
        while not (self._closed.is_set() and self._chunks.empty()):
            get = asyncio.ensure_future(self._chunks.get())
            closed = asyncio.ensure_future(self._closed.wait())
            try:
                await asyncio.wait((get,) if self._closed.is_set() else (get, closed), return_when=FIRST_COMPLETED)
                if get.done():
                    yield get.result()
            finally:
                get.cancel()
                closed.cancel()

    async def send(self, data: bytes) -> None:
        """See `Console.send`."""
        process = self._made.process
        if self._closed.is_set() or process is None:
            raise Refused("The process has ended and takes no input.")
        process.type(data)

    async def close(self) -> None:
        """See `Console.close`."""
        self.end()

    def end(self) -> None:
        """Let readers finish with what is here already."""
        self._closed.set()
        if self in self._made.consoles:
            self._made.consoles.remove(self)


async def _run(made: _Made, program: Program, process: Process) -> None:
    code = 1
    try:
        code = await program(process)
    except asyncio.CancelledError:
        code = 128 + Signals[made.signal or "SIGKILL"].value
    finally:
        made.exit = Exit(code, process.out_of_memory)
        made.process, made.task = None, None
        _detach(made)
        made.ended.set()


def _detach(made: _Made) -> None:
    for console in list(made.consoles):
        console.end()


def _ports(made: _Made) -> tuple[Any, ...]:
    return made.spec.ports or ()
