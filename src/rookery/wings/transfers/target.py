"""Taking in a server from another node. Source: Wings 1.11 transfers: the form, and what the Panel hears.

The server exists here from the first byte on, held, and is either whole in the end or gone without a trace.
"""

import asyncio
import hashlib
import re
from functools import partial

import structlog
from aiohttp import BodyPartReader, MultipartReader

from rookery.protocol.problems import Conflict, NotFound, Problem, Unavailable
from rookery.wings.backups.making import WORKERS
from rookery.wings.events import EventName
from rookery.wings.files.unpack import unpack_stream
from rookery.wings.servers.registry import Registry
from rookery.wings.servers.server import Server
from rookery.wings.transfers.pipes import Inflow

log = structlog.get_logger()
_HOLD = "transferring"
_CHUNK = 1 << 18
_CHECKSUMS = ("checksum", "checksum_archive")
_MOST_TEXT = 1024


class NotWhole(Unavailable):
    """What came is not what was sent."""


class Incoming:
    """The servers this node is taking in."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def receive(self, uuid: str, form: "MultipartReader | None") -> None:
        """Take a server in from a form; returns when it is here and the Panel will be told.

        Raises:
            Conflict: it is here already, or is being taken in.
            Problem: it did not arrive whole; nothing of it is left and the Panel will be told.
        """
        if uuid in self._tasks or self._is_here(uuid):
            raise Conflict("The server is on this node already.")
        task = asyncio.create_task(self._take(uuid, form), name=f"incoming:{uuid}")
        self._tasks[uuid] = task
        task.add_done_callback(lambda _task: self._tasks.pop(uuid, None))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise

    def _is_here(self, uuid: str) -> bool:
        try:
            self._registry.get(uuid)
        except NotFound:
            return False
        return True

    def cancel(self, uuid: str) -> None:
        """Stop taking a server in; what came of it goes.

        Raises:
            NotFound: there is no such server.
            Conflict: it is not being taken in.
        """
        task = self._tasks.get(uuid)
        if task is None:
            self._registry.get(uuid)
            raise Conflict("Server is not currently being transferred.")
        task.cancel()

    async def _take(self, uuid: str, form: "MultipartReader | None") -> None:
        server = await self._registry.take_in(uuid)
        server.held_by.add(_HOLD)
        try:
            await _receive(server, form)
            await server.power.make_container()
        except BaseException as err:
            reason = err.detail if isinstance(err, Problem) else type(err).__name__
            log.warning("a server did not arrive", server=uuid, reason=reason)
            await asyncio.shield(self._drop(server))
            raise
        await server.node.reports.owe(uuid, f"/servers/{uuid}/transfer/success", None)
        server.held_by.discard(_HOLD)
        server.events.publish(EventName.TRANSFER_STATUS, "success")
        server.count_soon()

    async def _drop(self, server: Server) -> None:
        server.events.publish(EventName.TRANSFER_STATUS, "failure")
        await self._registry.drop(server)
        await server.node.reports.owe(server.uuid, f"/servers/{server.uuid}/transfer/failure", None)


async def _receive(server: Server, form: "MultipartReader | None") -> None:
    if form is None:
        raise NotWhole("The request carries no form.")
    digest, archived, wanted = hashlib.sha256(), False, None
    try:
        while (part := await form.next()) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "archive":
                archived = True
                await _unpack(server, part, digest)
            elif part.name in _CHECKSUMS:
                if not archived:
                    raise NotWhole("The checksum came before the archive.")
                wanted = (await part.read_chunk(_MOST_TEXT)).decode("ascii", "replace").lower()
    except ValueError as err:
        raise NotWhole("The form cannot be read.") from err
    if wanted is None or not re.fullmatch(r"[0-9a-f]{64}", wanted) or wanted != digest.hexdigest():
        raise NotWhole("The archive and its checksum do not fit.")


async def _unpack(server: Server, part: BodyPartReader, digest: "hashlib._Hash") -> None:
    """Unpack an archive as it comes, and hash every byte of it."""
    flow = Inflow()
    await flow.open()
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(WORKERS, partial(unpack_stream, server.volume, flow.file, server.denylist))
    try:
        while chunk := bytes(await part.read_chunk(_CHUNK)):
            digest.update(chunk)
            if not reading.done():
                try:
                    await flow.feed(chunk)
                except ConnectionError:
                    break  # the thread says why
    finally:
        flow.end()
        await asyncio.wait([reading])
        failed = reading.exception()
    if failed is not None:
        raise failed
