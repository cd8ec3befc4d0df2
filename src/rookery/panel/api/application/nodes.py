"""Application API: nodes and their allocations. Source: Panel 1.11, `/api/application/nodes`."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, read_inputs
from rookery.panel.api.application.includes import Includes, node_sums
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named, allocation_of_node
from rookery.panel.api.envelope import answer, collection, filters, includes, no_content, page_of, pagination
from rookery.panel.api.problems import ApiProblem
from rookery.panel.api.route import WorkRoute
from rookery.panel.nodes.client import NodeFailed
from rookery.panel.nodes.models import Allocation, Location, Node
from rookery.panel.nodes.service import (
    add_allocations,
    daemon_configuration,
    delete_allocation,
    delete_node,
    new_node,
)
from rookery.panel.panel import Panel
from rookery.panel.secrets import random_text
from rookery.panel.servers.placement import NoViableNode
from rookery.panel.servers.provisioning import rooms
from rookery.panel.validation.inputs import Checker, Inputs, as_bool, validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/application/nodes", route_class=WorkRoute, tags=["application: nodes"])
named = Named("node", Node)
INCLUDES = ["allocations", "location", "servers"]
BASE = "/var/lib/pterodactyl/volumes"
Reader = Annotated[Caller, Depends(AdminKey("nodes", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("nodes", 1, named))]
Writer = Annotated[Caller, Depends(AdminKey("nodes", 2))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("nodes", 2, named))]
AllocationReader = Annotated[Caller, Depends(AdminKey("allocations", 1, named))]
AllocationWriter = Annotated[Caller, Depends(AdminKey("allocations", 2, named))]
AllocationRemover = Annotated[Caller, Depends(AdminKey("allocations", 2, named, allocation_of_node))]
_RULES = {
    "name": r"required|regex:/^([\w .-]{1,100})$/",
    "location_id": "required",
    "public": "nullable|boolean",
    "fqdn": "required|string",
    "scheme": "required",
    "behind_proxy": "nullable|boolean",
    "maintenance_mode": "nullable|boolean",
    "memory": "required|numeric|min:1",
    "memory_overallocate": "required|numeric|min:-1",
    "disk": "required|numeric|min:1",
    "disk_overallocate": "required|numeric|min:-1",
    "upload_size": "nullable|integer|between:1,1024",
    "daemon_listen": "required|numeric|between:1,65535",
    "daemon_sftp": "required|numeric|between:1,65535",
    "daemon_base": r"sometimes|required|regex:/^([\/][\d\w.\-\/]+)$/",
}


async def _check(work: Work, inputs: Inputs) -> dict[str, Any]:
    checker = Checker(inputs).check(_RULES)
    if not checker.has("location_id"):
        raw = inputs["location_id"]
        known = str(raw).isdigit() and await work.db.get(Location, int(raw)) is not None
        if not known:
            checker.fail("location_id", "exists", "The location does not exist.")
    checker.done()
    found: dict[str, Any] = {
        "name": inputs["name"],
        "location_id": int(inputs["location_id"]),
        "fqdn": inputs["fqdn"],
        "scheme": str(inputs["scheme"]),
        "daemon_base": inputs.get("daemon_base") or BASE,
    }
    for name in ("memory", "memory_overallocate", "disk", "disk_overallocate", "daemon_listen", "daemon_sftp"):
        found[name] = int(float(inputs[name]))
    for name in ("public", "behind_proxy", "maintenance_mode"):
        if inputs.get(name) is not None:
            found[name] = as_bool(inputs[name])
    if inputs.get("upload_size") is not None:
        found["upload_size"] = int(inputs["upload_size"])
    return found


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All nodes."""
    columns = {"uuid": Node.uuid, "name": Node.name, "fqdn": Node.fqdn, "daemon_token_id": Node.daemon_token_id}
    rows, page = await listed(
        request,
        work,
        select(Node),
        partial=columns,
        sortable={"id": Node.id, "uuid": Node.uuid, "memory": Node.memory, "disk": Node.disk},
        order=Node.id,
    )
    return answer(collection(await Includes(work, caller).nodes(rows, includes(request, INCLUDES)), pagination=page))


