"""A game server on its node: configuration, process, files, and what is known about them.

A `Server` owns its background tasks and its state; everything that changes the state goes through `happen`, in order.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import structlog

from rookery.protocol.problems import Conflict, Invalid, Problem
from rookery.protocol.states import ProcessState
from rookery.protocol.units import MiB, bytes_of_mib
from rookery.wings.events import Bus, EventName
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.pull import Pulls
from rookery.wings.files.volume import Volume
from rookery.wings.panel.client import PanelError, ServerUnknown
from rookery.wings.runtime.base import Console, Container, Exit, NoSuchContainer
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.console import DoneMatcher, LineSplitter, Throttle, daemon_line
from rookery.wings.servers.crash import Crashes
from rookery.wings.servers.lifecycle import Happened, step
from rookery.wings.servers.node import Node
from rookery.wings.servers.power import Power
from rookery.wings.servers.spec import limits
from rookery.wings.servers.usage import Usage
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_RELEASE_SECONDS = 1.0
_END_SECONDS = 2.0
"""How long after its console a process may take to be gone."""
EXCLUSIVE = {
    "restoring": "server is currently being restored",
    "transferring": "server is currently being transferred",
    "installing": "server is currently installing",
}
"""What else can hold a server, in the order the wire names it, with the wire's sentence."""


