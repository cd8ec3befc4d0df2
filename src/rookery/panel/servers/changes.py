"""Changes of existing servers: details, limits and addresses, startup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select, update

from rookery.panel.eggs.models import Egg, EggVariable
from rookery.panel.eggs.service import variables_of
from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.servers.models import Server, ServerVariable
from rookery.panel.servers.provisioning import check_variables
from rookery.panel.work import Work
from rookery.protocol.claims import user_server_identifier
from rookery.protocol.problems import Invalid

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Build:
    """New limits in MiB and per cent, and which addresses come and go; `oom_disabled` None stays as it is."""

    memory: int
    swap: int
    disk: int
    io: int
    cpu: int
    threads: str | None
    oom_disabled: bool | None
    allocation_id: int
    add: Sequence[int]
    remove: Sequence[int]
    databases: int | None
    allocations: int | None
    backups: int


async def change_details(
    work: Work,
    nodes: NodeClient,
    server: Server,
    *,
    name: str,
    owner_id: int,
    description: str,
    external_id: str | None,
) -> None:
    """Overwrite who owns a server and what it is called; the old owner's console ends."""
    if owner_id != server.owner_id:
        node = await work.db.get_one(Node, server.node_id)
        work.call(partial(revoke_consoles, nodes, node, server.uuid, server.owner_id))
    server.name, server.owner_id = name, owner_id
    server.description, server.external_id = description, external_id
    server.updated_at = work.now


async def revoke_consoles(nodes: NodeClient, node: Node, uuid: str, user_id: int) -> None:
    """End a user's console tokens on a server; a node that is down is only logged, as tokens die with it."""
    try:
        await nodes.deny(node, uuid, [user_server_identifier(user_id, uuid)])
    except NodeFailed as err:
        log.warning("console tokens were not revoked", server=uuid, reason=err.detail)


async def change_build(work: Work, server: Server, build: Build) -> None:
    """Overwrite limits and addresses.

    Raises:
        Invalid: the main address would be removed without another one to take its place, or is not the server's.
    """
    added = list(
        await work.db.scalars(
            select(Allocation).where(
                Allocation.id.in_(build.add), Allocation.node_id == server.node_id, Allocation.server_id.is_(None)
            )
        )
    )
    by_id = {allocation.id: allocation for allocation in added}
    for allocation in added:
        allocation.server_id, allocation.notes = server.id, None
    await work.db.flush()
    default = build.allocation_id
    removed = set(build.remove)
    if default in removed:
        default = next((identity for identity in build.add if identity in by_id and identity not in removed), 0)
        if not default:
            raise Invalid("The main address of a server cannot be removed without another one.", field="allocation")
    if removed - set(by_id):
        await work.db.execute(
            update(Allocation)
            .where(
                Allocation.id.in_(removed - set(by_id)),
                Allocation.server_id == server.id,
                Allocation.node_id == server.node_id,
            )
            .values(server_id=None, notes=None)
        )
    if default != server.allocation_id:
        chosen = await work.db.scalar(
            select(Allocation.id).where(Allocation.id == default, Allocation.server_id == server.id)
        )
        if chosen is None:
            raise Invalid("The main address must be one of the server's own.", field="allocation")
        server.allocation_id = default
    server.memory, server.swap, server.disk, server.io, server.cpu = (
        build.memory,
        build.swap,
        build.disk,
        build.io,
        build.cpu,
    )
    server.threads = build.threads
    if build.oom_disabled is not None:
        server.oom_disabled = build.oom_disabled
    server.database_limit, server.allocation_limit, server.backup_limit = (
        build.databases,
        build.allocations,
        build.backups,
    )
    server.updated_at = work.now


async def sync_quietly(nodes: NodeClient, node: Node, uuid: str) -> None:
    """Tell a node of new limits; one that is down learns of them when it comes back."""
    try:
        await nodes.sync(node, uuid)
    except NodeFailed as err:
        log.warning("a node was not told of new limits", server=uuid, reason=err.detail)


async def change_startup(
    work: Work,
    server: Server,
    *,
    startup: str,
    egg_id: int,
    image: str,
    skip_scripts: bool,
    environment: Mapping[str, Any],
) -> None:
    """Overwrite how a server starts; with values, all of the egg's variables are checked and stored.

    Raises:
        ValidationFailed: values break the rules of the egg's variables.
    """
    egg = await work.db.get_one(Egg, egg_id)
    if environment:
        variables = await variables_of(work, egg.id)
        values = check_variables(variables, environment)
        for variable in variables:
            await store_value(work, server, variable, values[variable.env_variable])
    server.startup, server.image, server.skip_scripts = startup, image, skip_scripts
    server.egg_id, server.nest_id = egg.id, egg.nest_id
    server.updated_at = work.now


async def store_value(work: Work, server: Server, variable: EggVariable, value: str) -> None:
    """Write a server's value of a variable."""
    row = await work.db.scalar(
        select(ServerVariable).where(ServerVariable.server_id == server.id, ServerVariable.variable_id == variable.id)
    )
    if row is None:
        work.add(ServerVariable(server_id=server.id, variable_id=variable.id, variable_value=value))
    else:
        row.variable_value, row.updated_at = value, work.now
