"""The Docker Engine as a runtime; Podman's Docker-compatible socket answers the same calls."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from rookery.protocol.problems import Unavailable
from rookery.wings.runtime import cgroups, wire
from rookery.wings.runtime.base import (
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
from rookery.wings.runtime.engine import Engine
from rookery.wings.runtime.pulls import Pulls
from rookery.wings.runtime.refusals import in_its_words

log = structlog.get_logger()
PULL_DEADLINE = 15 * 60.0
"""Seconds one image may take to come."""
_RESIZE_DEADLINE = 10.0
_SEND_DEADLINE = 10.0
_SEND_LIMIT = 1 << 20
"""Bytes of input that may wait for a process to read it."""
_GATHER_SECONDS = 0.008
"""How long a talking process's next lines are gathered; the first after a silence is never held back."""
_SMALL = 16 * 1024
"""Bytes from which a process says so much that there is nothing to gather."""
_CHUNK = 64 * 1024
_PAUSES = (0.2, 1.0, 5.0)


class DockerRuntime:
    """One engine, reached through `DOCKER_HOST` or its default socket."""

    name = "docker"

    def __init__(self, host: str | None = None) -> None:
        self._engine = Engine(host)
        self._pulls = Pulls()
        self._io_weight: bool | None = None

    async def info(self) -> dict[str, Any]:
        """See `Runtime.info`: `/info` with the version parts of `/version` under `Version`."""
        version, info = await asyncio.gather(self._engine.call("GET", "/version"), self._engine.call("GET", "/info"))
        return {**info, "Version": version}

    async def prepare(self, network: NetworkSpec) -> NetworkInfo:
        """See `Runtime.prepare`."""
        path = f"/networks/{network.name}"
        try:
            shown = await self._engine.call("GET", path)
        except Refused:
            await self._create_network(network)
            shown = await self._engine.call("GET", path)
        return wire.network_info(network.name, shown)

    async def _create_network(self, network: NetworkSpec) -> None:
        body = wire.network_creation(network)
        try:
            await self._engine.call("POST", "/networks/create", body=body)
        except Refused as err:
            if "already exists" in err.detail:
                return  # another program of this host was faster
            if not network.subnets or "overlap" not in err.detail.lower():
                raise
            log.warning("the network's subnets are taken, the engine chooses others", network=network.name)
            await self._engine.call("POST", "/networks/create", body={**body, "EnableIPv6": False, "IPAM": {}})

    async def fetch(self, image: str, access: RegistryAccess | None, progress: Progress) -> None:
        """See `Runtime.fetch`."""
        await self._pulls.share(image, lambda tell: self._pull(image, access, tell), progress)

    async def _pull(self, image: str, access: RegistryAccess | None, tell: Progress) -> None:
        try:
            async with asyncio.timeout(PULL_DEADLINE):
                await self._download(image, access, tell)
        except TimeoutError:
            reason = f"it did not come within {PULL_DEADLINE / 60:.0f} minutes"
        except (Refused, Unavailable) as err:
            reason = err.detail
        else:
            return
        if not await self._has(image):
            raise NoSuchImage(f'The image "{image}" could not be pulled and there is no local copy: {reason}')
        log.warning("an image could not be pulled, the local copy is used", image=image, reason=reason)

    async def _download(self, image: str, access: RegistryAccess | None, tell: Progress) -> None:
        name, tag = wire.split_reference(image)
        params = {"fromImage": name, "tag": tag}
        messages = self._engine.messages("POST", "/images/create", params, wire.login_header(access))
        async with contextlib.aclosing(messages):
            async for message in messages:
                if reason := message.get("error"):
                    raise Refused(in_its_words(str(reason)))
                tell(wire.pull_line(message))

    async def _has(self, image: str) -> bool:
        try:
            await self._engine.call("GET", f"/images/{image}/json")
        except Refused:
            return False
        return True

    async def create(self, spec: ContainerSpec) -> Container:
        """See `Runtime.create`."""
        body = wire.creation(spec, io_weight=await self._weighs_io())
        await self._engine.call("POST", "/containers/create", params={"name": spec.name}, body=body)
        return self.container(spec.name)

    async def _weighs_io(self) -> bool:
        """Whether a weight for disk access may be asked for: a kernel that lacks it would not run the container."""
        if self._io_weight is None:
            info = await self._engine.call("GET", "/info")
            self._io_weight = str(info.get("CgroupVersion", "1")) != "2" or cgroups.has_io_weight()
        return self._io_weight

    def container(self, name: str) -> "DockerContainer":
        """See `Runtime.container`."""
        return DockerContainer(self._engine, name, self._weighs_io)

    async def names(self, label: tuple[str, str]) -> list[str]:
        """See `Runtime.names`."""
        filters = json.dumps({"label": [f"{label[0]}={label[1]}"]})
        found = await self._engine.call("GET", "/containers/json", params={"all": "true", "filters": filters})
        return [entry["Names"][0].lstrip("/") for entry in found if entry.get("Names")]

    async def close(self) -> None:
        """See `Runtime.close`."""
        await self._pulls.close()
        await self._engine.close()


