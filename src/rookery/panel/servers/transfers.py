"""Moving a server to another node. Source: Panel 1.11, transfers.

While a move is open, the server belongs to its old node and holds addresses of both. It ends when the destination says
that it worked, when either node says it did not, or when nobody says anything for long.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import select, update

from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.servers.limits import hold
from rookery.panel.servers.models import Server, ServerTransfer
from rookery.panel.servers.provisioning import rooms
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Step, Work
from rookery.protocol.claims import mint
from rookery.protocol.problems import Conflict
from rookery.protocol.states import ServerStatus

log = structlog.get_logger()
_TOKEN_SECONDS = 900


class NoRoom(Conflict):
    """The destination cannot take the server."""

    status = 400
    code = "DisplayException"


class NotMovable(Conflict):
    """The server is in no state to be moved."""

    status = 409
    code = "ServerStateConflictException"


class NotMoving(Conflict):
    """There is no open move."""

    status = 409
    code = "ConflictHttpException"


class Transfers:
    """The verbs about moves."""

    def __init__(self, work: Work, settings: PanelSettings, nodes: NodeClient) -> None:
        self._work = work
        self._settings = settings
        self._nodes = nodes

    async def start(self, server: Server, destination: Node, allocation: Allocation, more: Sequence[int]) -> None:
        """Have the source send the server to `destination`; the row goes when the source does not begin.

        Additional addresses that are not free there are left out.

        Raises:
            NoRoom: the destination is full, or the address is taken.
            NotMovable: the server is not installed, in use by a restore, or moving already.
            NodeFailed: the source did not begin (from the commit).
        """
        work = self._work
        await hold(work, server)
        await self._check_state(server)
        if not await self._fits(server, destination):
            raise NoRoom("The chosen node has no room for this server.")
        extra = [number for number in more if number != allocation.id]
        wanted = [allocation.id, *extra]
        free = Allocation.server_id.is_(None) & (Allocation.node_id == destination.id)
        await work.db.execute(
            update(Allocation).where(Allocation.id.in_(wanted), free).values(server_id=server.id, notes=None)
        )
        taken = select(Allocation.id).where(Allocation.server_id == server.id, Allocation.id.in_(wanted))
        mine = set(await work.db.scalars(taken))
        if allocation.id not in mine:
            raise NoRoom("The chosen address was taken at this moment.")
        old = await work.db.scalars(
            select(Allocation.id).where(
                Allocation.server_id == server.id,
                Allocation.node_id == server.node_id,
                Allocation.id.not_in([server.allocation_id, *mine]),
            )
        )
        row = ServerTransfer(
            server_id=server.id,
            old_node=server.node_id,
            new_node=destination.id,
            old_allocation=server.allocation_id,
            new_allocation=allocation.id,
            old_additional_allocations=list(old),
            new_additional_allocations=[number for number in extra if number in mine],
        )
        work.add(row)
        await work.db.flush()
        source, number = await work.db.get_one(Node, server.node_id), row.id
        body = {
            "server_id": server.uuid,
            "url": f"{destination.address}/api/transfers",
            "token": f"Bearer {self._token(server, destination)}",
            "server": {"uuid": server.uuid, "start_on_completion": False},
        }

        async def undo(again: Work) -> None:
            stored = await again.db.get(ServerTransfer, number)
            if stored is not None:
                await _free(again, stored.server_id, _new_addresses(stored))
                await again.db.delete(stored)

        work.call(partial(self._nodes.transfer, source, server.uuid, body), otherwise=undo)

    def _token(self, server: Server, destination: Node) -> str:
        return mint(
            destination.daemon_token,
            {"sub": server.uuid},
            issuer=self._settings.url,
            audience=destination.address,
            lifetime=_TOKEN_SECONDS,
            identifier=hashlib.sha256(server.uuid.encode()).hexdigest(),
        )

    async def _check_state(self, server: Server) -> None:
        if not server.is_installed or server.status == ServerStatus.RESTORING_BACKUP:
            raise NotMovable("The server is in no state to be moved.")
        if await self.find_open(server) is not None:
            raise NotMovable("The server is being moved already.")

    async def _fits(self, server: Server, destination: Node) -> bool:
        for room in await rooms(self._work, only_public=False):
            if room.node_id == destination.id:
                return room.fits(server.memory, server.disk)
        return False

    async def find_open(self, server: Server) -> ServerTransfer | None:
        """The open move of a server."""
        found: ServerTransfer | None = await self._work.db.scalar(
            select(ServerTransfer)
            .where(ServerTransfer.server_id == server.id, ServerTransfer.successful.is_(None))
            .order_by(ServerTransfer.id.desc())
            .limit(1)
        )
        return found

    async def open_of(self, server: Server) -> ServerTransfer:
        """The open move of a server.

        Raises:
            NotMoving: there is none.
        """
        found = await self.find_open(server)
        if found is None:
            raise NotMoving("The server is not being moved.")
        return found

    async def fail(self, row: ServerTransfer) -> None:
        """A move did not work: the server stays where it is."""
        row.successful, row.updated_at = False, self._work.now
        await _free(self._work, row.server_id, _new_addresses(row))

    async def succeed(self, server: Server, row: ServerTransfer) -> None:
        """A move worked: the server is the destination's, and the source is told to delete its copy."""
        await _free(self._work, server.id, [row.old_allocation, *(row.old_additional_allocations or [])])
        row.successful, row.updated_at = True, self._work.now
        server.allocation_id, server.node_id = row.new_allocation, row.new_node
        old = await self._work.db.get(Node, row.old_node)
        if old is not None and old.id != row.new_node:
            self._work.call(partial(_quietly, partial(self._nodes.delete, old, server.uuid), server.uuid))

    async def cancel(self, server: Server) -> None:
        """End a move: both nodes are told to stop, and the server stays where it is.

        Raises:
            NotMoving: there is none.
        """
        row = await self.open_of(server)
        await self.fail(row)
        for number, verb in ((row.old_node, self._nodes.cancel_transfer), (row.new_node, self._nodes.cancel_arrival)):
            node = await self._work.db.get(Node, number)
            if node is not None:
                self._work.call(partial(_quietly, partial(verb, node, server.uuid), server.uuid))

    async def end_forgotten(self) -> None:
        """Call those failed that nobody reported on for `transfer_hours`."""
        hours = self._settings.transfer_hours
        if hours <= 0:
            return
        before = self._work.now - timedelta(hours=hours)
        rows = await self._work.db.scalars(
            select(ServerTransfer).where(ServerTransfer.successful.is_(None), ServerTransfer.created_at <= before)
        )
        for row in list(rows):
            log.warning("a move was never reported on and counts as failed", server=row.server_id)
            await self.fail(row)


def _new_addresses(row: ServerTransfer) -> list[int]:
    return [row.new_allocation, *(row.new_additional_allocations or [])]


async def _free(work: Work, server_id: int, numbers: list[int]) -> None:
    await work.db.execute(
        update(Allocation)
        .where(Allocation.id.in_(numbers), Allocation.server_id == server_id)
        .values(server_id=None, notes=None)
    )


async def _quietly(step: Step, uuid: str) -> None:
    try:
        await step()
    except NodeFailed as err:
        log.warning("a node was not told about the end of a move", server=uuid, reason=err.detail)
