"""What application resources carry along when asked: `relationships`, each only with the right to read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from rookery.panel.accounts.models import User
from rookery.panel.api.access import Caller, grants
from rookery.panel.api.application import shapes
from rookery.panel.api.envelope import NULL, collection, item, nested, wants
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.eggs.models import Egg, Nest
from rookery.panel.eggs.service import inherit, resolve, variables_of
from rookery.panel.nodes.models import Allocation, Location, Node
from rookery.panel.servers.models import Server, Subuser
from rookery.panel.servers.queries import parts_of
from rookery.panel.work import Work

Json = dict[str, Any]


class Includes:
    """Adds relationships for one caller; a session gets none, as includes ask for a real key."""

    def __init__(self, work: Work, caller: Caller) -> None:
        self._work = work
        self._caller = caller

    def _may(self, resource: str) -> bool:
        return grants(self._caller, resource, 1)

    async def servers(self, rows: Sequence[Server], wanted: set[str]) -> list[Json]:
        """Servers with their relationships."""
        found = []
        for parts in await parts_of(self._work, rows):
            shape = shapes.server(parts)
            row, relations = parts.server, {}
            if wants(wanted, "allocations"):
                relations["allocations"] = (
                    collection(await self.allocations(parts.allocations, nested(wanted, "allocations")))
                    if self._may("allocations")
                    else NULL
                )
            if wants(wanted, "user"):
                relations["user"] = await self._one(User, row.owner_id, "users", nested(wanted, "user"))
            if wants(wanted, "subusers"):
                relations["subusers"] = await self._subusers(row) if self._may("users") else NULL
            if wants(wanted, "nest"):
                relations["nest"] = await self._one(Nest, row.nest_id, "nests", nested(wanted, "nest"))
            if wants(wanted, "egg"):
                relations["egg"] = await self._one(Egg, row.egg_id, "eggs", nested(wanted, "egg"))
            if wants(wanted, "variables"):
                relations["variables"] = (
                    collection(
                        item(
                            "server_variable",
                            {**shapes.variable_attributes(entry), "server_value": parts.values.get(entry.id)},
                        )
                        for entry in parts.variables
                    )
                    if self._may("servers")
                    else NULL
                )
            if wants(wanted, "node"):
                relations["node"] = await self._one(Node, row.node_id, "nodes", nested(wanted, "node"))
            if wants(wanted, "location"):
                node = await self._work.db.get_one(Node, row.node_id)
                relations["location"] = await self._one(
                    Location, node.location_id, "locations", nested(wanted, "location")
                )
            if wants(wanted, "databases"):
                relations["databases"] = (
                    await self._databases_where(Database.server_id == row.id, nested(wanted, "databases"))
                    if self._may("server_databases")
                    else NULL
                )
            found.append(_with(shape, relations))
        return found

    async def databases(self, rows: Sequence[Database], wanted: set[str]) -> list[Json]:
        """Databases of servers with their relationships."""
        found = []
        for row in rows:
            relations: dict[str, Any] = {}
            if wants(wanted, "password"):
                relations["password"] = item("database_password", {"password": row.password})
            if wants(wanted, "host"):
                relations["host"] = NULL
                if self._may("database_hosts"):
                    host = await self._work.db.get_one(DatabaseHost, row.database_host_id)
                    inner: dict[str, Any] = {}
                    if wants(nested(wanted, "host"), "databases"):
                        inner["databases"] = await self._databases_where(Database.database_host_id == host.id, set())
                    relations["host"] = _with(shapes.database_host(host), inner)
            found.append(_with(shapes.database(row), relations))
        return found

    async def _databases_where(self, condition: Any, wanted: set[str]) -> Json:
        rows = list(await self._work.db.scalars(select(Database).where(condition).order_by(Database.id)))
        return collection(await self.databases(rows, wanted))

    async def _subusers(self, row: Server) -> Json:
        rows = await self._work.db.scalars(select(Subuser).where(Subuser.server_id == row.id).order_by(Subuser.id))
        return collection(shapes.subuser(entry) for entry in rows)

    async def _one(self, model: type[Any], identity: int, resource: str, wanted: set[str]) -> Json:
        if not self._may(resource):
            return NULL
        row = await self._work.db.get(model, identity)
        if row is None:
            return NULL
        match row:
            case User():
                return (await self.users([row], wanted))[0]
            case Node():
                return (await self.nodes([row], wanted))[0]
            case Location():
                return (await self.locations([row], wanted))[0]
            case Nest():
                return (await self.nests([row], wanted))[0]
            case _:
                return (await self.eggs([row], wanted))[0]

    async def users(self, rows: Sequence[User], wanted: set[str]) -> list[Json]:
        """Users with their relationships."""
        found = []
        for row in rows:
            relations = {}
            if wants(wanted, "servers"):
                relations["servers"] = await self._servers_where(Server.owner_id == row.id, nested(wanted, "servers"))
            found.append(_with(shapes.user(row), relations))
        return found

    async def nodes(
        self, rows: Sequence[Node], wanted: set[str], *, more: Mapping[int, Json] | None = None
    ) -> list[Json]:
        """Nodes with their sums and relationships."""
        sums = await node_sums(self._work, [row.id for row in rows])
        found = []
        for row in rows:
            memory, disk = sums.get(row.id, (0, 0))
            relations = {}
            if wants(wanted, "allocations"):
                relations["allocations"] = NULL
                if self._may("allocations"):
                    entries = await self._work.db.scalars(
                        select(Allocation).where(Allocation.node_id == row.id).order_by(Allocation.id)
                    )
                    relations["allocations"] = collection(shapes.allocation(entry) for entry in entries)
            if wants(wanted, "location"):
                relations["location"] = await self._one(
                    Location, row.location_id, "locations", nested(wanted, "location")
                )
            if wants(wanted, "servers"):
                relations["servers"] = await self._servers_where(Server.node_id == row.id, nested(wanted, "servers"))
            extra = (more or {}).get(row.id, {})
            found.append(_with(shapes.node(row, memory=memory, disk=disk, **extra), relations))
        return found

    async def locations(self, rows: Sequence[Location], wanted: set[str]) -> list[Json]:
        """Locations with their relationships."""
        found = []
        for row in rows:
            relations = {}
            if wants(wanted, "nodes"):
                relations["nodes"] = NULL
                if self._may("nodes"):
                    nodes = list(
                        await self._work.db.scalars(select(Node).where(Node.location_id == row.id).order_by(Node.id))
                    )
                    relations["nodes"] = collection(await self.nodes(nodes, nested(wanted, "nodes")))
            if wants(wanted, "servers"):
                inside = select(Node.id).where(Node.location_id == row.id)
                relations["servers"] = await self._servers_where(Server.node_id.in_(inside), nested(wanted, "servers"))
            found.append(_with(shapes.location(row), relations))
        return found

    async def nests(self, rows: Sequence[Nest], wanted: set[str]) -> list[Json]:
        """Nests with their relationships."""
        found = []
        for row in rows:
            relations = {}
            if wants(wanted, "eggs"):
                relations["eggs"] = NULL
                if self._may("eggs"):
                    eggs = list(await self._work.db.scalars(select(Egg).where(Egg.nest_id == row.id).order_by(Egg.id)))
                    relations["eggs"] = collection(await self.eggs(eggs, nested(wanted, "eggs")))
            if wants(wanted, "servers"):
                relations["servers"] = await self._servers_where(Server.nest_id == row.id, nested(wanted, "servers"))
            found.append(_with(shapes.nest(row), relations))
        return found

    async def eggs(self, rows: Sequence[Egg], wanted: set[str]) -> list[Json]:
        """Eggs with their relationships."""
        found = []
        for row in rows:
            resolved = await resolve(self._work, row)
            shape, relations = shapes.egg(resolved, inherit(row, None, None)), {}
            if wants(wanted, "nest"):
                relations["nest"] = await self._one(Nest, row.nest_id, "nests", nested(wanted, "nest"))
            if wants(wanted, "servers"):
                relations["servers"] = await self._servers_where(Server.egg_id == row.id, nested(wanted, "servers"))
            if wants(wanted, "config"):
                relations["config"] = shapes.egg_config(resolved) if row.config_from else NULL
            if wants(wanted, "script"):
                relations["script"] = shapes.egg_script(resolved) if row.copy_script_from else NULL
            if wants(wanted, "variables"):
                relations["variables"] = collection(
                    item("egg_variable", shapes.variable_attributes(entry))
                    for entry in await variables_of(self._work, row.id)
                )
            found.append(_with(shape, relations))
        return found

    async def allocations(self, rows: Sequence[Allocation], wanted: set[str]) -> list[Json]:
        """Addresses with their relationships."""
        found = []
        for row in rows:
            relations = {}
            if wants(wanted, "node"):
                relations["node"] = await self._one(Node, row.node_id, "nodes", nested(wanted, "node"))
            if wants(wanted, "server"):
                relations["server"] = NULL
                if row.server_id is not None and self._may("servers"):
                    server = await self._work.db.get_one(Server, row.server_id)
                    relations["server"] = (await self.servers([server], nested(wanted, "server")))[0]
            found.append(_with(shapes.allocation(row), relations))
        return found

    async def _servers_where(self, condition: Any, wanted: set[str]) -> Json:
        if not self._may("servers"):
            return NULL
        rows = list(await self._work.db.scalars(select(Server).where(condition).order_by(Server.id)))
        return collection(await self.servers(rows, wanted))


async def node_sums(work: Work, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Per node the memory and disk its servers were promised."""
    rows = await work.db.execute(
        select(Server.node_id, func.sum(Server.memory), func.sum(Server.disk))
        .where(Server.node_id.in_(ids))
        .group_by(Server.node_id)
    )
    return {node_id: (int(memory or 0), int(disk or 0)) for node_id, memory, disk in rows}


def _with(shape: Json, relations: Mapping[str, Any]) -> Json:
    if relations:
        shape["attributes"]["relationships"] = dict(relations)
    return shape
