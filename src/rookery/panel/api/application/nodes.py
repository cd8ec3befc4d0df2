"""Application API: nodes and their allocations. Source: Panel 1.11, `/api/application/nodes`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, read_inputs
from rookery.panel.api.application.includes import Includes, node_sums
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named, allocation_of_node
from rookery.panel.api.envelope import answer, collection, filters, includes, no_content, page_of, pagination
from rookery.panel.api.route import WorkRoute
from rookery.panel.nodes.checks import check_node
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.nodes.service import (
    add_allocations,
    change_node,
    daemon_configuration,
    delete_allocation,
    delete_node,
    mounts_of,
    new_node,
)
from rookery.panel.servers.placement import NoViableNode
from rookery.panel.servers.provisioning import rooms
from rookery.panel.validation.inputs import validate

router = APIRouter(prefix="/api/application/nodes", route_class=WorkRoute, tags=["application: nodes"])
named = Named("node", Node)
INCLUDES = ["allocations", "location", "servers"]
Reader = Annotated[Caller, Depends(AdminKey("nodes", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("nodes", 1, named))]
Writer = Annotated[Caller, Depends(AdminKey("nodes", 2))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("nodes", 2, named))]
AllocationReader = Annotated[Caller, Depends(AdminKey("allocations", 1, named))]
AllocationWriter = Annotated[Caller, Depends(AdminKey("allocations", 2, named))]
AllocationRemover = Annotated[Caller, Depends(AdminKey("allocations", 2, named, allocation_of_node))]


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
    node = new_node(**await check_node(work, await read_inputs(request)))
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
    values = await check_node(work, inputs)
    reset = inputs.get("reset_secret") is True
    await change_node(work, panel.nodes, panel.settings, node, values, reset_secret=reset)
    more = {node.id: {"mounts": await mounts_of(work, node)}}
    return answer((await Includes(work, caller).nodes([node], includes(request, INCLUDES), more=more))[0])


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
    if wanted or "filter[server_id]" in request.query_params:
        number = wanted[0] if wanted else ""
        if number.isdigit() and int(number):
            statement = statement.where(Allocation.server_id == int(number))
        else:
            statement = statement.where(Allocation.server_id.is_(None))
            statement = statement.order_by(Allocation.ip, Allocation.port)
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
