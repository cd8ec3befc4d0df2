"""Create, reinstall, suspend and delete servers: row first, node second, undo third."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import delete, func, select, update

from rookery.panel.databases.service import Databases
from rookery.panel.eggs.models import Egg, EggVariable
from rookery.panel.eggs.service import variables_of
from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.servers import placement
from rookery.panel.servers.models import Server, ServerTransfer, ServerVariable
from rookery.panel.validation.inputs import Failure, ValidationFailed
from rookery.panel.validation.messages import sentence
from rookery.panel.validation.rules import check, parse
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict
from rookery.protocol.states import ServerStatus


class AllocationTaken(Conflict):
    """The address was given to another server in the meantime."""

    status = 400
    code = "ServerUsingAllocationException"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Conditions for choosing a node and address by ourselves."""

    locations: Sequence[int] = ()
    ports: Sequence[str] = ()
    dedicated_ip: bool = False


@dataclass(frozen=True, slots=True)
class ServerDraft:
    """What a new server shall be; sizes in MiB."""

    name: str
    owner_id: int
    egg_id: int
    image: str
    startup: str
    environment: Mapping[str, Any]
    memory: int
    swap: int
    disk: int
    io: int
    cpu: int
    threads: str | None = None
    oom_disabled: bool = True
    databases: int = 0
    allocations: int = 0
    backups: int = 0
    allocation_id: int | None = None
    additional: Sequence[int] = ()
    deployment: Deployment | None = None
    external_id: str | None = None
    description: str = ""
    skip_scripts: bool = False
    start: bool = False


async def create(work: Work, nodes: NodeClient, draft: ServerDraft) -> Server:
    """A new server with its addresses and values; the node is told after the commit.

    When the node cannot be reached the row is removed again and the addresses are free.

    Raises:
        ValidationFailed: values break the rules of the egg's variables.
        NoViableNode, NoViableAllocation, AllocationTaken: there is no place for it.
        NodeFailed: the node did not take it (from the commit).
    """
    egg = await work.db.get_one(Egg, draft.egg_id)
    variables = await variables_of(work, egg.id)
    values = check_variables(variables, draft.environment)
    allocation_id = draft.allocation_id
    if draft.deployment is not None:
        allocation_id = (await _deploy(work, draft)).id
    allocation = await work.db.get_one(Allocation, allocation_id)
    node = await work.db.get_one(Node, allocation.node_id)
    identity = await _free_identity(work)
    server = Server(
        external_id=draft.external_id,
        uuid=identity,
        uuid_short=identity[:8],
        node_id=node.id,
        name=draft.name,
        description=draft.description,
        status=ServerStatus.INSTALLING,
        skip_scripts=draft.skip_scripts,
        owner_id=draft.owner_id,
        memory=draft.memory,
        swap=draft.swap,
        disk=draft.disk,
        io=draft.io,
        cpu=draft.cpu,
        threads=draft.threads,
        oom_disabled=draft.oom_disabled,
        allocation_id=allocation.id,
        nest_id=egg.nest_id,
        egg_id=egg.id,
        startup=draft.startup,
        image=draft.image,
        allocation_limit=draft.allocations,
        database_limit=draft.databases,
        backup_limit=draft.backups,
    )
    work.add(server)
    await work.db.flush()
    await claim_allocations(work, server, [allocation.id, *draft.additional])
    for variable in variables:
        work.add(
            ServerVariable(server_id=server.id, variable_id=variable.id, variable_value=values[variable.env_variable])
        )
    await work.db.flush()
    work.call(
        partial(nodes.create, node, server.uuid, start=draft.start),
        otherwise=partial(_withdraw, nodes, node, server.id, server.uuid),
    )
    return server


async def claim_allocations(work: Work, server: Server, ids: Sequence[int]) -> None:
    """Give addresses to a server, each only while it is free: two creations never share one.

    Raises:
        AllocationTaken: somebody was faster.
    """
    wanted = set(ids)
    done = await work.db.execute(
        update(Allocation)
        .where(Allocation.id.in_(wanted), Allocation.server_id.is_(None))
        .values(server_id=server.id, updated_at=work.now)
    )
    if done.rowcount != len(wanted):  # type: ignore[attr-defined]  # updates have one
        raise AllocationTaken("One of the addresses is assigned to another server already.")


async def _withdraw(nodes: NodeClient, node: Node, server_id: int, uuid_: str, work: Work) -> None:
    """Undo a creation the node did not take."""
    await remove_rows(work, server_id)

    async def forget() -> None:
        try:
            await nodes.delete(node, uuid_)
        except NodeFailed:
            return

    work.call(forget)


async def remove_rows(work: Work, server_id: int) -> None:
    """Delete a server's row and free its addresses."""
    await work.db.execute(
        update(Allocation).where(Allocation.server_id == server_id).values(server_id=None, notes=None)
    )
    await work.db.execute(delete(Server).where(Server.id == server_id))


def check_variables(variables: Sequence[EggVariable], given: Mapping[str, Any]) -> dict[str, str]:
    """The values of all variables as they are stored: missing ones are checked as null and stored empty.

    Raises:
        ValidationFailed: values break rules; every failure is listed.
    """
    failures, values = [], {}
    for variable in variables:
        value = given.get(variable.env_variable)
        failures += variable_failures(variable, value, f"environment.{variable.env_variable}")
        values[variable.env_variable] = stored_text(value)
    if failures:
        raise ValidationFailed(failures)
    return values


