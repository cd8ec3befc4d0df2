"""The Docker Engine API as a runtime; also speaks to Podman's Docker-compatible socket.

The only module that imports the engine's client library.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import aiodocker
import aiohttp
import structlog
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError
from aiodocker.stream import Stream

from rookery.protocol.problems import Unavailable
from rookery.wings.runtime import cgroups
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
)

log = structlog.get_logger()
DEADLINE = 30.0
"""Seconds the engine may take for one answer."""
PULL_DEADLINE = 15 * 60.0
_LOG_LINE_LIMIT = 64 * 1024


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DockerError as err:
        kind = NoSuchContainer if err.status == 404 and "container" in str(err.message).lower() else Refused
        raise kind(f"Error response from daemon: {err.message}") from err
    except (aiohttp.ClientError, OSError, TimeoutError) as err:
        raise Unavailable("The container engine does not answer.") from err


class DockerRuntime:
    """One engine, reached through `DOCKER_HOST` or its default socket."""

    name = "docker"

    def __init__(self, url: str | None = None) -> None:
        address = url or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        self._docker = aiodocker.Docker(url=address)
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._watchers: dict[str, list[Progress]] = {}

    async def info(self) -> dict[str, Any]:
        """See `Runtime.info`: `/info` with the version parts of `/version` under `Version`."""
        with _translated():
            async with asyncio.timeout(DEADLINE):
                version, info = await asyncio.gather(self._docker.version(), self._docker.system.info())
        return {**info, "Version": version}

    async def prepare(self, network: NetworkSpec) -> NetworkInfo:
        """See `Runtime.prepare`."""
        with _translated():
            try:
                found = await self._docker._query_json(f"networks/{network.name}")  # noqa: SLF001
            except DockerError as err:
                if err.status != 404:
                    raise
                await self._create_network(network)
                found = await self._docker._query_json(f"networks/{network.name}")  # noqa: SLF001
        pools = (found.get("IPAM") or {}).get("Config") or []
        gateway = next((pool.get("Gateway", "") for pool in pools if "." in pool.get("Gateway", "")), "")
        return NetworkInfo(name=network.name, driver=found.get("Driver", ""), gateway=gateway.split("/")[0])

    async def _create_network(self, network: NetworkSpec) -> None:
        await self._docker.networks.create(
            {
                "Name": network.name,
                "CheckDuplicate": True,
                "Driver": network.driver,
                "EnableIPv6": network.ipv6,
                "Internal": network.internal,
                "Options": network.options,
                "IPAM": {"Config": [{"Subnet": subnet, "Gateway": gateway} for subnet, gateway in network.subnets]},
            }
        )

    async def fetch(self, image: str, access: RegistryAccess | None, progress: Progress) -> None:
        """See `Runtime.fetch`; pulls of one image that overlap share one download."""
        watchers = self._watchers.setdefault(image, [])
        watchers.append(progress)
        try:
            if (running := self._pulls.get(image)) is None:
                running = self._pulls[image] = asyncio.create_task(self._pull(image, access), name=f"pull:{image}")
                running.add_done_callback(lambda _: self._pulls.pop(image, None))
            await asyncio.shield(running)
        finally:
            watchers.remove(progress)
            if not watchers:
                self._watchers.pop(image, None)

    async def _pull(self, image: str, access: RegistryAccess | None) -> None:
        try:
            with _translated():
                async with asyncio.timeout(PULL_DEADLINE):
                    await self._download(image, access)
        except (Refused, Unavailable) as err:
            if not await self._has(image):
                raise NoSuchImage(
                    f'The image "{image}" could not be pulled and there is no local copy: {err.detail}'
                ) from err
            log.warning("image could not be pulled, the local copy is used", image=image, reason=err.detail)

    async def _download(self, image: str, access: RegistryAccess | None) -> None:
        name, tag = split_reference(image)
        params = {"fromImage": name, "tag": tag}
        headers = {}
        if access is not None:
            login = json.dumps({"username": access.username, "password": access.password}).encode()
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(login).decode()
        async with self._docker._query(  # noqa: SLF001 - the library's own pull offers no credentials per host
            "images/create", "POST", params=params, headers=headers, timeout=aiohttp.ClientTimeout(total=None)
        ) as response:
            async for raw in response.content:
                if not (line := raw.strip()):
                    continue
                message = json.loads(line)
                if reason := message.get("error"):
                    raise Refused(str(reason))
                text = f"{message.get('status', '')} {message.get('progress', '')}".rstrip()
                for watcher in self._watchers.get(image, ()):
                    watcher(text)

    async def _has(self, image: str) -> bool:
        try:
            await self._docker.images.inspect(image)
        except (DockerError, aiohttp.ClientError, OSError):
            return False
        return True

    async def create(self, spec: ContainerSpec) -> Container:
        """See `Runtime.create`."""
        with _translated():
            async with asyncio.timeout(DEADLINE):
                await self._docker.containers.create(creation_body(spec), name=spec.name)
        return self.container(spec.name)

    def container(self, name: str) -> "DockerContainerHandle":
        """See `Runtime.container`."""
        return DockerContainerHandle(self._docker, name)

    async def names(self, label: tuple[str, str]) -> list[str]:
        """See `Runtime.names`."""
        filters = json.dumps({"label": [f"{label[0]}={label[1]}"]})
        with _translated():
            async with asyncio.timeout(DEADLINE):
                found = await self._docker._query_json(  # noqa: SLF001
                    "containers/json", params={"all": "true", "filters": filters}
                )
        return [entry["Names"][0].lstrip("/") for entry in found]

    async def close(self) -> None:
        """See `Runtime.close`."""
        await self._docker.close()


class DockerContainerHandle:
    """See `Container`; one engine call per method."""

    def __init__(self, docker: aiodocker.Docker, name: str) -> None:
        self.name = name
        self._docker = docker
        self._container = DockerContainer(docker, id=name)

    async def attach(self) -> Console:
        """See `Container.attach`."""
        stream = self._container.attach(stdin=True, stdout=True, stderr=True, logs=False)
        with _translated():
            async with asyncio.timeout(DEADLINE):
                await stream._init()  # noqa: SLF001 - without it the connection opens at the first read
        return DockerConsole(stream)

    async def start(self) -> None:
        """See `Container.start`."""
        with _translated():
            async with asyncio.timeout(DEADLINE):
                await self._container.start()

    async def signal(self, signal: str) -> None:
        """See `Container.signal`."""
        try:
            with _translated():
                async with asyncio.timeout(DEADLINE):
                    await self._container.kill(signal=signal)
        except NoSuchContainer:
            return
        except Refused as err:
            if "is not running" not in err.detail:
                raise

    async def stop(self) -> None:
        """See `Container.stop`."""
        with contextlib.suppress(NoSuchContainer), _translated():
            await self._docker._query_json(  # noqa: SLF001 - the library caps the waiting time
                f"containers/{self.name}/stop",
                "POST",
                params={"t": "-1"},
                timeout=aiohttp.ClientTimeout(total=None),
            )

    async def wait(self) -> Exit:
        """See `Container.wait`."""
        try:
            with _translated():
                await self._container.wait(timeout=aiohttp.ClientTimeout(total=None))
                status = await self.status()
        except NoSuchContainer:
            return Exit(code=137, out_of_memory=False)
        return Exit(code=status.exit_code, out_of_memory=status.out_of_memory)

    async def status(self) -> Status:
        """See `Container.status`."""
        with _translated():
            async with asyncio.timeout(DEADLINE):
                shown = await self._container.show()
        state = shown["State"]
        return Status(
            running=state["Running"],
            exit_code=state["ExitCode"],
            out_of_memory=state["OOMKilled"],
            pid=state["Pid"],
            started_at=_moment(state.get("StartedAt", "")),
            log_path=shown.get("LogPath", ""),
            id=shown["Id"],
        )

    async def resize(self, limits: Limits) -> None:
        """See `Container.resize`."""
        with _translated():
            async with asyncio.timeout(10):
                await self._docker._query_json(  # noqa: SLF001
                    f"containers/{self.name}/update", "POST", data=resources(limits)
                )

    async def samples(self) -> AsyncIterator[Sample]:
        """See `Container.samples`: control group files where they can be read, else the engine's stream."""
        status = await self.status()
        reader = cgroups.reader_for(status.pid) if status.pid else None
        if reader is not None:
            with contextlib.closing(reader):
                async for sample in cgroups.each_second(reader):
                    yield sample
            return
        async for sample in self._streamed_samples():
            yield sample

    async def _streamed_samples(self) -> AsyncIterator[Sample]:
        loop = asyncio.get_running_loop()
        with _translated():
            async for shown in self._container.stats(stream=True):
                if shown.get("pids_stats") in (None, {}) and not shown["memory_stats"].get("usage"):
                    return
                yield sample_of_stream(shown, at=loop.time())

    async def tail(self, lines: int) -> list[bytes]:
        """See `Container.tail`; a line of more than 64 KiB ends the list, as the wire always did."""
        with _translated():
            async with (
                asyncio.timeout(DEADLINE),
                self._docker._query(  # noqa: SLF001 - the library decodes and splits text; we want bytes
                    f"containers/{self.name}/logs",
                    params={"stdout": "1", "stderr": "1", "tail": str(lines)},
                ) as response,
            ):
                raw = await response.read()
        found = raw.split(b"\n")
        if found and not found[-1]:
            found.pop()
        whole = []
        for line in found:
            if len(line) > _LOG_LINE_LIMIT:
                break
            whole.append(line.removesuffix(b"\r"))
        return whole

    async def remove(self) -> None:
        """See `Container.remove`."""
        with contextlib.suppress(NoSuchContainer), _translated():
            async with asyncio.timeout(DEADLINE):
                await self._container.delete(v=True, force=True)