class Server:
    """One server; made by the registry."""

    def __init__(self, node: Node, configuration: ServerConfiguration) -> None:
        config = node.config
        self.node = node
        self.configuration = configuration
        self.volume = Volume(
            f"{config.system.data}/{configuration.uuid}",
            uid=config.system.user.uid,
            gid=config.system.user.gid,
            limit=bytes_of_mib(MiB(configuration.build.disk_space)),
        )
        self.pulls = Pulls(self.volume)
        self.events = Bus()
        self.state = ProcessState.OFFLINE
        self.usage = Usage()
        self.suspended = configuration.suspended
        self.held_by: set[str] = set()
        self.power = Power(self)
        self.crashes = Crashes(self)
        self.console: Console | None = None
        self.ended = asyncio.Event()
        """Set while no process is followed."""
        self.ended.set()
        self.settled = asyncio.Event()
        """Cleared from the end of a process until everybody was told."""
        self.settled.set()
        self.last_exit = Exit(0, out_of_memory=False)
        self._matcher = DoneMatcher((), strip_ansi=False)
        self._throttle = Throttle(config.throttles.lines, config.throttles.line_reset_interval / 1000)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._counting: asyncio.Task[None] | None = None
        self._over_limit = False
        self.removed = False

    # Identity and figures

    @property
    def uuid(self) -> str:
        """The server's identifier, also the name of its container."""
        return self.configuration.uuid

    @property
    def container(self) -> Container:
        """A handle on the server's container, whether or not it exists."""
        return self.node.runtime.container(self.uuid)

    @property
    def denylist(self) -> Patterns:
        """Files its users must not touch."""
        return Patterns.parse(self.configuration.file_denylist)

    def shown(self) -> dict[str, Any]:
        """The server as the API shows it."""
        return {
            "state": str(self.state),
            "is_suspended": self.suspended,
            "utilization": self.usage.shown(self.state, self.volume.used),
            "configuration": self.configuration.shown(),
        }

    def stats(self) -> str:
        """The argument of a `stats` event now."""
        return self.usage.text(self.state, self.volume.used)

    # Telling viewers

    def say(self, text: str) -> None:
        """A console line of the daemon."""
        if self.events.watched:
            self.events.publish(EventName.CONSOLE_OUTPUT, daemon_line(self.node.config.app_name, text))

    def happen(self, happened: Happened) -> bool:
        """Take note of what happened to the process; True when it counts as a crash."""
        result = step(self.state, happened)
        self.state = result.state
        if result.changed:
            self.events.publish(EventName.STATUS, str(result.state))
            if result.state is ProcessState.OFFLINE:
                self.usage.clear()
                self.events.publish(EventName.STATS, self.stats())
        return result.crashed

    # Tasks and exclusion

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something in the background for as long as the server exists."""
        task = asyncio.create_task(work, name=f"{name}:{self.uuid}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()) is not None:
            log.error("a background task failed", task=task.get_name(), exc_info=err)

    @contextlib.contextmanager
    def exclusive(self, reason: str) -> Iterator[None]:
        """Hold the server for an installation, a restore or a transfer.

        Raises:
            Conflict: it is held for the same reason already.
        """
        if reason in self.held_by:
            raise Conflict(EXCLUSIVE[reason])
        self.held_by.add(reason)
        try:
            yield
        finally:
            self.held_by.discard(reason)

    def check_free(self) -> None:
        """Whether power actions are possible.

        Raises:
            Conflict: an installation, restore or transfer holds the server.
        """
        for reason, sentence in EXCLUSIVE.items():
            if reason in self.held_by:
                raise Conflict(sentence)

    # Configuration

    async def sync(self) -> None:
        """Fetch the configuration from the Panel and apply it.

        Raises:
            SyncFailed: there was no usable answer; nothing is changed then.
        """
        try:
            document = await self.node.panel.server(self.uuid)
            crash_detection = self.node.config.system.crash_detection.enabled
            configuration = ServerConfiguration.read(document, uuid=self.uuid, crash_detection=crash_detection)
        except (PanelError, ServerUnknown, Invalid) as err:
            raise SyncFailed(err) from err
        self.apply(configuration)

    def apply(self, configuration: ServerConfiguration) -> None:
        """Make a configuration current: limits of a running container at once, the rest at the next start."""
        changed = configuration.build != self.configuration.build
        self.configuration = configuration
        self.suspended = configuration.suspended
        self.volume.limit = bytes_of_mib(MiB(configuration.build.disk_space))
        if self.suspended:
            if self.state is not ProcessState.OFFLINE:
                self.spawn(self.power.stop_within(60, kill=True), "suspend")
        elif changed and self.state is not ProcessState.OFFLINE:
            self.spawn(self._resize(), "resize")

    async def _resize(self) -> None:
        docker = self.node.config.docker
        try:
            await self.container.resize(
                limits(self.configuration.build, docker.overhead, pids=docker.container_pid_limit)
            )
        except Problem as err:
            log.warning("limits of the running container were not changed", server=self.uuid, reason=err.detail)

    # Process

    async def attach(self, container: Container) -> None:
        """Follow a container's console and resources; call before it starts."""
        self.console = await container.attach()
        self.ended.clear()
        process = self.configuration.process
        self._matcher = DoneMatcher(process.done, strip_ansi=process.strip_ansi)
        self._over_limit = False
        self.spawn(self._follow(container, self.console), "console")

    def follow_usage(self, container: Container, started: datetime | None) -> None:
        """Sample the resources of a container that runs since `started`."""
        running_for = (datetime.now(UTC) - started).total_seconds() if started else 0.0
        self.usage.began = time.monotonic() - running_for
        self.spawn(self._sample(container), "usage")

    def launching(self) -> None:
        """A start passed its checks."""
        self._throttle.reset()
        self.happen(Happened.LAUNCHING)

    async def _follow(self, container: Container, console: Console) -> None:
        """Read the console until the process has ended, also when the engine drops the stream meanwhile."""
        await self._read(console)
        while (exit_ := await _ended(container)) is None:
            log.info("the console was cut off while the process runs, attaching again", server=self.uuid)
            try:
                self.console = await container.attach()
            except Problem:
                continue
            await self._read(self.console)
        await self._end(exit_)

    async def _read(self, console: Console) -> None:
        splitter = LineSplitter()
        try:
            async for chunk in console:
                self._take_lines(splitter.feed(chunk))
            self._take_lines(splitter.finish())
        except Problem as err:
            log.warning("the console was cut off", server=self.uuid, reason=err.detail)
        finally:
            await console.close()

    async def _end(self, exit_: Exit) -> None:
        self.last_exit = exit_
        self.console = None
        self.settled.clear()
        stopping = self.power.stopping
        self.ended.set()
        try:
            if stopping is not None:
                # Give the power lock back before anybody can see that the server is offline.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RELEASE_SECONDS):
                        await stopping.wait()
            if self.happen(Happened.EXITED):
                self.spawn(self.crashes.handle(exit_), "crash")
        finally:
            self.settled.set()

    def _take_lines(self, lines: list[bytes]) -> None:
        watched, now = self.events.watched, time.monotonic()
        for line in lines:
            if self.state.is_up:
                self._watch(line)
            if not watched:
                continue
            if self._throttle.allows(now):
                self.events.publish(EventName.CONSOLE_OUTPUT, line.decode("utf-8", "replace"))
            elif self._throttle.first_refusal():
                self.say("Server is outputting console data too quickly -- throttling...")

    def _watch(self, line: bytes) -> None:
        if self.state is ProcessState.STARTING and self._matcher.matches(line):
            self.happen(Happened.READY)
        stop = self.configuration.process.stop
        if stop.type == "command" and line == stop.value.encode():
            self.happen(Happened.STOP_SENT)

    async def send_commands(self, *texts: str) -> None:
        """Type lines into the console, all at once.

        Raises:
            Conflict: the process is not attached.
        """
        if self.console is None:
            raise Conflict("The server is not running.")
        stop = self.configuration.process.stop
        if stop.type == "command" and stop.value in texts:
            self.happen(Happened.STOP_SENT)
        await self.console.send("".join(f"{text}\n" for text in texts).encode())

    async def _sample(self, container: Container) -> None:
        try:
            async with contextlib.aclosing(container.samples(lambda: not self.events.watched)) as samples:
                async for sample in samples:
                    if self.state is ProcessState.OFFLINE:
                        return
                    self.usage.take(sample)
                    self._check_disk()
                    if self.events.watched:
                        self.events.publish(EventName.STATS, self.stats())
        except NoSuchContainer:
            return

    # Disk

    def _check_disk(self) -> None:
        interval = self.node.config.system.disk_check_interval
        if interval and not self.volume.counted_within(interval):
            self.count_soon()
        if self.volume.is_full() and not self._over_limit and self.state.is_up:
            self._over_limit = True
            self.say("Server is exceeding the assigned disk space limit, stopping process now.")
            self.spawn(self.power.stop_within(60, kill=True), "disk-limit")

    def count_soon(self) -> None:
        """Have the disk use counted in the background, unless that is under way."""
        if self._counting is None or self._counting.done():
            self._counting = self.spawn(self._count(), "disk")

    async def _count(self) -> None:
        await in_thread(self.volume.count)

    async def fresh_disk_use(self) -> None:
        """Wait until the figure of the disk is one the configuration still calls valid."""
        interval = self.node.config.system.disk_check_interval
        if interval and not self.volume.counted_within(interval):
            self.count_soon()
            if self._counting is not None:
                await asyncio.wait([self._counting])

    # End

    async def close(self) -> None:
        """Let go of everything but the container, which goes on."""
        self.pulls.cancel_all()
        for task in list(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(t for t in self._tasks if t is not asyncio.current_task()), return_exceptions=True)
        self.events.close()


async def _ended(container: Container) -> Exit | None:
    """How the process ended; None when it goes on although its console has ended."""
    try:
        async with asyncio.timeout(_END_SECONDS):
            return await container.wait()
    except TimeoutError:
        return None


class SyncFailed(Problem):
    """The configuration could not be fetched; `cause` tells whether the Panel was silent, slow or said no."""

    def __init__(self, cause: Problem) -> None:
        super().__init__(f"unable to sync server data from Panel instance: {cause.detail}")
        self.cause = cause
