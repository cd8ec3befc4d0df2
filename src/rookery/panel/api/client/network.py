"""Client API: addresses of a server. Source: Panel 1.11 client API, network."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, read_inputs
from rookery.panel.api.client import shapes
from rookery.panel.api.envelope import answer, collection, no_content
from rookery.panel.api.route import WorkRoute
from rookery.panel.nodes.models import Allocation
from rookery.panel.servers.addresses import add_address, addresses_of, give_back
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import validate
from rookery.panel.work import Work

router = APIRouter(
    prefix="/api/client/servers/{server}/network/allocations", route_class=WorkRoute, tags=["client: network"]
)


async def _address(request: Request, work: Work, server: Server) -> Allocation | None:  # noqa: ARG001
    number = request.path_params["allocation"]
    return await work.db.get(Allocation, int(number)) if number.isdigit() and len(number) < 19 else None


Reader = Annotated[ServerAccess, Depends(ServerFor("allocation.read"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("allocation.create"))]
Updater = Annotated[ServerAccess, Depends(ServerFor("allocation.update", child=_address))]
Remover = Annotated[ServerAccess, Depends(ServerFor("allocation.delete", child=_address))]


def _named(row: Allocation) -> str:
    return f"{row.ip}:{row.port}"


@router.get("")
async def index(work: InWork, access: Reader) -> Response:
    """All addresses of the server."""
    rows = await addresses_of(work, access.server)
    default = access.server.allocation_id
    return answer(collection([shapes.allocation(row, default_id=default) for row in rows]))


@router.post("")
async def create(work: InWork, panel: InPanel, access: Creator) -> Response:
    """One more address, chosen by us."""
    server = access.server
    row = await add_address(work, server, panel.settings)
    work.record("server:allocation.create", server, row, allocation=_named(row))
    return answer(shapes.allocation(row, default_id=server.allocation_id))


@router.post("/{allocation}")
async def note(request: Request, work: InWork, access: Updater) -> Response:
    """Write a note on an address."""
    notes = validate(await read_inputs(request), {"notes": "present|nullable|string|max:256"})["notes"]
    row: Allocation = access.child
    if row.notes != notes:
        work.record("server:allocation.notes", access.server, row, allocation=_named(row), old=row.notes, new=notes)
    row.notes, row.updated_at = notes, work.now
    return answer(shapes.allocation(row, default_id=access.server.allocation_id))


@router.post("/{allocation}/primary")
async def primary(work: InWork, access: Updater) -> Response:
    """Make an address the main one."""
    server, row = access.server, access.child
    server.allocation_id, server.updated_at = row.id, work.now
    work.record("server:allocation.primary", server, row, allocation=_named(row))
    return answer(shapes.allocation(row, default_id=row.id))


@router.delete("/{allocation}")
async def remove(work: InWork, access: Remover) -> Response:
    """Give an address back."""
    row: Allocation = access.child
    await give_back(work, access.server, row)
    work.record("server:allocation.delete", access.server, row, allocation=_named(row))
    return no_content()