@router.get("/deployable")
async def deployable(request: Request, work: InWork, caller: Reader) -> Response:
    """The public nodes on which a server of a size fits."""
    inputs = validate(
        await read_inputs(request),
        {
            "page": "nullable|integer",
            "memory": "required|integer|min:0",
            "disk": "required|integer|min:0",
            "location_ids": "nullable|array",
            "location_ids.*": "integer",
        },
    )
    locations = [int(identity) for identity in inputs.get("location_ids") or ()]
    fitting = [
        room.node_id
        for room in await rooms(work, locations=locations)
        if room.fits(int(inputs["memory"]), int(inputs["disk"]))
    ]
    if not fitting:
        raise NoViableNode("No node has room for a server of this size.")
    page, meta = None, {}
    total = len(fitting)
    if inputs.get("page") is not None:
        page = page_of(request, default=50, most=None)
        fitting = fitting[page.offset : page.offset + (page.size or total)]
    rows = list(await work.db.scalars(select(Node).where(Node.id.in_(fitting)).order_by(Node.id)))
    sums = await node_sums(work, fitting)
    more = {
        node_id: {"sum_memory": str(sums.get(node_id, (0, 0))[0]), "sum_disk": str(sums.get(node_id, (0, 0))[1])}
        for node_id in fitting
    }
    if page is not None:
        meta = {"pagination": pagination(request, page, total=total, count=len(rows))}
    return answer(collection(await Includes(work, caller).nodes(rows, includes(request, INCLUDES), more=more), **meta))


@router.get("/{node}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One node."""
    return answer((await Includes(work, caller).nodes([request.state.node], includes(request, INCLUDES)))[0])


@router.get("/{node}/configuration")
async def configuration(request: Request, work: InWork, panel: InPanel, caller: ReaderOfOne) -> Response:  # noqa: ARG001
    """What the daemon writes into its configuration file."""
    return answer(await daemon_configuration(work, request.state.node, panel.settings))


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, caller: Writer) -> Response:
    """A new node."""
    node = new_node(**await _check(work, await read_inputs(request)))
    work.add(node)
    await work.db.flush()
    shape = (await Includes(work, caller).nodes([node], includes(request, INCLUDES)))[0]
    shape["meta"] = {"resource": f"{panel.settings.url}/api/application/nodes/{node.id}"}
    return answer(shape, 201)


@router.patch("/{node}")
async def change(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:
    """Overwrite a node and push its configuration; it stays saved when the push fails."""
    node: Node = request.state.node
    inputs = await read_inputs(request)
    values = await _check(work, inputs)
    old_token = node.daemon_token
    for name, value in values.items():
        setattr(node, name, value)
    if inputs.get("reset_secret") is True:
        node.daemon_token_id, node.daemon_token = random_text(16), random_text(64)
    node.updated_at = work.now
    await work.db.flush()
    body = await daemon_configuration(work, node, panel.settings)
    work.call(partial(_push, panel, node, body, old_token))
    return answer((await Includes(work, caller).nodes([node], includes(request, INCLUDES)))[0])


async def _push(panel: Panel, node: Node, body: dict[str, Any], token: str) -> None:
    try:
        await panel.nodes.update(node, body, token=token)
    except NodeFailed as err:
        raise ApiProblem(
            400,
            "ConfigurationNotPersistedException",
            "The node was saved, but its daemon could not be told; restart it or try again.",
        ) from err


@router.delete("/{node}")
async def remove(request: Request, work: InWork, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Delete a node without servers."""
    await delete_node(work, request.state.node)
    return no_content()


@router.get("/{node}/allocations")
async def allocations(request: Request, work: InWork, caller: AllocationReader) -> Response:
    """Addresses of a node."""
    statement = select(Allocation).where(Allocation.node_id == request.state.node.id)
    wanted = filters(request, ["ip", "port", "ip_alias", "server_id"]).get("server_id")
    if wanted:
        number = wanted[0]
        if number.isdigit() and int(number):
            statement = statement.where(Allocation.server_id == int(number))
        else:
            statement = statement.where(Allocation.server_id.is_(None))
    rows, page = await listed(
        request,
        work,
        statement,
        partial={"ip_alias": Allocation.ip_alias},
        exact={"ip": Allocation.ip, "port": Allocation.port},
        further=["server_id"],
        order=Allocation.id,
    )
    shapes = await Includes(work, caller).allocations(rows, includes(request, ["node", "server"]))
    return answer(collection(shapes, pagination=page))


@router.post("/{node}/allocations")
async def add(request: Request, work: InWork, caller: AllocationWriter) -> Response:  # noqa: ARG001
    """Add addresses to a node; those it has already stay as they are."""
    inputs = validate(
        await read_inputs(request),
        {
            "ip": "required|string",
            "alias": "nullable|string|max:191",
            "ports": "required|array",
            "ports.*": "string",
        },
    )
    await add_allocations(work, request.state.node, inputs["ip"], list(inputs["ports"]), inputs.get("alias"))
    return no_content()


@router.delete("/{node}/allocations/{allocation}")
async def remove_allocation(request: Request, work: InWork, caller: AllocationRemover) -> Response:  # noqa: ARG001
    """Delete a free address."""
    await delete_allocation(work, request.state.allocation)
    return no_content()
