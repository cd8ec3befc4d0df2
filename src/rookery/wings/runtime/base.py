"""What a container engine does for us: mechanism without policy.

Nothing here knows of eggs, the Panel, process states, throttling or websockets. Servers and installers use the same
interface. Any method raises `Unavailable` when the engine does not answer in time, and `Refused` when it says no.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rookery.protocol.problems import Conflict
from rookery.protocol.units import Bytes

Progress = Callable[[str], None]
"""Takes one line about a running download."""


class Refused(Conflict):
    """The engine said no; the sentence is the engine's own."""


class NoSuchContainer(Refused):
    """There is no container of that name (any more)."""


class NoSuchImage(Refused):
    """The image is neither here nor to be had."""


class AddressTaken(Refused):
    """Another program of the host listens on an address the container wants."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Resources of a container in the engine's units; 0 and empty mean no limit."""

    memory: int = 0
    """Bytes."""
    memory_reservation: int = 0
    """Bytes."""
    memory_swap: int = 0
    """Memory and swap together in bytes; -1 is unlimited swap."""
    io_weight: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    cpu_shares: int = 0
    cpu_set: str = ""
    oom_disabled: bool | None = None
    pids: int = 0


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder of the host inside the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class PortBinding:
    """One published port; container and host use the same number."""

    ip: str
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything that makes a container; equal specs make equal containers."""

    name: str
    image: str
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    binds: tuple[Bind, ...] = ()
    tmpfs: dict[str, str] = field(default_factory=dict)
    ports: tuple[PortBinding, ...] | None = None
    """None: the container does not publish; empty: it may, and has nothing to publish now."""
    limits: Limits = Limits()
    dns: tuple[str, ...] = ()
    log_driver: str = ""
    log_options: dict[str, str] = field(default_factory=dict)
    security_options: tuple[str, ...] = ()
    dropped_capabilities: tuple[str, ...] = ()
    read_only_root: bool = False
    network: str = ""
    userns: str = ""


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """Credentials for one pull."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A bridge network of this node."""

    name: str
    driver: str = "bridge"
    internal: bool = False
    ipv6: bool = True
    subnets: tuple[tuple[str, str], ...] = ()
    """Pairs of subnet and gateway."""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What the engine says about a network."""

    name: str
    driver: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Status:
    """A container as the engine sees it now."""

    running: bool
    exit_code: int
    out_of_memory: bool
    pid: int
    started_at: datetime | None
    log_path: str
    id: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended."""

    code: int
    out_of_memory: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """Use of resources at one moment; counters run since the container started."""

    memory: Bytes
    memory_limit: Bytes
    cpu: float
    """Per cent of one core since the sample before."""
    received: Bytes
    sent: Bytes
    at: float
    """Monotonic seconds."""


class Console(Protocol):
    """Both directions of a container's terminal; several may be open, and each sees all of the output."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Raw chunks as they come; ends when the container stops, cannot start, or the engine closes the stream."""
        ...

    async def send(self, data: bytes) -> None:
        """Write to the process' input.

        Raises:
            Refused: the console is closed or the process has ended.
            Unavailable: the process does not read and its input is full.
        """
        ...

    async def close(self) -> None:
        """Detach; the container goes on. Closing twice is not an error."""
        ...


Unseen = Callable[[], bool]
"""Whether nobody looks at the samples at present."""
UNSEEN_SECONDS = 5.0


def never() -> bool:
    """Somebody always looks."""
    return False


class Container(Protocol):
    """One container by name; the name stays valid when the container is gone."""

    name: str

    async def attach(self) -> Console:
        """The terminal, from now on; called before `start`, nothing of the output is missed.

        Raises:
            NoSuchContainer: it does not exist.
        """
        ...

    async def start(self) -> None:
        """Run it; starting a started container is not an error.

        Raises:
            NoSuchContainer: it does not exist.
            AddressTaken: an address it publishes is in use.
            Refused: the engine cannot run it; the sentence is the engine's own.
        """
        ...

    async def signal(self, signal: str) -> None:
        """Send `SIGTERM`, `SIGKILL`, … to its first process; to a stopped or missing container nothing happens."""
        ...

    async def stop(self) -> None:
        """Send the image's stop signal and wait as long as it takes; a stopped or missing one is fine."""
        ...

    async def wait(self) -> Exit:
        """Wait until it is not running, through restarts of the engine too; immediate when it is stopped already.

        A container that is gone has ended with code 1; one that is taken away while it is waited for has the code of
        its process.
        """
        ...

    async def status(self) -> Status:
        """What the engine sees.

        Raises:
            NoSuchContainer: it does not exist.
        """
        ...

    async def resize(self, limits: Limits) -> None:
        """Change limits of the existing container in place; a limit that is 0 or empty stays as it is.

        Raises:
            NoSuchContainer: it does not exist.
            Refused: the engine cannot, such as below what is in use.
        """
        ...

    def samples(self, unseen: Unseen = never) -> AsyncGenerator[Sample, None]:
        """About one a second while running, then ends; to be closed by who stops earlier (`aclosing`).

        While `unseen()` holds there may be fewer, but one each `UNSEEN_SECONDS`.
        """
        ...

    async def tail(self, lines: int) -> list[bytes]:
        """The last lines of the engine's log, oldest first, without line ends; empty lines included.

        Raises:
            NoSuchContainer: it does not exist.
        """
        ...

    async def remove(self) -> None:
        """Delete it and its anonymous volumes, running or not; removing what is gone is not an error."""
        ...


class Runtime(Protocol):
    """A container engine on this node."""

    name: str

    async def info(self) -> dict[str, Any]:
        """The engine's own description of itself and its version, merged."""
        ...

    async def prepare(self, network: NetworkSpec) -> NetworkInfo:
        """The network as it exists afterwards; an existing one is taken as it is.

        When the wanted subnets overlap with others of the host, the engine chooses free ones.
        """
        ...

    async def fetch(self, image: str, access: RegistryAccess | None, progress: Progress) -> None:
        """Make the image usable; when a pull fails and a local copy exists, that is success.

        Callers who want one image at the same time share one download; each sees its progress. One who stops waiting
        does not end it for the others.

        Raises:
            NoSuchImage: it could not be pulled and is not here.
        """
        ...

    async def create(self, spec: ContainerSpec) -> Container:
        """A container that does not run yet.

        Raises:
            NoSuchImage: the image is not here.
            Refused: a container of that name exists, or the engine refuses the spec.
        """
        ...

    def container(self, name: str) -> Container:
        """A handle by name, whether or not the container exists, also for one made before this process."""
        ...

    async def names(self, label: tuple[str, str]) -> list[str]:
        """Names of all containers, running or not, with that label."""
        ...

    async def close(self) -> None:
        """Let go of the engine; containers go on."""
        ...
