"""Start, stop, restart and kill, one at a time per server.

Everything but kill holds the server's power lock for the whole action. A stop or a kill that comes while a start is
still preparing cancels that start. Source: Wings 1.11 power actions.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import structlog

from rookery.protocol.problems import Conflict, Problem, Unavailable
from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.runtime.base import Container, NoSuchContainer
from rookery.wings.servers import preflight
from rookery.wings.servers.lifecycle import Happened
from rookery.wings.servers.spec import outgoing_network, registry_access, server_spec

if TYPE_CHECKING:
    from rookery.wings.servers.server import Server

log = structlog.get_logger()
STOP_SECONDS = 600.0
"""How long a stop may take before the process is killed."""
_LAUNCH_SECONDS = 30.0


class Busy(Conflict):
    """Another power action holds the server."""

    def __init__(self) -> None:
        super().__init__("another power action is currently being processed for this server, please try again later")


class Power:
    """The power actions of one server."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._lock = asyncio.Lock()
        self._starting: asyncio.Task[None] | None = None
        self.stopping: asyncio.Event | None = None
        """Set when the stop that is under way has given the lock back; None when none is."""

    @property
    def busy(self) -> bool:
        """Whether an action is under way."""
        return self._lock.locked()

    async def act(self, action: PowerAction, *, wait: float = 0) -> None:
        """Carry out an action; waits up to `wait` seconds for the one before.

        Raises:
            Busy: another action holds the server.
            Conflict: the server is installing, being restored or moved, or is running already.
            Problem: the start failed; the sentence says why.
        """
        self._server.check_free()
        if action in (PowerAction.STOP, PowerAction.KILL):
            await self._cancel_start()
        if action is PowerAction.KILL:
            await self._kill()
            return
        async with self._held(action, wait):
            if action is not PowerAction.START:
                await self._stop(STOP_SECONDS, kill=True)
            if action is not PowerAction.STOP:
                await self._prepare_and_launch()

    @contextlib.asynccontextmanager
    async def _held(self, action: PowerAction, wait: float = 0) -> AsyncIterator[None]:
        if self._lock.locked() and wait <= 0:
            raise Busy
        try:
            async with asyncio.timeout(wait or None):
                await self._lock.acquire()
        except TimeoutError as err:
            raise Busy from err
        released = asyncio.Event()
        if action is PowerAction.STOP:
            self.stopping = released
        try:
            yield
        finally:
            self.stopping = None
            self._lock.release()
            released.set()

    async def stop_within(self, seconds: float, *, kill: bool) -> None:
        """Stop the process as its egg says and wait until it is gone.

        Raises:
            Conflict: it did not stop in time and `kill` is off.
        """
        await self._cancel_start()
        await self._stop(seconds, kill=kill)

    async def _cancel_start(self) -> None:
        starting = self._starting
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.wait([starting])

    # Start

    async def _prepare_and_launch(self) -> None:
        await self._server.settled.wait()
        if self._server.state is not ProcessState.OFFLINE:
            raise Conflict("server is running")
        self._starting = asyncio.create_task(self._start(), name=f"start:{self._server.uuid}")
        try:
            await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if not self._starting.done():
                self._starting.cancel()
                raise
            log.info("a start was cancelled", server=self._server.uuid)
        finally:
            self._starting = None

    async def _start(self) -> None:
        server = self._server
        await preflight.run(server)
        container = server.container
        with contextlib.suppress(NoSuchContainer):
            status = await container.status()
            if status.running:
                await self.adopt(container)
                return
        server.launching()
        try:
            await self._launch()
        except Problem as err:
            server.say(_console_reason(err))
            server.happen(Happened.NOT_STARTED)
            raise
        except BaseException:
            await self._withdraw(container)
            raise

    async def make_container(self) -> Container:
        """Fetch the image and replace the server's container by a fresh one that does not run yet.

        Raises:
            Problem: the image is not to be had, or the engine refuses the container.
        """
        server, node = self._server, self._server.node
        configuration = server.configuration
        await self._fetch_image()
        await server.container.remove()
        if configuration.allocations.force_outgoing_ip:
            await node.runtime.prepare(outgoing_network(configuration.allocations.default_ip))
        return await node.runtime.create(server_spec(configuration, node.config, server.volume.root))

    async def _launch(self) -> None:
        server = self._server
        container = await self.make_container()
        try:
            async with asyncio.timeout(_LAUNCH_SECONDS):
                # Attach before start: output printed between start and attach would be lost.
                await server.attach(container)
                await container.start()
        except TimeoutError as err:
            raise Unavailable("The container engine did not start the container in time.") from err
        server.follow_usage(container, None)

    async def _withdraw(self, container: Container) -> None:
        """Undo a start that was cancelled half-way."""
        with contextlib.suppress(Problem):
            await container.remove()
        self._server.happen(Happened.NOT_STARTED)

    async def _fetch_image(self) -> None:
        server, node = self._server, self._server.node
        image = server.configuration.image
        server.say("Pulling Docker container image, this could take a few minutes to complete...")
        try:
            if not image:
                raise Conflict("The server has no container image.")
            if not image.startswith("~"):
                await node.runtime.fetch(image, registry_access(image, node.config), self._show_progress)
        finally:
            server.say("Finished pulling Docker container image")

    def _show_progress(self, line: str) -> None:
        self._server.events.publish("install output", line)

    async def adopt(self, container: Container) -> None:
        """Take over a container that runs already."""
        server = self._server
        status = await container.status()
        server.happen(Happened.ADOPTED)
        await server.attach(container)
        server.follow_usage(container, status.started_at)

    # Stop

    async def _stop(self, seconds: float, *, kill: bool) -> None:
        server = self._server
        if server.state is ProcessState.OFFLINE:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._ask_to_stop()
                await self._gone()
        except TimeoutError as err:
            if not kill:
                raise Conflict("The server did not stop in time.") from err
            await self._kill()

    async def _ask_to_stop(self) -> None:
        server, stop = self._server, self._server.configuration.process.stop
        container = server.container
        if stop.type == "command" and server.console is not None:
            server.happen(Happened.STOP_SENT)
            await server.console.send(f"{stop.value}\n".encode())
        elif stop.type == "signal":
            server.happen(Happened.STOP_SENT)
            await container.signal(signal_name(stop.value))
        elif stop.type == "":
            await self._kill()
        else:
            server.happen(Happened.STOP_SENT)
            await container.stop()

    async def _kill(self) -> None:
        server = self._server
        if server.state is ProcessState.OFFLINE:
            return
        server.happen(Happened.KILLED)
        await server.container.signal("SIGKILL")
        await self._gone()

    async def _gone(self) -> None:
        """Wait until the process has really ended and its console was read to the end."""
        await self._server.ended.wait()


def signal_name(value: str) -> str:
    """The engine's name for an egg's signal: `C` and `^C` interrupt; what is unknown kills.

    Source: Wings 1.11 stop types, with the named signals really sent.
    """
    name = value.strip().upper().lstrip("^")
    if name == "C":
        return "SIGINT"
    if name.isdigit() and int(name) in {s.value for s in signal.Signals}:
        return signal.Signals(int(name)).name
    name = name if name.startswith("SIG") else f"SIG{name}"
    return name if name in signal.Signals.__members__ else "SIGKILL"


def _console_reason(err: Problem) -> str:
    return f"The server could not be started: {err.detail}"