class DockerConsole:
    """See `Console`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See `Console.__aiter__`."""
        while (message := await self._stream.read_out()) is not None:
            yield message.data

    async def send(self, data: bytes) -> None:
        """See `Console.send`."""
        with _translated():
            await self._stream.write_in(data)

    async def close(self) -> None:
        """See `Console.close`."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await self._stream.close()


def split_reference(image: str) -> tuple[str, str]:
    """Name and tag (or digest) of an image; no tag means `latest`."""
    if "@" in image:
        name, digest = image.split("@", 1)
        return name, digest
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:
        return image, "latest"
    return name, tag


def resources(limits: Limits) -> dict[str, Any]:
    """The engine's resource fields; limits that are not set are left out."""
    body: dict[str, Any] = {
        "Memory": limits.memory,
        "MemoryReservation": limits.memory_reservation,
        "MemorySwap": limits.memory_swap,
        "BlkioWeight": limits.io_weight,
    }
    if limits.oom_disabled is not None:
        body["OomKillDisable"] = limits.oom_disabled
    if limits.pids:
        body["PidsLimit"] = limits.pids
    if limits.cpu_quota:
        body |= {"CpuQuota": limits.cpu_quota, "CpuPeriod": limits.cpu_period, "CpuShares": limits.cpu_shares}
    if limits.cpu_set:
        body["CpusetCpus"] = limits.cpu_set
    return body


