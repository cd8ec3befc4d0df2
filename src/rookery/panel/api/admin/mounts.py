"""Mounts: folders of nodes that servers may see."""

import uuid
from typing import Any

from sqlalchemy import Table, delete, insert, select
from starlette.responses import Response

from rookery.panel.api.admin.area import Visit, area
from rookery.panel.api.envelope import no_content
from rookery.panel.eggs.models import Egg
from rookery.panel.nodes.models import Mount, Node, egg_mount, mount_node, mount_server
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker, Inputs, as_bool

_RULES = {
    "name": "required|string|min:2|max:64",
    "description": "nullable|string|max:191",
    "source": "required|string|max:191",
    "target": "required|string|max:191",
    "read_only": "sometimes|boolean",
    "user_mountable": "sometimes|boolean",
}
_SECRET_SOURCES = ("/etc/pterodactyl", "/var/lib/pterodactyl/volumes", "/srv/daemon-data")
_TAKEN_TARGETS = ("/home/container",)


async def _checked(visit: Visit, row: Mount | None = None) -> Inputs:
    checker = Checker(visit.inputs).check(_RULES)
    inputs = checker.inputs
    if inputs.get("source") in _SECRET_SOURCES:
        checker.fail("source", "not_in", "The source is invalid: it belongs to the node itself.")
    if inputs.get("target") in _TAKEN_TARGETS:
        checker.fail("target", "not_in", "The target is invalid: the server's own files are there.")
    if isinstance(inputs.get("name"), str):
        other = await visit.work.db.scalar(select(Mount.id).where(Mount.name == inputs["name"]))
        if other is not None and (row is None or other != row.id):
            checker.fail("name", "unique", "The name has already been taken.")
    return checker.done()


def _write(row: Mount, inputs: Inputs) -> None:
    row.name, row.description = inputs["name"], inputs.get("description")
    row.source, row.target = inputs["source"], inputs["target"]
    row.read_only = int(as_bool(inputs.get("read_only")))
    row.user_mountable = int(as_bool(inputs.get("user_mountable")))


@area.on("POST", "/mounts")
async def create(visit: Visit) -> Response:
    """A new mount: `name`, `description`, `source`, `target`, `read_only`, `user_mountable`."""
    inputs = await _checked(visit)
    row = Mount(uuid=str(uuid.uuid4()))
    _write(row, inputs)
    visit.work.add(row)
    await visit.work.db.flush()
    return visit.to(f"/mounts/view/{row.id}", "The mount was made.")


@area.on("PATCH", "/mounts/view/{mount}")
async def edit(visit: Visit) -> Response:
    """Overwrite a mount, or delete it by `action=delete`."""
    row: Mount = visit.row("mount")
    if visit.inputs.get("action") == "delete":
        await visit.work.db.delete(row)
        return visit.to("/mounts")
    _write(row, await _checked(visit, row))
    return visit.to(f"/mounts/view/{row.id}", "The mount was saved.")


async def _link(visit: Visit, name: str, model: type[Any], table: Table, column: str) -> Response:
    """Allow a mount for the rows whose numbers the form lists, beside those it is allowed for."""
    row: Mount = visit.row("mount")
    checker = Checker(visit.inputs).check({name: "required|array", f"{name}.*": "integer"})
    known: set[int] = set()
    if not checker.failures:
        wanted = {int(number) for number in checker.inputs[name]}
        known = set(await visit.work.db.scalars(select(model.id).where(model.id.in_(wanted))))
        if known != wanted:
            checker.fail(name, "exists", f"One of the {name} does not exist.")
    checker.done()
    present = set(await visit.work.db.scalars(select(table.c[column]).where(table.c.mount_id == row.id)))
    for number in sorted(known - present):
        await visit.work.db.execute(insert(table).values({column: number, "mount_id": row.id}))
    return visit.to(f"/mounts/view/{row.id}", "The mount was saved.")


@area.on("POST", "/mounts/{mount}/eggs")
async def add_eggs(visit: Visit) -> Response:
    """Allow it for servers of these eggs: `eggs[]`."""
    return await _link(visit, "eggs", Egg, egg_mount, "egg_id")


@area.on("POST", "/mounts/{mount}/nodes")
async def add_nodes(visit: Visit) -> Response:
    """Allow it on these nodes: `nodes[]`."""
    return await _link(visit, "nodes", Node, mount_node, "node_id")


async def _unlink(visit: Visit, table: Table, column: str, number: int) -> Response:
    row: Mount = visit.row("mount")
    await visit.work.db.execute(delete(table).where(table.c.mount_id == row.id, table.c[column] == number))
    return no_content()


@area.on("DELETE", "/mounts/{mount}/eggs/{egg}")
async def remove_egg(visit: Visit) -> Response:
    """No longer for servers of an egg."""
    return await _unlink(visit, egg_mount, "egg_id", visit.row("egg").id)


@area.on("DELETE", "/mounts/{mount}/nodes/{node}")
async def remove_node(visit: Visit) -> Response:
    """No longer on a node."""
    return await _unlink(visit, mount_node, "node_id", visit.row("node").id)


@area.on("POST", "/servers/view/{server}/mounts")
async def attach(visit: Visit) -> Response:
    """Let a server see a mount that its egg and its node allow: `mount_id`."""
    server: Server = visit.row("server")
    checker = Checker(visit.inputs).check({"mount_id": "required|integer"})
    number = checker.inputs.get("mount_id")
    if number is not None and not checker.has("mount_id"):
        allowed = await visit.work.db.scalar(
            select(Mount.id)
            .join(egg_mount, egg_mount.c.mount_id == Mount.id)
            .join(mount_node, mount_node.c.mount_id == Mount.id)
            .where(
                Mount.id == int(number),
                egg_mount.c.egg_id == server.egg_id,
                mount_node.c.node_id == server.node_id,
            )
        )
        if allowed is None:
            checker.fail("mount_id", "exists", "The mount does not exist, or is not for this egg and node.")
    mount_id = int(checker.done()["mount_id"])
    present = select(mount_server.c.mount_id).where(
        mount_server.c.server_id == server.id, mount_server.c.mount_id == mount_id
    )
    if await visit.work.db.scalar(present) is None:
        await visit.work.db.execute(insert(mount_server).values(server_id=server.id, mount_id=mount_id))
    return visit.to(f"/servers/view/{server.id}/mounts", "The mount was attached; it is there after the next start.")


@area.on("DELETE", "/servers/view/{server}/mounts/{mount}")
async def detach(visit: Visit) -> Response:
    """Take a mount away from a server."""
    server, mount = visit.row("server"), visit.row("mount")
    await visit.work.db.execute(
        delete(mount_server).where(mount_server.c.server_id == server.id, mount_server.c.mount_id == mount.id)
    )
    return visit.to(f"/servers/view/{server.id}/mounts", "The mount was taken away.")