def variable_failures(variable: EggVariable, value: Any, name: str) -> list[Failure]:
    """The rules a value breaks."""
    rules = parse(variable.rules or "")
    numeric = any(rule.name in ("numeric", "integer") for rule in rules)
    return [
        Failure(name, rule.name, sentence(f"{variable.name} variable", rule, value, numeric=numeric))
        for rule in check(value, rules)
    ]


def stored_text(value: Any) -> str:
    """A JSON value as a variable keeps it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None or isinstance(value, dict | list) else str(value)


async def _free_identity(work: Work) -> str:
    while True:
        found = str(uuid.uuid4())
        if await work.db.scalar(select(Server.id).where(Server.uuid_short == found[:8])) is None:
            return found


async def rooms(work: Work, *, locations: Sequence[int] = (), only_public: bool = True) -> list[placement.Room]:
    """Size and use of nodes."""
    used = (
        select(Server.node_id, func.sum(Server.memory).label("memory"), func.sum(Server.disk).label("disk"))
        .group_by(Server.node_id)
        .subquery()
    )
    statement = select(Node, func.coalesce(used.c.memory, 0), func.coalesce(used.c.disk, 0)).outerjoin(
        used, used.c.node_id == Node.id
    )
    if only_public:
        statement = statement.where(Node.public)
    if locations:
        statement = statement.where(Node.location_id.in_(locations))
    return [
        placement.Room(
            node.id,
            node.memory,
            node.memory_overallocate,
            int(memory),
            node.disk,
            node.disk_overallocate,
            int(disk),
        )
        for node, memory, disk in await work.db.execute(statement.order_by(Node.id))
    ]


async def _deploy(work: Work, draft: ServerDraft) -> Allocation:
    wanted = draft.deployment
    assert wanted is not None
    viable = [
        room.node_id for room in await rooms(work, locations=wanted.locations) if room.fits(draft.memory, draft.disk)
    ]
    if not viable:
        raise placement.NoViableNode("No node has room for this server.")
    free = select(Allocation).where(Allocation.server_id.is_(None), Allocation.node_id.in_(viable))
    ports = placement.wanted_ports(wanted.ports)
    if ports is not None:
        free = free.where(Allocation.port.in_(ports))
    used: list[tuple[int, str]] = []
    if wanted.dedicated_ip:
        rows = await work.db.execute(
            select(Allocation.node_id, Allocation.ip).where(Allocation.server_id.is_not(None)).distinct()
        )
        used = [(node_id, ip) for node_id, ip in rows]
    return placement.choose(list(await work.db.scalars(free)), used, dedicated=wanted.dedicated_ip)


async def is_moving(work: Work, server: Server) -> bool:
    """Whether a transfer is under way."""
    found = await work.db.scalar(
        select(ServerTransfer.id).where(ServerTransfer.server_id == server.id, ServerTransfer.successful.is_(None))
    )
    return found is not None


async def suspend(work: Work, nodes: NodeClient, server: Server) -> None:
    """Keep a server from being used; doing it twice changes nothing.

    Raises:
        Conflict: it is being moved.
        NodeFailed: the node was not told; the status is as before (from the commit).
    """
    await _set_suspended(work, nodes, server, suspended=True)


async def unsuspend(work: Work, nodes: NodeClient, server: Server) -> None:
    """The way back; see `suspend`."""
    await _set_suspended(work, nodes, server, suspended=False)


async def _set_suspended(work: Work, nodes: NodeClient, server: Server, *, suspended: bool) -> None:
    before = server.status
    if (before == ServerStatus.SUSPENDED) is suspended:
        return
    if await is_moving(work, server):
        raise Conflict("The server is being moved to another node.")
    server.status = ServerStatus.SUSPENDED if suspended else None
    node = await work.db.get_one(Node, server.node_id)
    work.call(
        partial(nodes.sync, node, server.uuid),
        otherwise=partial(_put_status, server.id, None if suspended else before),
    )


async def _put_status(server_id: int, status: str | None, work: Work) -> None:
    await work.db.execute(update(Server).where(Server.id == server_id).values(status=status))


async def reinstall(work: Work, nodes: NodeClient, server: Server) -> None:
    """Have the server installed anew.

    Raises:
        NodeFailed: the node was not told; the status is as before (from the commit).
    """
    before = server.status
    server.status = ServerStatus.INSTALLING
    node = await work.db.get_one(Node, server.node_id)
    work.call(partial(nodes.reinstall, node, server.uuid), otherwise=partial(_put_status, server.id, before))


async def delete_server(
    work: Work, nodes: NodeClient, databases: Databases, server: Server, *, force: bool = False
) -> None:
    """Delete a server on its node, its databases on their hosts, then here; doing it again goes on where it failed.

    Raises:
        NodeFailed: the node did not do it and `force` is off; nothing is changed here.
        HostFailed: a database was not dropped and `force` is off; the server is gone from its node.
    """
    node = await work.db.get_one(Node, server.node_id)
    identity = server.id
    try:
        await work.outside(partial(nodes.delete, node, server.uuid))
    except NodeFailed:
        if not force:
            raise
    await databases.delete_all(identity, force=force)
    await remove_rows(work, identity)