def creation_body(spec: ContainerSpec) -> dict[str, Any]:
    """The engine's creation request for a spec."""
    ports: dict[str, list[dict[str, str]]] = {}
    for binding in spec.ports:
        ports.setdefault(f"{binding.port}/{binding.protocol}", []).append(
            {"HostIp": binding.ip, "HostPort": str(binding.port)}
        )
    host: dict[str, Any] = {
        "PortBindings": ports,
        "Mounts": [
            {"Type": "bind", "Source": bind.source, "Target": bind.target, "ReadOnly": bind.read_only}
            for bind in spec.binds
        ],
        "Tmpfs": spec.tmpfs,
        "Dns": list(spec.dns),
        "SecurityOpt": list(spec.security_options),
        "CapDrop": list(spec.dropped_capabilities),
        "ReadonlyRootfs": spec.read_only_root,
        "NetworkMode": spec.network,
        "UsernsMode": spec.userns,
        **resources(spec.limits),
    }
    if spec.log_driver:
        host["LogConfig"] = {"Type": spec.log_driver, "Config": spec.log_options}
    body: dict[str, Any] = {
        "Hostname": spec.hostname,
        "Domainname": spec.domainname,
        "User": spec.user,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "Tty": True,
        "Env": list(spec.environment),
        "Image": spec.image,
        "Labels": spec.labels,
        "ExposedPorts": {port: {} for port in ports},
        "HostConfig": host,
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    return body


def sample_of_stream(shown: dict[str, Any], *, at: float) -> Sample:
    """One message of the engine's statistics stream. Source: Wings 1.11, resource polling."""
    memory, cpu, before = shown["memory_stats"], shown["cpu_stats"], shown["precpu_stats"]
    usage = memory.get("usage", 0)
    details = memory.get("stats") or {}
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    spent = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = cpu.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    cores = cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1
    networks = (shown.get("networks") or {}).values()
    return Sample(
        memory=usage - inactive if inactive < usage else usage,
        memory_limit=memory.get("limit", 0),
        cpu=round(spent / passed * 100 * cores, 3) if spent > 0 and passed > 0 else 0.0,
        received=sum(entry["rx_bytes"] for entry in networks),
        sent=sum(entry["tx_bytes"] for entry in networks),
        at=at,
    )


def _moment(text: str) -> datetime | None:
    """A time of the engine (`2026-01-01T10:00:00.123456789Z`); its zero time is none."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
