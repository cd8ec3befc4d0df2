"""Database hosts, and the databases of a server."""

from starlette.responses import Response

from rookery.panel.api.admin.area import Visit, area
from rookery.panel.api.envelope import no_content
from rookery.panel.api.problems import not_found
from rookery.panel.databases.hosts import Address, HostFailed
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.databases.service import host_values
from rookery.panel.nodes.models import Node
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker, Inputs

_HOST = {
    "name": "required|string|max:191",
    "host": "required|string|max:191",
    "port": "required|numeric|between:1,65535",
    "username": "required|string|max:32",
    "password": "nullable|string",
    "node_id": "sometimes|nullable|integer",
    "kind": "sometimes|nullable|in:mysql,postgresql",
}
_NEW = {
    "database": "required|alpha_dash|between:1,24",
    "remote": "required|string|regex:/^[0-9%.]{1,15}$/",
    "database_host_id": "required|integer",
    "max_connections": "nullable|integer|min:0",
}


async def _checked(visit: Visit) -> Inputs:
    checker = Checker(visit.inputs).check(_HOST)
    node = checker.inputs.get("node_id")
    if node is not None and not checker.has("node_id") and await visit.work.db.get(Node, int(node)) is None:
        checker.fail("node_id", "exists", "The node does not exist.")
    return checker.done()


async def _check(visit: Visit, row: DatabaseHost) -> None:
    """See that a host works before it is stored; nothing of the form is written yet."""
    await visit.panel.databases(visit.work).check_host(Address.of(row))


@area.on("POST", "/databases")
async def create(visit: Visit) -> Response:
    """A new database host: `name`, `host`, `port`, `username`, `password`, `node_id`, and our own `kind`."""
    row = DatabaseHost(**host_values(await _checked(visit)))
    try:
        await _check(visit, row)
    except HostFailed as err:
        return visit.to("/databases", err.detail, "danger")
    visit.work.add(row)
    await visit.work.db.flush()
    return visit.to(f"/databases/view/{row.id}", "The database host was added.")


@area.on("PATCH", "/databases/view/{host}")
async def edit(visit: Visit) -> Response:
    """Overwrite a host; an empty password keeps the old one."""
    row: DatabaseHost = visit.row("host")
    values = host_values(await _checked(visit), row)
    try:
        await _check(visit, DatabaseHost(**values))
    except HostFailed as err:
        return visit.to(f"/databases/view/{row.id}", err.detail, "danger")
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = visit.work.now
    return visit.to(f"/databases/view/{row.id}", "The database host was saved.")


@area.on("DELETE", "/databases/view/{host}")
async def remove(visit: Visit) -> Response:
    """Forget a host without databases."""
    await visit.panel.databases(visit.work).delete_host(visit.row("host"))
    return visit.to("/databases", "The database host was removed.")


@area.on("POST", "/servers/view/{server}/database")
async def create_database(visit: Visit) -> Response:
    """A new database of a server on a chosen host."""
    server: Server = visit.row("server")
    checker = Checker(visit.inputs).check(_NEW)
    value = checker.inputs.get("database_host_id")
    host = None
    if value is not None and not checker.has("database_host_id"):
        host = await visit.work.db.get(DatabaseHost, int(value))
        if host is None:
            checker.fail("database_host_id", "exists", "The database host does not exist.")
    inputs = checker.done()
    await visit.panel.databases(visit.work).create(
        server,
        host,
        name=inputs["database"],
        remote=inputs["remote"],
        max_connections=int(inputs.get("max_connections") or 0),
    )
    return visit.to(f"/servers/view/{server.id}/database", "The database was made.")


async def _database(visit: Visit, number: object) -> Database:
    text = str(number)
    row = await visit.work.db.get(Database, int(text)) if text.isdecimal() and len(text) < 10 else None
    if row is None or row.server_id != visit.row("server").id:
        raise not_found()
    return row


@area.on("PATCH", "/servers/view/{server}/database")
async def rotate(visit: Visit) -> Response:
    """Another password for the database with the number in `database`."""
    row = await _database(visit, visit.inputs.get("database"))
    await visit.panel.databases(visit.work).rotate(row)
    return no_content()


@area.on("DELETE", "/servers/view/{server}/database/{database:text}/delete")
async def delete_database(visit: Visit) -> Response:
    """Delete a database and its user."""
    row = await _database(visit, visit.row("database"))
    await visit.panel.databases(visit.work).delete(row)
    return no_content()
