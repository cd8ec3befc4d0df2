"""Reads about servers that several APIs share: a fixed number of statements, built once, whose rows are records."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, Select, bindparam, select

from rookery.panel.db.records import read, record_columns, select_records
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


async def parts_of(work: Work, servers: Sequence[Server], *, for_people: bool = False) -> list[ServerParts]:
    """What documents and shapes of servers are made from.

    `for_people` leaves out what only nodes and administrators are shown: location and mounts.
    """
    return await work.db.run_sync(lambda session: _Reader(session.connection()).parts(servers, for_people=for_people))


class _Reader:
    """All reads of one call, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def parts(self, servers: Sequence[Server], *, for_people: bool) -> list[ServerParts]:
        ids = [server.id for server in servers]
        egg_ids = {server.egg_id for server in servers}
        allocations, values = self._allocations(ids), self._values(ids)
        eggs, variables = self._eggs(egg_ids), self._variables(egg_ids)
        defaults = self._defaults(servers, allocations)
        locations: dict[int, str] = {}
        mounts: dict[int, list[Mount]] = {}
        if not for_people:
            locations = dict(self._rows(_LOCATIONS, {server.node_id for server in servers}))
            for row in self._rows(_MOUNTS, ids):
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

    def _rows(self, statement: Select[*tuple[Any, ...]], ids: Collection[int]) -> Sequence[Any]:
        return read(self._connection, statement, {"ids": list(ids)}) if ids else ()

    def _values(self, server_ids: Sequence[int]) -> dict[int, dict[int, str]]:
        """Per server its own values by variable."""
        found: dict[int, dict[int, str]] = {identity: {} for identity in server_ids}
        rows = self._connection.execute(_VALUES, {"ids": list(server_ids)}).all()
        for server_id, variable_id, value in rows:
            found[server_id][variable_id] = value
        return found

    def _allocations(self, server_ids: Sequence[int]) -> dict[int, list[Allocation]]:
        """Per server the records of its addresses in their order."""
        found: dict[int, list[Allocation]] = {identity: [] for identity in server_ids}
        for row in self._rows(_ALLOCATIONS, server_ids):
            found[row.server_id].append(row)
        return found

    def _variables(self, egg_ids: set[int]) -> dict[int, list[EggVariable]]:
        """Per egg the records of its variables in their order."""
        found: dict[int, list[EggVariable]] = {}
        for row in self._rows(_VARIABLES, egg_ids):
            found.setdefault(row.egg_id, []).append(row)
        return found

    def _eggs(self, ids: set[int]) -> Mapping[int, Egg]:
        found = {row.id: row for row in self._rows(_EGGS, ids)}
        parents = {parent for row in found.values() for parent in (row.config_from, row.copy_script_from) if parent}
        if more := parents - set(found):
            found |= {row.id: row for row in self._rows(_EGGS, more)}
        return cast("Mapping[int, Egg]", found)

    def _defaults(
        self, servers: Sequence[Server], allocations: Mapping[int, list[Allocation]]
    ) -> dict[int, Allocation]:
        found = {allocation.id: allocation for listed in allocations.values() for allocation in listed}
        if missing := {server.allocation_id for server in servers} - set(found):
            found |= {row.id: row for row in self._rows(_DEFAULTS, missing)}
        return found


def _script_source(eggs: Mapping[int, Egg], identity: int) -> Egg | None:
    return eggs.get(eggs[identity].copy_script_from or 0)
