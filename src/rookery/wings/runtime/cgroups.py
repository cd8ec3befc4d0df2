"""Resource use of a container straight from the kernel's files: about a twenty-fifth of the engine's stream in cost.

Control groups of version 1 and 2 are understood. Files are opened once and re-read through their descriptors; a read
that fails means the container has ended.
"""

import asyncio
import math
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from rookery.protocol.units import Bytes
from rookery.wings.runtime.base import UNSEEN_SECONDS, Sample, Unseen, never

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60
_LEAST_SECONDS = 0.5
"""Between two samples; over less, the share of the processor says little."""


class Reader(Protocol):
    """The counters of one running container."""

    def read(self) -> tuple[int, int, int, int, int]:
        """Memory and its limit in bytes, processor nanoseconds, bytes received, bytes sent.

        Raises:
            OSError: the container has ended.
        """
        ...

    def close(self) -> None:
        """Give the descriptors back."""
        ...


class _Files:
    def __init__(self, *paths: Path) -> None:
        self._open: list[int] = []
        try:
            for path in paths:
                self._open.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self.close()
            raise

    def text(self, index: int, size: int = 8192) -> str:
        return os.pread(self._open[index], size, 0).decode()

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()


class VersionOne:
    """Controllers of version 1: `memory` and `cpuacct`."""

    def __init__(self, memory: Path, cpuacct: Path, network: Path) -> None:
        self._files = _Files(
            memory / "memory.usage_in_bytes",
            memory / "memory.stat",
            memory / "memory.limit_in_bytes",
            cpuacct / "cpuacct.usage",
            network,
        )

    def read(self) -> tuple[int, int, int, int, int]:
        """See `Reader.read`."""
        usage, inactive = int(self._files.text(0)), _field(self._files.text(1), "total_inactive_file")
        limit = _limit(self._files.text(2))
        received, sent = _traffic(self._files.text(4))
        return usage - inactive if inactive < usage else usage, limit, int(self._files.text(3)), received, sent

    def close(self) -> None:
        """See `Reader.close`."""
        self._files.close()


class VersionTwo:
    """The unified hierarchy."""

    def __init__(self, group: Path, network: Path) -> None:
        self._files = _Files(
            group / "memory.current", group / "memory.stat", group / "memory.max", group / "cpu.stat", network
        )

    def read(self) -> tuple[int, int, int, int, int]:
        """See `Reader.read`."""
        usage, inactive = int(self._files.text(0)), _field(self._files.text(1), "inactive_file")
        limit, spent = _limit(self._files.text(2)), _field(self._files.text(3), "usage_usec") * 1000
        received, sent = _traffic(self._files.text(4))
        return usage - inactive if inactive < usage else usage, limit, spent, received, sent

    def close(self) -> None:
        """See `Reader.close`."""
        self._files.close()


def has_io_weight(cgroup: Path = _CGROUP) -> bool:
    """Whether groups of version 2 know a weight for disk access; only some schedulers of the kernel offer it."""
    return any(cgroup.glob("*/io.weight")) or any(cgroup.glob("*/io.bfq.weight"))


def reader_for(pid: int, container: str, *, proc: Path = _PROC, cgroup: Path = _CGROUP) -> Reader | None:
    """The reader for the container with the id `container` whose first process is `pid`.

    None when its files cannot be reached from here: the engine is on another machine, where `pid` is somebody else's
    here, or this process sees another part of the hierarchy.
    """
    try:
        text = (proc / str(pid) / "cgroup").read_text()
        if container not in text:
            return None
        groups = _groups(text)
        network = proc / str(pid) / "net" / "dev"
        if "memory" in groups and "cpuacct" in groups:
            return VersionOne(cgroup / "memory" / groups["memory"], _accounting(cgroup, groups["cpuacct"]), network)
        if "" in groups:
            return VersionTwo(cgroup / groups[""], network)
    except OSError:
        return None
    return None


async def each_second(reader: Reader, unseen: Unseen = never) -> AsyncGenerator[Sample, None]:
    """A sample at once and then one a second, fewer while `unseen()`, until the container ends.

    All containers are read at the same moments: one awakening of the loop costs more than reading a container does.
    """
    loop = asyncio.get_running_loop()
    spent_before: int | None = None
    at_before = 0.0
    while True:
        at = loop.time()
        try:
            memory, limit, spent, received, sent = reader.read()
        except (OSError, ValueError):
            return
        cpu = 0.0
        if spent_before is not None and at > at_before:
            cpu = round(max(spent - spent_before, 0) / ((at - at_before) * 1e9) * 100, 3)
        spent_before, at_before = spent, at
        yield Sample(Bytes(memory), Bytes(limit), cpu, Bytes(received), Bytes(sent), at)
        await _next_tick(at)
        while unseen() and loop.time() - at < UNSEEN_SECONDS - _LEAST_SECONDS:
            await _next_tick(loop.time())


async def _next_tick(after: float) -> None:
    """Wait for the next whole second of the loop's clock that is not too close."""
    await asyncio.sleep(math.ceil(after + _LEAST_SECONDS) - asyncio.get_running_loop().time())


def _accounting(cgroup: Path, path: str) -> Path:
    """The folder of `cpuacct`, which some hosts mount together with `cpu` and without a link of its own name."""
    alone = cgroup / "cpuacct"
    return (alone if alone.exists() else cgroup / "cpu,cpuacct") / path


def _groups(text: str) -> dict[str, str]:
    """Controller to path below the hierarchy's root; version 2 has the empty controller."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path.lstrip("/")
    return found


def _field(text: str, name: str) -> int:
    """The number after a name at the beginning of a line; 0 when it is not there."""
    lines = f"\n{text}"
    start = lines.find(f"\n{name} ")
    if start < 0:
        return 0
    start += len(name) + 2
    return int(lines[start:].partition("\n")[0])


def _limit(text: str) -> int:
    value = text.strip()
    limit = _UNLIMITED if value == "max" else int(value)
    return limit if limit < _UNLIMITED else _host_memory()


def _host_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _traffic(text: str) -> tuple[int, int]:
    """Bytes received and sent over all interfaces but loopback, from `/proc/PID/net/dev`."""
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            continue
        numbers = counters.split()
        received, sent = received + int(numbers[0]), sent + int(numbers[8])
    return received, sent
