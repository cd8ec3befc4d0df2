"""Application API: databases of a server. Source: Panel 1.11, `/api/application/servers/{server}/databases`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, panel_of, read_inputs, work_of
from rookery.panel.api.application.includes import Includes
from rookery.panel.api.application.servers import named
from rookery.panel.api.envelope import answer, collection, includes, no_content
from rookery.panel.api.problems import not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.databases.service import number_of_hash
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker

router = APIRouter(
    prefix="/api/application/servers/{server}/databases", route_class=WorkRoute, tags=["application: databases"]
)
INCLUDES = ["password", "host"]
_NEW = {
    "database": "required|alpha_dash|min:1|max:48",
    "remote": "required|string|regex:/^[0-9%.]{1,15}$/",
    "host": "required|integer",
}
_NAMES = {"database": "Database Name", "remote": "Remote Connection String", "host": "Database Host Server ID"}


async def _database(request: Request) -> Database:
    """The database of the path, when it is the server's."""
    server: Server = request.state.server
    number = number_of_hash(panel_of(request).settings, request.path_params["database"])
    found = await work_of(request).db.get(Database, number) if number is not None else None
    if found is None or found.server_id != server.id:
        raise not_found()
    request.state.database = found
    return found


Reader = Annotated[Caller, Depends(AdminKey("server_databases", 1, named))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("server_databases", 1, named, _database))]
Writer = Annotated[Caller, Depends(AdminKey("server_databases", 2, named))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("server_databases", 2, named, _database))]


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All databases of the server."""
    rows = list(
        await work.db.scalars(
            select(Database).where(Database.server_id == request.state.server.id).order_by(Database.id)
        )
    )
    return answer(collection(await Includes(work, caller).databases(rows, includes(request, INCLUDES))))


@router.get("/{database}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One database."""
    found = await Includes(work, caller).databases([request.state.database], includes(request, INCLUDES))
    return answer(found[0])


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, caller: Writer) -> Response:
    """A new database with its user."""
    server: Server = request.state.server
    checker = Checker(await read_inputs(request)).check(_NEW)
    value = checker.inputs.get("host")
    host = None
    if value is not None and not checker.has("host"):
        host = await work.db.get(DatabaseHost, int(value))
        if host is None:
            checker.fail("host", "exists", f"The {_NAMES['host']} does not exist.")
    inputs = checker.done()
    row = await panel.databases(work).create(server, host, name=inputs["database"], remote=inputs["remote"])
    work.record("server:database.create", server, row, name=row.database)
    shape = (await Includes(work, caller).databases([row], includes(request, INCLUDES)))[0]
    shape["attributes"]["max_connections"] = None  # as the wire has it for a new one
    address = f"{panel.settings.url}/api/application/servers/{server.id}/databases/{row.id}"
    shape["meta"] = {"resource": address}
    return answer(shape, 201)


@router.post("/{database}/reset-password")
async def reset(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Another password."""
    await panel.databases(work).rotate(request.state.database)
    return no_content()


@router.delete("/{database}")
async def remove(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Delete a database and its user."""
    await panel.databases(work).delete(request.state.database)
    return no_content()
