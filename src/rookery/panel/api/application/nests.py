"""Application API: nests and eggs. Source: Panel 1.11, `/api/application/nests`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import AdminKey, Caller, InWork, work_of
from rookery.panel.api.application.includes import Includes
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named
from rookery.panel.api.envelope import answer, collection, includes
from rookery.panel.api.problems import not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.eggs.models import Egg, Nest

router = APIRouter(prefix="/api/application/nests", route_class=WorkRoute, tags=["application: nests"])
named = Named("nest", Nest)
EGG_INCLUDES = ["nest", "servers", "config", "script", "variables"]


async def _egg_of_nest(request: Request) -> None:
    raw = request.path_params["egg"]
    found = await work_of(request).db.get(Egg, int(raw)) if raw.isdigit() and len(raw) < 10 else None
    if found is None or found.nest_id != request.state.nest.id:
        raise not_found()
    request.state.egg = found


Reader = Annotated[Caller, Depends(AdminKey("nests", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("nests", 1, named))]
EggReader = Annotated[Caller, Depends(AdminKey("eggs", 1, named))]
EggReaderOfOne = Annotated[Caller, Depends(AdminKey("eggs", 1, named, _egg_of_nest))]


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All nests."""
    rows, page = await listed(request, work, select(Nest), order=Nest.id)
    shapes = await Includes(work, caller).nests(rows, includes(request, ["eggs", "servers"]))
    return answer(collection(shapes, pagination=page))


@router.get("/{nest}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One nest."""
    return answer((await Includes(work, caller).nests([request.state.nest], includes(request, ["eggs", "servers"])))[0])


@router.get("/{nest}/eggs")
async def eggs(request: Request, work: InWork, caller: EggReader) -> Response:
    """All eggs of a nest."""
    rows = list(await work.db.scalars(select(Egg).where(Egg.nest_id == request.state.nest.id).order_by(Egg.id)))
    return answer(collection(await Includes(work, caller).eggs(rows, includes(request, EGG_INCLUDES))))


@router.get("/{nest}/eggs/{egg}")
async def egg(request: Request, work: InWork, caller: EggReaderOfOne) -> Response:
    """One egg."""
    return answer((await Includes(work, caller).eggs([request.state.egg], includes(request, EGG_INCLUDES)))[0])
