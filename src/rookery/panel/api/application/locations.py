"""Application API: locations. Source: Panel 1.11, `/api/application/locations`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, read_inputs
from rookery.panel.api.application.includes import Includes
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named
from rookery.panel.api.envelope import answer, collection, includes, no_content
from rookery.panel.api.route import WorkRoute
from rookery.panel.nodes.checks import check_location
from rookery.panel.nodes.models import Location
from rookery.panel.nodes.service import delete_location

router = APIRouter(prefix="/api/application/locations", route_class=WorkRoute, tags=["application: locations"])
named = Named("location", Location)
INCLUDES = ["nodes", "servers"]
Reader = Annotated[Caller, Depends(AdminKey("locations", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("locations", 1, named))]
Writer = Annotated[Caller, Depends(AdminKey("locations", 2))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("locations", 2, named))]


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All locations."""
    rows, page = await listed(
        request,
        work,
        select(Location),
        partial={"short": Location.short, "long": Location.long},
        sortable={"id": Location.id},
        order=Location.id,
    )
    return answer(
        collection(await Includes(work, caller).locations(rows, includes(request, INCLUDES)), pagination=page)
    )


@router.get("/{location}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One location."""
    found = await Includes(work, caller).locations([request.state.location], includes(request, INCLUDES))
    return answer(found[0])


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, caller: Writer) -> Response:
    """A new location."""
    inputs = await check_location(work, await read_inputs(request))
    location = Location(short=inputs["short"], long=inputs.get("long"))
    work.add(location)
    await work.db.flush()
    shape = (await Includes(work, caller).locations([location], includes(request, INCLUDES)))[0]
    shape["meta"] = {"resource": f"{panel.settings.url}/api/application/locations/{location.id}"}
    return answer(shape, 201)


@router.patch("/{location}")
async def change(request: Request, work: InWork, caller: WriterOfOne) -> Response:
    """Overwrite a location."""
    location: Location = request.state.location
    inputs = await check_location(work, await read_inputs(request), location)
    location.short = inputs["short"]
    if "long" in inputs:
        location.long = inputs["long"]
    location.updated_at = work.now
    return answer((await Includes(work, caller).locations([location], includes(request, INCLUDES)))[0])


@router.delete("/{location}")
async def remove(request: Request, work: InWork, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Delete a location without nodes."""
    await delete_location(work, request.state.location)
    return no_content()
