"""Reads about servers that several APIs share."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from rookery.panel.eggs.models import Egg, EggVariable
from rookery.panel.eggs.service import inherit
from rookery.panel.nodes.models import Allocation, Location, Mount, Node, mount_server
from rookery.panel.servers.configuration import ServerParts
from rookery.panel.servers.models import Server, ServerVariable
from rookery.panel.work import Work


async def values_of(work: Work, server_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """Per server its own values by variable."""
    found: dict[int, dict[int, str]] = {identity: {} for identity in server_ids}
    rows = await work.db.execute(
        select(ServerVariable.server_id, ServerVariable.variable_id, ServerVariable.variable_value)
        .where(ServerVariable.server_id.in_(server_ids))
        .order_by(ServerVariable.id)
    )
    for server_id, variable_id, value in rows:
        found[server_id][variable_id] = value
    return found


async def allocations_of(work: Work, server_ids: Sequence[int]) -> dict[int, list[Allocation]]:
    """Per server its addresses in their order."""
    found: dict[int, list[Allocation]] = {identity: [] for identity in server_ids}
    rows = await work.db.scalars(select(Allocation).where(Allocation.server_id.in_(server_ids)).order_by(Allocation.id))
    for allocation in rows:
        if allocation.server_id is not None:
            found[allocation.server_id].append(allocation)
    return found


async def parts_of(work: Work, servers: Sequence[Server]) -> list[ServerParts]:
    """What the node's documents of these servers are made from, in a fixed number of statements."""
    ids = [server.id for server in servers]
    allocations, values = await allocations_of(work, ids), await values_of(work, ids)
    eggs = await _eggs(work, {server.egg_id for server in servers})
    variables = await variables_by_egg(work, {server.egg_id for server in servers})
    locations = await _locations(work, {server.node_id for server in servers})
    mounts = await _mounts(work, ids)
    defaults = await _defaults(work, servers, allocations)
    found = []
    for server in servers:
        egg = eggs[server.egg_id]
        parent, script = eggs.get(egg.config_from or 0), eggs.get(egg.copy_script_from or 0)
        found.append(
            ServerParts(
                server=server,
                default=defaults[server.allocation_id],
                allocations=allocations[server.id],
                variables=variables.get(server.egg_id, []),
                values=values[server.id],
                egg=inherit(egg, parent, script),
                location=locations[server.node_id],
                mounts=mounts.get(server.id, []),
            )
        )
    return found


async def _eggs(work: Work, ids: set[int]) -> Mapping[int, Egg]:
    found = {egg.id: egg for egg in await work.db.scalars(select(Egg).where(Egg.id.in_(ids)))}
    more = {parent for egg in found.values() for parent in (egg.config_from, egg.copy_script_from) if parent} - set(
        found
    )
    if more:
        found |= {egg.id: egg for egg in await work.db.scalars(select(Egg).where(Egg.id.in_(more)))}
    return found


async def variables_by_egg(work: Work, egg_ids: set[int]) -> dict[int, list[EggVariable]]:
    """Per egg its variables in their order."""
    found: dict[int, list[EggVariable]] = {}
    rows = await work.db.scalars(select(EggVariable).where(EggVariable.egg_id.in_(egg_ids)).order_by(EggVariable.id))
    for variable in rows:
        found.setdefault(variable.egg_id, []).append(variable)
    return found


async def _locations(work: Work, node_ids: set[int]) -> dict[int, str]:
    rows = await work.db.execute(
        select(Node.id, Location.short).join(Location, Location.id == Node.location_id).where(Node.id.in_(node_ids))
    )
    return {node_id: short for node_id, short in rows}


async def _mounts(work: Work, server_ids: Sequence[int]) -> dict[int, list[Mount]]:
    rows = await work.db.execute(
        select(mount_server.c.server_id, Mount)
        .join(Mount, Mount.id == mount_server.c.mount_id)
        .where(mount_server.c.server_id.in_(server_ids))
    )
    found: dict[int, list[Mount]] = {}
    for server_id, mount in rows:
        found.setdefault(server_id, []).append(mount)
    return found


async def _defaults(
    work: Work, servers: Sequence[Server], allocations: Mapping[int, list[Allocation]]
) -> dict[int, Allocation]:
    found = {allocation.id: allocation for listed in allocations.values() for allocation in listed}
    missing = {server.allocation_id for server in servers} - set(found)
    if missing:
        found |= {a.id: a for a in await work.db.scalars(select(Allocation).where(Allocation.id.in_(missing)))}
    return found
