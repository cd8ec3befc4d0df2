"""All servers of this node: loaded at boot, created, found, deleted; their process states across restarts."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from rookery.protocol.problems import NotFound, Problem
from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.config import write_atomically
from rookery.wings.events import EventName
from rookery.wings.panel.client import PanelError
from rookery.wings.runtime.base import NoSuchContainer
from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.install import install
from rookery.wings.servers.node import Node
from rookery.wings.servers.power import Busy
from rookery.wings.servers.server import Server
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_STATES_SECONDS = 60
_RESTORE_AT_ONCE = 4
_START_WAIT = 30.0


class Registry:
    """Finds servers by uuid."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._servers: dict[str, Server] = {}
        self.closing: Callable[[str], Awaitable[None]] | None = None
        """Closes the consoles of a server that is going away; set by whoever serves them."""
        self._states_path = Path(node.config.system.root_directory, "states.json")

    def __iter__(self) -> Iterator[Server]:
        """All servers, in no order."""
        return iter(list(self._servers.values()))

    def find(self, uuid: str) -> Server | None:
        """The server, if it is on this node."""
        return self._servers.get(uuid)

    def get(self, uuid: str) -> Server:
        """The server.

        Raises:
            NotFound: it is not on this node.
        """
        server = self._servers.get(uuid)
        if server is None:
            raise NotFound("The requested resource does not exist on this instance.")
        return server

    # Boot

    async def load(self) -> None:
        """Fetch all servers of this node from the Panel; a broken one is logged and left out.

        Raises:
            PanelError: the list could not be had.
        """
        per_page = self.node.config.remote_query.boot_servers_per_page
        first = await self.node.panel.servers_page(0, per_page)
        meta = first.get("meta")
        current, last = _pages(meta)
        rest = await asyncio.gather(
            *(self.node.panel.servers_page(page, per_page) for page in range(current + 1, last + 1))
        )
        for page in (first, *rest):
            for entry in page.get("data") or ():
                self._load_one(entry)

    def _load_one(self, entry: Any) -> None:
        try:
            if not isinstance(entry, Mapping):
                raise NotFound("The entry is no object.")
            crash_detection = self.node.config.system.crash_detection.enabled
            configuration = ServerConfiguration.read(
                entry, uuid=str(entry.get("uuid", "")), crash_detection=crash_detection
            )
            if configuration.uuid:
                self._servers[configuration.uuid] = Server(self.node, configuration)
        except Problem as err:
            log.error("a server of the Panel's list is left out", reason=err.detail)  # noqa: TRY400 - a known problem

    async def restore(self) -> None:
        """Adopt what runs, start what ran before the node went down, and count disk use; a few servers at a time."""
        saved = await in_thread(self._read_states)
        gate = asyncio.Semaphore(_RESTORE_AT_ONCE)

        async def one(server: Server) -> None:
            async with gate:
                try:
                    await self._restore_one(server, saved.get(server.uuid, ""))
                except Problem as err:
                    log.warning("a server was not restored", server=server.uuid, reason=err.detail)

        running = await self._running_containers()
        await in_thread(_make_folders, list(self._servers.values()))
        await asyncio.gather(
            *(
                one(server)
                for server in self._servers.values()
                if server.uuid in running or saved.get(server.uuid) in (ProcessState.RUNNING, ProcessState.STARTING)
            )
        )
        await self._remove_orphaned_installers()

    async def _running_containers(self) -> set[str]:
        try:
            return set(await self.node.runtime.names(("Service", "Pterodactyl")))
        except Problem as err:
            log.error("the engine does not list its containers", reason=err.detail)  # noqa: TRY400
            return set(self._servers)

    async def _restore_one(self, server: Server, saved: str) -> None:
        container = server.container
        try:
            running = (await container.status()).running
        except NoSuchContainer:
            running = False
        if running:
            await server.power.adopt(container)
            server.spawn(self._sync(server), "sync")
        elif saved in (ProcessState.RUNNING, ProcessState.STARTING):
            server.spawn(self.act_quietly(server, PowerAction.START), "start")

    async def _sync(self, server: Server) -> None:
        try:
            await server.sync()
        except Problem as err:
            log.warning("a running server was not synced", server=server.uuid, reason=err.detail)

    async def _remove_orphaned_installers(self) -> None:
        """Installers of a process that ended: nobody waits for them, and the Panel was told by the reset."""
        try:
            for name in await self.node.runtime.names(("ContainerType", "server_installer")):
                server = self._servers.get(name.removesuffix("_installer"))
                if server is not None and "installing" not in server.held_by:
                    await self.node.runtime.container(name).remove()
        except Problem as err:
            log.warning("left-over installers were not removed", reason=err.detail)

    async def act_quietly(self, server: Server, action: PowerAction, *, wait: float = 0) -> None:
        """A power action nobody waits for; a failure is logged, and shown in the console where a person asked."""
        try:
            await server.power.act(action, wait=wait)
        except Busy as err:
            log.info("a power action was not carried out", server=server.uuid, action=action, reason=err.detail)
        except Problem as err:
            log.warning("a power action failed", server=server.uuid, action=action, reason=err.detail)
            if server.state is ProcessState.OFFLINE and action in (PowerAction.START, PowerAction.RESTART):
                server.say(f"The server was not started: {err.detail}")

    # States across restarts

    def _read_states(self) -> dict[str, str]:
        try:
            found = json.loads(self._states_path.read_text() or "{}")
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_states(self) -> None:
        """Note the process state of each server for the next boot. Blocking."""
        states = {server.uuid: str(server.state) for server in self._servers.values()}
        write_atomically(self._states_path, json.dumps(states), mode=0o644)

    async def write_states_forever(self) -> None:
        """Note the states once a minute."""
        while True:
            await asyncio.sleep(_STATES_SECONDS)
            await in_thread(self.write_states)

    # Create and delete

    async def create(self, uuid: str, *, start: bool) -> None:
        """Take a new server in and install it in the background; one that is here already is synced and installed.

        Raises:
            PanelError: the Panel does not give its configuration.
            NotFound: the Panel does not know it.
        """
        document = await self.node.panel.server(uuid)
        crash_detection = self.node.config.system.crash_detection.enabled
        configuration = ServerConfiguration.read(document, uuid=uuid, crash_detection=crash_detection)
        server = self._servers.get(configuration.uuid)
        if server is None:
            server = self._servers[configuration.uuid] = Server(self.node, configuration)
        else:
            server.apply(configuration)
        await in_thread(server.volume.make)
        server.spawn(self._install_new(server, start=start), "install")

    async def take_in(self, uuid: str) -> Server:
        """A server that comes from another node, with an empty volume and nothing else yet.

        Raises:
            PanelError, NotFound: the Panel does not give its configuration.
        """
        document = await self.node.panel.server(uuid)
        crash_detection = self.node.config.system.crash_detection.enabled
        configuration = ServerConfiguration.read(document, uuid=uuid, crash_detection=crash_detection)
        server = self._servers[configuration.uuid] = Server(self.node, configuration)
        await in_thread(server.volume.make)
        return server

    async def drop(self, server: Server) -> None:
        """Forget a server that did not arrive, with its files and its container if there is one."""
        self._servers.pop(server.uuid, None)
        server.removed = True
        await server.close()
        try:
            await server.container.remove()
        except Problem as err:
            log.warning("a container was left behind", server=server.uuid, reason=err.detail)
        await in_thread(server.volume.destroy)

    async def _install_new(self, server: Server, *, start: bool) -> None:
        if not server.configuration.image and not server.configuration.egg_id:
            log.error("a new server has no image and no egg, nothing is installed", server=server.uuid)
            return
        try:
            await server.power.make_container()
        except Problem as err:
            log.warning("the container of a new server was not made yet", server=server.uuid, reason=err.detail)
        if await install(server) and start:
            await self.act_quietly(server, PowerAction.START, wait=_START_WAIT)

    async def delete(self, server: Server) -> None:
        """End the server and everything that belongs to it; its files go in the background.

        Raises:
            Problem: the engine does not remove the container; the server stays.
        """
        server.suspended = True
        if "transferring" in server.held_by:
            server.events.publish(EventName.TRANSFER_STATUS, "completed")
        server.events.publish(EventName.DELETED, "null")
        server.removed = True
        server.events.flush()
        if self.closing is not None:
            await self.closing(server.uuid)
        await server.close()
        await self.node.runtime.container(f"{server.uuid}_installer").remove()
        await server.container.remove()
        self._servers.pop(server.uuid, None)
        await in_thread(self._remove_traces, server)

    def _remove_traces(self, server: Server) -> None:
        server.volume.destroy()
        system = self.node.config.system
        Path(system.log_directory, "install", f"{server.uuid}.log").unlink(missing_ok=True)

    async def close(self) -> None:
        """Let go of all servers; their containers go on."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))


def _pages(meta: Any) -> tuple[int, int]:
    if meta is None:
        return 1, 1
    if not isinstance(meta, Mapping):
        raise PanelError("The Panel's list of servers has no usable meta.", status=200)
    current, last = meta.get("current_page", 1), meta.get("last_page", 1)
    if not isinstance(current, int) or not isinstance(last, int):
        raise PanelError("The Panel's list of servers counts its pages in text.", status=200)
    return current, last


def _make_folders(servers: list[Server]) -> None:
    for server in servers:
        try:
            server.volume.make()
        except OSError as err:
            log.error("a server's folder cannot be made", server=server.uuid, reason=err.strerror)  # noqa: TRY400
