"""Reads about servers that several APIs share: a fixed number of statements, built once, whose rows are records."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import BindParameter, bindparam, select

from rookery.panel.db.records import record_columns, select_records
from rookery.panel.eggs.models import Egg, EggVariable
from rookery.panel.eggs.service import inherit
from rookery.panel.nodes.models import Allocation, Location, Mount, Node, mount_server
from rookery.panel.servers.configuration import ServerParts
from rookery.panel.servers.models import Server, ServerVariable
from rookery.panel.work import Work

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_VALUES = (
    select(ServerVariable.server_id, ServerVariable.variable_id, ServerVariable.variable_value)
    .where(ServerVariable.server_id.in_(_IDS))
    .order_by(ServerVariable.id)
)
_ALLOCATIONS = select_records(Allocation).where(Allocation.server_id.in_(_IDS)).order_by(Allocation.id)
_DEFAULTS = select_records(Allocation).where(Allocation.id.in_(_IDS))
_EGGS = select_records(Egg, without=("created_at", "updated_at", "description", "startup", "update_url")).where(
    Egg.id.in_(_IDS)
)
_VARIABLES = select_records(EggVariable, without=()).where(EggVariable.egg_id.in_(_IDS)).order_by(EggVariable.id)
_LOCATIONS = select(Node.id, Location.short).join(Location, Location.id == Node.location_id).where(Node.id.in_(_IDS))
_MOUNTS = (
    select(mount_server.c.server_id, *record_columns(Mount))
    .join(Mount, Mount.id == mount_server.c.mount_id)
    .where(mount_server.c.server_id.in_(_IDS))
)


async def _rows(work: Work, statement: Any, ids: Collection[int]) -> Sequence[Any]:
    return (await work.db.execute(statement, {"ids": list(ids)})).all() if ids else ()


async def values_of(work: Work, server_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """Per server its own values by variable."""
    found: dict[int, dict[int, str]] = {identity: {} for identity in server_ids}
    for server_id, variable_id, value in await _rows(work, _VALUES, server_ids):
        found[server_id][variable_id] = value
    return found


async def allocations_of(work: Work, server_ids: Sequence[int]) -> dict[int, list[Allocation]]:
    """Per server the records of its addresses in their order."""
    found: dict[int, list[Allocation]] = {identity: [] for identity in server_ids}
    for row in await _rows(work, _ALLOCATIONS, server_ids):
        found[row.server_id].append(row)
    return found


async def variables_by_egg(work: Work, egg_ids: set[int]) -> dict[int, list[EggVariable]]:
    """Per egg the records of its variables in their order."""
    found: dict[int, list[EggVariable]] = {}
    for row in await _rows(work, _VARIABLES, egg_ids):
        found.setdefault(row.egg_id, []).append(row)
    return found


async def parts_of(work: Work, servers: Sequence[Server], *, for_people: bool = False) -> list[ServerParts]:
    """What documents and shapes of servers are made from.

    `for_people` leaves out what only nodes and administrators are shown: location and mounts.
    """
    ids = [server.id for server in servers]
    egg_ids = {server.egg_id for server in servers}
    allocations, values = await allocations_of(work, ids), await values_of(work, ids)
    eggs, variables = await _eggs(work, egg_ids), await variables_by_egg(work, egg_ids)
    defaults = await _defaults(work, servers, allocations)
    locations: dict[int, str] = {}
    mounts: dict[int, list[Mount]] = {}
    if not for_people:
        locations = dict(await _rows(work, _LOCATIONS, {server.node_id for server in servers}))
        for row in await _rows(work, _MOUNTS, ids):
            mounts.setdefault(row.server_id, []).append(row)
    resolved = {
        identity: inherit(eggs[identity], eggs.get(eggs[identity].config_from or 0), _script_source(eggs, identity))
        for identity in egg_ids
    }
    return [
        ServerParts(
            server=server,
            default=defaults[server.allocation_id],
            allocations=allocations[server.id],
            variables=variables.get(server.egg_id, []),
            values=values[server.id],
            egg=resolved[server.egg_id],
            location=locations.get(server.node_id, ""),
            mounts=mounts.get(server.id, []),
        )
        for server in servers
    ]


def _script_source(eggs: Mapping[int, Egg], identity: int) -> Egg | None:
    return eggs.get(eggs[identity].copy_script_from or 0)


async def _eggs(work: Work, ids: set[int]) -> Mapping[int, Egg]:
    found = {row.id: row for row in await _rows(work, _EGGS, ids)}
    parents = {parent for row in found.values() for parent in (row.config_from, row.copy_script_from) if parent}
    if more := parents - set(found):
        found |= {row.id: row for row in await _rows(work, _EGGS, more)}
    return cast("Mapping[int, Egg]", found)


async def _defaults(
    work: Work, servers: Sequence[Server], allocations: Mapping[int, list[Allocation]]
) -> dict[int, Allocation]:
    found = {allocation.id: allocation for listed in allocations.values() for allocation in listed}
    if missing := {server.allocation_id for server in servers} - set(found):
        found |= {row.id: row for row in await _rows(work, _DEFAULTS, missing)}
    return found
