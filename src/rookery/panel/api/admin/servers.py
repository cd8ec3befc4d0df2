"""Servers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.responses import RedirectResponse, Response

from rookery.panel.accounts.models import User
from rookery.panel.api.admin.area import Alert, Visit, area
from rookery.panel.api.admin.pages import page
from rookery.panel.api.problems import ApiProblem
from rookery.panel.eggs.models import Egg, Nest
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.servers import changes, provisioning
from rookery.panel.servers.checks import (
    EXTERNAL_ID,
    IMAGE,
    NAME,
    SIZES,
    THREADS,
    check_external_id,
    limit_of,
    sizes_of,
)
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker, Inputs, as_bool
from rookery.protocol.problems import Conflict
from rookery.protocol.states import ServerStatus

_LIMITS = {**SIZES, "threads": THREADS, "oom_disabled": "sometimes|boolean"}
_FEATURES = {
    "database_limit": "present|nullable|integer|min:0",
    "allocation_limit": "sometimes|nullable|integer|min:0",
    "backup_limit": "present|nullable|integer|min:0",
}
_NEW = {
    "external_id": EXTERNAL_ID,
    "owner_id": "required|integer",
    "name": NAME,
    "node_id": "required|integer",
    "description": "nullable|string",
    **_LIMITS,
    "allocation_id": "required|bail|integer",
    "allocation_additional.*": "integer",
    "nest_id": "required|integer",
    "egg_id": "required|integer",
    "startup": "required|string",
    "skip_scripts": "sometimes|boolean",
    "image": IMAGE,
    **_FEATURES,
    "environment": "sometimes|array",
}
_PASSWORDS = Alert("info", "Passwords of databases are shown to the people of this server, on its own page.")


async def _check_rows(visit: Visit, checker: Checker, models: Mapping[str, type[Any]]) -> None:
    for name, model in models.items():
        value = checker.inputs.get(name)
        if value is not None and not checker.has(name) and await visit.work.db.get(model, int(value)) is None:
            checker.fail(name, "exists", f"The {name.replace('_', ' ')} does not exist.")


def _values(inputs: Inputs) -> dict[str, Any]:
    found = inputs.get("environment")
    return found if isinstance(found, dict) else {}


# Pages


def _installed_page(path: str, *notes: Alert) -> None:
    @area.on("GET", f"/servers/view/{{server}}{path}")
    async def show(visit: Visit) -> Response:
        server: Server = visit.row("server")
        if not server.is_installed:
            raise ApiProblem(403, "AccessDeniedHttpException", "The server is not installed.")
        return page(visit, "Server", *notes)


for _path in ("/details", "/build", "/startup", "/mounts"):
    _installed_page(_path)
_installed_page("/database", _PASSWORDS)


# Forms


@area.on("POST", "/servers/new")
async def create(visit: Visit) -> Response:
    """A new server on a chosen node and address."""
    inputs = visit.inputs
    if inputs.get("custom_image"):
        inputs["image"] = inputs["custom_image"]
    checker = Checker(inputs).check(_NEW)
    await _check_rows(visit, checker, {"owner_id": User, "node_id": Node, "nest_id": Nest, "egg_id": Egg})
    await check_external_id(visit.work, checker)
    if not checker.has("allocation_id"):
        row = await visit.work.db.get(Allocation, int(inputs["allocation_id"]))
        if row is None or row.server_id is not None or str(row.node_id) != str(inputs.get("node_id")):
            checker.fail("allocation_id", "exists", "The address is not free on this node.")
    checker.done()
    draft = provisioning.ServerDraft(
        name=inputs["name"],
        owner_id=int(inputs["owner_id"]),
        egg_id=int(inputs["egg_id"]),
        image=inputs["image"],
        startup=inputs["startup"],
        environment=_values(inputs),
        **sizes_of(inputs),
        threads=inputs.get("threads"),
        oom_disabled=as_bool(inputs.get("oom_disabled", True)),
        databases=int(inputs.get("database_limit") or 0),
        allocations=int(inputs.get("allocation_limit") or 0),
        backups=int(inputs.get("backup_limit") or 0),
        allocation_id=int(inputs["allocation_id"]),
        additional=[int(identity) for identity in inputs.get("allocation_additional") or ()],
        external_id=inputs.get("external_id"),
        description=inputs.get("description") or "",
        skip_scripts=as_bool(inputs.get("skip_scripts")),
        start=as_bool(inputs.get("start_on_completion")),
    )
    server = await provisioning.create(visit.work, visit.panel.nodes, draft)
    visit.leave(Alert("success", "The server was made; its node installs it now."))
    return RedirectResponse(f"/admin/servers/view/{server.id}", 302)


@area.on("PATCH", "/servers/view/{server}/details")
async def details(visit: Visit) -> Response:
    """Overwrite name, owner, description and external identifier."""
    server: Server = visit.row("server")
    inputs = visit.inputs
    checker = Checker(inputs).check({name: _NEW[name] for name in ("external_id", "owner_id", "name", "description")})
    await _check_rows(visit, checker, {"owner_id": User})
    await check_external_id(visit.work, checker, server)
    checker.done()
    await changes.change_details(
        visit.work,
        visit.panel.nodes,
        server,
        name=inputs["name"],
        owner_id=int(inputs["owner_id"]),
        description=inputs.get("description") or "",
        external_id=inputs.get("external_id"),
    )
    return visit.to(f"/servers/view/{server.id}/details", "The details were saved.")


@area.on("POST", "/servers/view/{server}/build")
async def build(visit: Visit) -> Response:
    """Overwrite limits and addresses."""
    server: Server = visit.row("server")
    inputs = visit.inputs
    rules = {
        **_LIMITS,
        **_FEATURES,
        "allocation_id": "required|integer",
        "add_allocations.*": "integer",
        "remove_allocations.*": "integer",
    }
    Checker(inputs).check(rules).done()
    await changes.change_build(
        visit.work,
        server,
        changes.Build(
            **sizes_of(inputs),
            threads=inputs.get("threads"),
            oom_disabled=as_bool(inputs["oom_disabled"]) if inputs.get("oom_disabled") is not None else None,
            allocation_id=int(inputs["allocation_id"]),
            add=[int(identity) for identity in inputs.get("add_allocations") or ()],
            remove=[int(identity) for identity in inputs.get("remove_allocations") or ()],
            databases=limit_of(inputs.get("database_limit")),
            allocations=limit_of(inputs.get("allocation_limit")),
            backups=int(inputs.get("backup_limit") or 0),
        ),
    )
    node = await visit.work.db.get_one(Node, server.node_id)
    visit.work.call(partial(changes.sync_quietly, visit.panel.nodes, node, server.uuid))
    return visit.to(f"/servers/view/{server.id}/build", "The limits were saved; some need a restart.")


@area.on("POST", "/servers/view/{server}/startup")
async def startup(visit: Visit) -> Response:
    """Overwrite start command, egg, image and values; another egg is installed at once."""
    server: Server = visit.row("server")
    inputs = visit.inputs
    image = inputs.get("custom_docker_image") or inputs.get("docker_image")
    checker = Checker(inputs).check({"startup": "nullable|string", "egg_id": "required|integer"})
    await _check_rows(visit, checker, {"egg_id": Egg})
    checker.done()
    was = server.egg_id
    await changes.change_startup(
        visit.work,
        server,
        startup=inputs.get("startup") or server.startup,
        egg_id=int(inputs["egg_id"]),
        image=image or server.image,
        skip_scripts=as_bool(inputs.get("skip_scripts")),
        environment=_values(inputs),
    )
    if server.egg_id != was and not server.skip_scripts:
        await provisioning.reinstall(visit.work, visit.panel.nodes, server)
    return visit.to(f"/servers/view/{server.id}/startup", "The startup was saved.")


# Management


@area.on("POST", "/servers/view/{server}/manage/toggle")
async def toggle(visit: Visit) -> Response:
    """Call a server installed that is not, and the other way round."""
    server: Server = visit.row("server")
    if server.status == ServerStatus.INSTALL_FAILED:
        raise Conflict("The installation of this server failed; reinstall it or delete it.")
    server.status = ServerStatus.INSTALLING if server.is_installed else None
    server.updated_at = visit.work.now
    return visit.to(f"/servers/view/{server.id}/manage", "The state of the installation was changed.")


@area.on("POST", "/servers/view/{server}/manage/suspension")
async def suspension(visit: Visit) -> Response:
    """`action` is `suspend` or `unsuspend`."""
    server: Server = visit.row("server")
    Checker(visit.inputs).check({"action": "required|in:suspend,unsuspend"}).done()
    change = provisioning.suspend if visit.inputs["action"] == "suspend" else provisioning.unsuspend
    await change(visit.work, visit.panel.nodes, server)
    return visit.to(f"/servers/view/{server.id}/manage", "The suspension was changed.")


@area.on("POST", "/servers/view/{server}/manage/reinstall")
async def reinstall(visit: Visit) -> Response:
    """Have a server installed anew."""
    server: Server = visit.row("server")
    await provisioning.reinstall(visit.work, visit.panel.nodes, server)
    return visit.to(f"/servers/view/{server.id}/manage", "The server is being reinstalled.")


@area.on("POST", "/servers/view/{server}/manage/transfer")
async def transfer(visit: Visit) -> Response:
    """Move a server to another node: `node_id`, `allocation_id`, `allocation_additional[]`."""
    server: Server = visit.row("server")
    rules = {"node_id": "required|integer", "allocation_id": "required|bail|integer"}
    checker = Checker(visit.inputs).check({**rules, "allocation_additional.*": "integer"})
    await _check_rows(visit, checker, {"node_id": Node, "allocation_id": Allocation})
    inputs = checker.inputs
    node = allocation = None
    if not checker.failures:
        node = await visit.work.db.get_one(Node, int(inputs["node_id"]))
        allocation = await visit.work.db.get_one(Allocation, int(inputs["allocation_id"]))
        if allocation.server_id is not None or allocation.node_id != node.id:
            checker.fail("allocation_id", "unique", "The address is not free on this node.")
    checker.done()
    assert node is not None
    assert allocation is not None
    more = [int(number) for number in inputs.get("allocation_additional") or ()]
    await visit.panel.transfers(visit.work).start(server, node, allocation, more)
    return visit.to(f"/servers/view/{server.id}/manage", "The move to the other node was started.")


@area.on("DELETE", "/servers/view/{server}/manage/transfer")
async def cancel_transfer(visit: Visit) -> Response:
    """End a move; the server stays where it is."""
    server: Server = visit.row("server")
    await visit.panel.transfers(visit.work).cancel(server)
    return visit.to(f"/servers/view/{server.id}/manage", "The move was ended; the server stays where it is.")


@area.on("POST", "/servers/view/{server}/delete")
async def remove(visit: Visit) -> Response:
    """Delete a server; with `force_delete` also when its node does not answer."""
    force = bool(visit.inputs.get("force_delete"))
    databases = visit.panel.databases(visit.work)
    await provisioning.delete_server(visit.work, visit.panel.nodes, databases, visit.row("server"), force=force)
    return visit.to("/servers", "The server was deleted.")
