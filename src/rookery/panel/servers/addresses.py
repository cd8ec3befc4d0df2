"""Addresses a server's own people add and give back. Source: Panel 1.11 client API, network."""

import random
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from rookery.panel.nodes.models import Allocation
from rookery.panel.nodes.service import HIGHEST_PORT, LOWEST_PORT, PortProblem
from rookery.panel.servers.limits import hold
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict

_TRIES = 5


class Refused(Conflict):
    """The server's limit or its main address does not allow it."""

    status = 400
    code = "DisplayException"


class NotEnabled(Conflict):
    """The installation does not let people add addresses."""

    status = 400
    code = "AutoAllocationNotEnabledException"


class NoSpace(Conflict):
    """No address is left, or no range of ports is set."""

    status = 400
    code = "NoAutoAllocationSpaceAvailableException"


async def addresses_of(work: Work, server: Server) -> Sequence[Allocation]:
    """All addresses of a server, oldest first."""
    rows = await work.db.scalars(select(Allocation).where(Allocation.server_id == server.id).order_by(Allocation.id))
    return list(rows)


async def add_address(work: Work, server: Server, settings: PanelSettings) -> Allocation:
    """Give a server one more address of its main address' IP.

    The limit holds under parallel requests: the server's row is claimed first, so that they come one after the other.

    Raises:
        Refused: its limit is reached, or it has none.
        NotEnabled: the installation does not allow it.
        NoSpace: nothing is free.
    """
    await hold(work, server)
    count = await work.db.scalar(select(func.count()).where(Allocation.server_id == server.id)) or 0
    if not server.allocation_limit or count >= server.allocation_limit:
        raise Refused("The server has as many addresses as it may have.")
    if not settings.client_allocations:
        raise NotEnabled("Adding addresses is not enabled here.")
    main = await work.db.get_one(Allocation, server.allocation_id)
    for _ in range(_TRIES):
        wanted = await _some_free(work, server, main)
        row = await (_make(work, server, main, settings) if wanted is None else _take(work, server, wanted))
        if row is not None:
            return row
    raise NoSpace("No address is free at present.")


async def _some_free(work: Work, server: Server, main: Allocation) -> int | None:
    """Any free address of the main one's IP."""
    free = (Allocation.node_id == server.node_id, Allocation.ip == main.ip, Allocation.server_id.is_(None))
    count = await work.db.scalar(select(func.count()).where(*free)) or 0
    if not count:
        return None
    at = random.randrange(count)  # noqa: S311 - no secret
    found: int | None = await work.db.scalar(
        select(Allocation.id).where(*free).order_by(Allocation.id).offset(at).limit(1)
    )
    return found


async def _take(work: Work, server: Server, wanted: int) -> Allocation | None:
    """An address that was free a moment ago; None when another server was quicker."""
    done = await work.db.execute(
        update(Allocation)
        .where(Allocation.id == wanted, Allocation.server_id.is_(None))
        .values(server_id=server.id, updated_at=work.now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # of an update
        return None
    return await work.db.get(Allocation, wanted, populate_existing=True)


async def _make(work: Work, server: Server, main: Allocation, settings: PanelSettings) -> Allocation | None:
    """A new address on a port nobody has; None when somebody was quicker.

    Raises:
        NoSpace: the range is not set, or used up.
        PortProblem: the range is outside of what ports may be.
    """
    low, high = settings.client_allocation_start, settings.client_allocation_end
    if not low or not high:
        raise NoSpace("No range of ports is set for this.")
    taken = set(
        await work.db.scalars(
            select(Allocation.port).where(
                Allocation.node_id == server.node_id, Allocation.ip == main.ip, Allocation.port.between(low, high)
            )
        )
    )
    free = [port for port in range(low, high + 1) if port not in taken]
    if not free:
        raise NoSpace("No port of the range is free.")
    port = random.choice(free)  # noqa: S311 - no secret
    if not LOWEST_PORT < port <= HIGHEST_PORT:
        raise PortProblem("PortOutOfRangeException", f"Ports must lie between {LOWEST_PORT + 1} and {HIGHEST_PORT}.")
    row = Allocation(node_id=server.node_id, ip=main.ip, port=port, server_id=server.id)
    try:
        async with work.db.begin_nested():
            work.add(row)
            await work.db.flush()
    except IntegrityError:
        return None
    return row


async def give_back(work: Work, server: Server, row: Allocation) -> None:
    """Take an address from a server; the node keeps it.

    Raises:
        Refused: the server has no limit of its own, or it is the main address.
    """
    if not server.allocation_limit:
        raise Refused("The addresses of this server cannot be changed here.")
    if row.id == server.allocation_id:
        raise Refused("The main address of a server cannot be removed.")
    row.server_id, row.notes, row.updated_at = None, None, work.now
