"""Nodes and their addresses."""

import asyncio
import ipaddress

from sqlalchemy import delete, select
from starlette.responses import Response

from rookery.panel.accounts.service import deployment_key
from rookery.panel.api.admin.area import Visit, area
from rookery.panel.api.envelope import answer
from rookery.panel.api.problems import not_found
from rookery.panel.nodes.checks import check_node
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.nodes.service import (
    InUseByServer,
    add_allocations,
    change_node,
    delete_allocation,
    delete_node,
    new_node,
)
from rookery.panel.validation.inputs import Checker, Inputs, validate

_PORTS = {
    "allocation_ip": "required|string",
    "allocation_alias": "sometimes|nullable|string|max:191",
    "allocation_ports": "required|array",
}


def _renamed(inputs: Inputs) -> Inputs:
    """The form's names are those of the original's columns."""
    names = {"daemonBase": "daemon_base", "daemonSFTP": "daemon_sftp", "daemonListen": "daemon_listen"}
    return {names.get(name, name): value for name, value in inputs.items()}


async def _check_name(inputs: Inputs) -> None:
    """Whether the node can be found by its name, and its certificate can be good.

    Raises:
        ValidationFailed: it cannot.
    """
    checker, name = Checker(inputs), str(inputs.get("fqdn") or "")
    if inputs.get("scheme") == "https" and _is_address(name):
        checker.fail("fqdn", "fqdn", "A node with HTTPS needs a name, not an address.")
    elif name and not await _resolves(name):
        checker.fail("fqdn", "fqdn", "The name of the node leads to no address.")
    checker.done()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def _resolves(name: str) -> bool:
    try:
        return bool(await asyncio.get_running_loop().getaddrinfo(name, None))
    except (OSError, UnicodeError):
        return False


@area.on("POST", "/nodes/new")
async def create(visit: Visit) -> Response:
    """A new node."""
    inputs = _renamed(visit.inputs)
    values = await check_node(visit.work, inputs)
    await _check_name(inputs)
    node = new_node(**values, description=inputs.get("description"))
    visit.work.add(node)
    await visit.work.db.flush()
    return visit.to(f"/nodes/view/{node.id}/allocation", "The node was made. Give it addresses next.", "info")


@area.on("PATCH", "/nodes/view/{node}/settings")
async def edit(visit: Visit) -> Response:
    """Overwrite a node and send its daemon the new configuration; `reset_secret` makes a new token."""
    node: Node = visit.row("node")
    inputs = _renamed(visit.inputs)
    values = await check_node(visit.work, inputs)
    values["description"] = inputs.get("description")
    reset = inputs.get("reset_secret") == "on"
    await change_node(visit.work, visit.panel.nodes, visit.panel.settings, node, values, reset_secret=reset)
    return visit.to(f"/nodes/view/{node.id}/settings", "The node was saved.")


@area.on("DELETE", "/nodes/view/{node}/delete")
async def remove(visit: Visit) -> Response:
    """Delete a node without servers."""
    await delete_node(visit.work, visit.row("node"))
    return visit.to("/nodes", "The node was deleted.")


@area.on("GET", "/nodes/view/{node}/system-information")
async def system(visit: Visit) -> Response:
    """What a node says it is."""
    node: Node = visit.row("node")
    found = await visit.work.outside(lambda: visit.panel.nodes.system_summary(node))
    shown = {
        "type": f"{found.get('os', '')}"[:1].upper() + f"{found.get('os', '')}"[1:],
        "arch": found.get("architecture"),
        "release": found.get("kernel_version"),
        "cpus": found.get("cpu_count"),
    }
    return answer({"version": found.get("version"), "system": shown})


@area.on("POST", "/nodes/view/{node}/settings/token")
async def token(visit: Visit) -> Response:
    """A key with which a daemon fetches its configuration."""
    key = await deployment_key(visit.work, visit.user)
    return answer({"node": visit.row("node").id, "token": f"{key.identifier}{key.token}"})


# Addresses


@area.on("POST", "/nodes/view/{node}/allocation")
async def add(visit: Visit) -> Response:
    """New addresses: `allocation_ip`, `allocation_ports[]`, `allocation_alias`."""
    node: Node = visit.row("node")
    inputs = validate(visit.inputs, _PORTS)
    ports = [str(port) for port in inputs["allocation_ports"]]
    await add_allocations(visit.work, node, inputs["allocation_ip"], ports, inputs.get("allocation_alias"))
    return visit.to(f"/nodes/view/{node.id}/allocation", "The addresses were added.")


@area.on("POST", "/nodes/view/{node}/allocation/alias")
async def alias(visit: Visit) -> Response:
    """Call an address of this node something else."""
    inputs = validate(visit.inputs, {"allocation_id": "required|integer", "alias": "nullable|string|max:191"})
    row = await visit.work.db.get(Allocation, int(inputs["allocation_id"]))
    if row is None or row.node_id != visit.row("node").id:
        raise not_found()
    row.ip_alias, row.updated_at = inputs.get("alias"), visit.work.now
    return Response(status_code=204)


@area.on("POST", "/nodes/view/{node}/allocation/remove")
async def remove_block(visit: Visit) -> Response:
    """Delete all free addresses of an `ip`."""
    node: Node = visit.row("node")
    inputs = validate(visit.inputs, {"ip": "required|string"})
    await visit.work.db.execute(
        delete(Allocation).where(
            Allocation.node_id == node.id, Allocation.ip == inputs["ip"], Allocation.server_id.is_(None)
        )
    )
    return visit.to(f"/nodes/view/{node.id}/allocation", "The free addresses were deleted.")


@area.on("DELETE", "/nodes/view/{node}/allocation/remove/{allocation}")
async def remove_one(visit: Visit) -> Response:
    """Delete one free address."""
    row: Allocation = visit.row("allocation")
    if row.node_id != visit.row("node").id:
        raise not_found()
    await delete_allocation(visit.work, row)
    return Response(status_code=204)


@area.on("DELETE", "/nodes/view/{node}/allocations")
async def remove_several(visit: Visit) -> Response:
    """Delete free addresses: `allocations[][id]`; all or none."""
    node: Node = visit.row("node")
    inputs = validate(visit.inputs, {"allocations": "required|array", "allocations.*.id": "required|integer"})
    wanted = {int(entry["id"]) for entry in inputs["allocations"]}
    rows = list(
        await visit.work.db.scalars(select(Allocation).where(Allocation.id.in_(wanted), Allocation.node_id == node.id))
    )
    if any(row.server_id is not None for row in rows):
        raise InUseByServer("One of these addresses is assigned to a server.")
    for row in rows:
        await delete_allocation(visit.work, row)
    return Response(status_code=204)
