"""Client API: databases of a server. Source: Panel 1.11 client API, databases."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, panel_of, read_inputs
from rookery.panel.api.envelope import NULL, answer, collection, includes, item, no_content
from rookery.panel.api.route import WorkRoute
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.databases.service import hashids_of, number_of_hash
from rookery.panel.panel import Panel
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/servers/{server}/databases", route_class=WorkRoute, tags=["client: databases"])
_NEW = {"database": "required|alpha_dash|min:3|max:48", "remote": r"required|string|regex:/^[\w\-\/.%:]+$/"}


async def _database(request: Request, work: Work, server: Server) -> Database | None:  # noqa: ARG001
    number = number_of_hash(panel_of(request).settings, request.path_params["database"])
    return await work.db.get(Database, number) if number is not None else None


Reader = Annotated[ServerAccess, Depends(ServerFor("database.read"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("database.create"))]
Updater = Annotated[ServerAccess, Depends(ServerFor("database.update", child=_database))]
Remover = Annotated[ServerAccess, Depends(ServerFor("database.delete", child=_database))]


def _shape(panel: Panel, access: ServerAccess, row: Database, host: DatabaseHost, *, password: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "id": hashids_of(panel.settings).encode(row.id),
        "host": {"address": host.host, "port": host.port},
        "name": row.database,
        "username": row.username,
        "connections_from": row.remote,
        "max_connections": row.max_connections,
    }
    if password:
        shown = item("database_password", {"password": row.password})
        attributes["relationships"] = {"password": shown if access.allows("database.view_password") else NULL}
    return item("server_database", attributes)


@router.get("")
async def index(request: Request, work: InWork, panel: InPanel, access: Reader) -> Response:
    """All databases."""
    password = "password" in includes(request, ["password"])
    rows = await work.db.execute(
        select(Database, DatabaseHost)
        .join(DatabaseHost, DatabaseHost.id == Database.database_host_id)
        .where(Database.server_id == access.server.id)
        .order_by(Database.id)
    )
    return answer(collection([_shape(panel, access, row, host, password=password) for row, host in rows]))


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """A new database with its user."""
    inputs = validate(await read_inputs(request), _NEW)
    row = await panel.databases(work).create(access.server, None, name=inputs["database"], remote=inputs["remote"])
    work.record("server:database.create", access.server, row, name=row.database)
    host = await work.db.get_one(DatabaseHost, row.database_host_id)
    shape = _shape(panel, access, row, host, password=True)
    shape["attributes"]["max_connections"] = None  # as the wire has it for a new one
    return answer(shape)


@router.post("/{database}/rotate-password")
async def rotate(work: InWork, panel: InPanel, access: Updater) -> Response:
    """Another password."""
    row: Database = access.child
    await panel.databases(work).rotate(row)
    work.record("server:database.rotate-password", access.server, row, name=row.database)
    host = await work.db.get_one(DatabaseHost, row.database_host_id)
    return answer(_shape(panel, access, row, host, password=True))


@router.delete("/{database}")
async def remove(work: InWork, panel: InPanel, access: Remover) -> Response:
    """Delete a database and its user."""
    row: Database = access.child
    work.record("server:database.delete", access.server, row, name=row.database)
    await panel.databases(work).delete(row)
    return no_content()