class DockerContainer:
    """See `Container`; one engine call per method."""

    def __init__(self, engine: Engine, name: str, weighs_io: Callable[[], Awaitable[bool]]) -> None:
        self.name = name
        self._engine = engine
        self._weighs_io = weighs_io
        self._path = f"/containers/{name}"

    async def attach(self) -> Console:
        """See `Container.attach`. The containers we make have a terminal, so the stream is raw in both directions."""
        params = {"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1", "logs": "0"}
        return DockerConsole(*await self._engine.hijack(f"{self._path}/attach", params))

    async def start(self) -> None:
        """See `Container.start`."""
        await self._engine.call("POST", f"{self._path}/start")

    async def signal(self, signal: str) -> None:
        """See `Container.signal`."""
        try:
            await self._engine.call("POST", f"{self._path}/kill", params={"signal": signal})
        except NoSuchContainer:
            return
        except Refused as err:
            if "is not running" not in err.detail:
                raise

    async def stop(self) -> None:
        """See `Container.stop`."""
        with contextlib.suppress(NoSuchContainer):
            await self._engine.call("POST", f"{self._path}/stop", params={"t": "-1"}, deadline=None)

    async def wait(self) -> Exit:
        """See `Container.wait`."""
        attempt = 0
        while True:
            try:
                return await self._wait_once()
            except NoSuchContainer:
                return Exit(code=1, out_of_memory=False)
            except Unavailable:
                await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
                attempt += 1

    async def _wait_once(self) -> Exit:
        answer = await self._engine.call("POST", f"{self._path}/wait", deadline=None)
        try:
            status = await self.status()
        except NoSuchContainer:
            return Exit(code=int(answer["StatusCode"]), out_of_memory=False)
        return Exit(code=status.exit_code, out_of_memory=status.out_of_memory)

    async def status(self) -> Status:
        """See `Container.status`."""
        return wire.status(await self._engine.call("GET", f"{self._path}/json"))

    async def resize(self, limits: Limits) -> None:
        """See `Container.resize`."""
        body = wire.resources(limits, io_weight=await self._weighs_io())
        await self._engine.call("POST", f"{self._path}/update", body=body, deadline=_RESIZE_DEADLINE)

    async def samples(self, unseen: Unseen = never) -> AsyncGenerator[Sample, None]:
        """See `Container.samples`: from the kernel's files where they can be read, else from the engine's stream."""
        status = await self.status()
        reader = cgroups.reader_for(status.pid, status.id) if status.running else None
        if reader is not None:
            with contextlib.closing(reader):
                async for sample in cgroups.each_second(reader, unseen):
                    yield sample
        elif status.running:
            async with contextlib.aclosing(self.streamed_samples()) as samples:
                async for sample in samples:
                    yield sample

    async def streamed_samples(self) -> AsyncGenerator[Sample, None]:
        """The engine's own stream: the same figures, at many times the cost."""
        loop = asyncio.get_running_loop()
        messages = self._engine.messages("GET", f"{self._path}/stats", {"stream": "1"})
        async with contextlib.aclosing(messages):
            async for shown in messages:
                if wire.is_over(shown):
                    return
                yield wire.sample(shown, at=loop.time())

    async def tail(self, lines: int) -> list[bytes]:
        """See `Container.tail`; a line of more than 64 KiB ends the list."""
        params = {"stdout": "1", "stderr": "1", "tail": str(lines)}
        return wire.log_lines(await self._engine.read(f"{self._path}/logs", params))

    async def remove(self) -> None:
        """See `Container.remove`."""
        try:
            await self._engine.call("DELETE", self._path, params={"v": "1", "force": "1"})
        except NoSuchContainer:
            return
        except Refused as err:
            if "already in progress" not in err.detail:
                raise
            await self._removed()

    async def _removed(self) -> None:
        with contextlib.suppress(NoSuchContainer):
            await self._engine.call("POST", f"{self._path}/wait", params={"condition": "removed"})


class DockerConsole:
    """See `Console`: the raw connection to the container's terminal."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See `Console.__aiter__`."""
        loop, last = asyncio.get_running_loop(), 0.0
        while True:
            try:
                chunk = await self._reader.read(_CHUNK)
            except OSError:
                return
            if not chunk:
                return
            yield chunk
            now = loop.time()
            if len(chunk) < _SMALL and now - last < _GATHER_SECONDS * 2:
                await self._gather()
            last = now

    async def _gather(self) -> None:
        """Let lines that follow each other closely wait in the kernel for a moment, to be taken together."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        transport.pause_reading()  # type: ignore[attr-defined]  # sockets have it
        try:
            await asyncio.sleep(_GATHER_SECONDS)
        finally:
            if not transport.is_closing():
                transport.resume_reading()  # type: ignore[attr-defined]

    async def send(self, data: bytes) -> None:
        """See `Console.send`."""
        if self._writer.is_closing() or self._reader.at_eof():
            raise Refused("The process has ended and takes no input.")
        if self._writer.transport.get_write_buffer_size() > _SEND_LIMIT:
            raise Unavailable("The process does not read its input.")
        try:
            async with asyncio.timeout(_SEND_DEADLINE):
                self._writer.write(data)
                await self._writer.drain()
        except TimeoutError as err:
            raise Unavailable("The process does not read its input.") from err
        except OSError as err:
            raise Refused("The process has ended and takes no input.") from err

    async def close(self) -> None:
        """See `Console.close`."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
