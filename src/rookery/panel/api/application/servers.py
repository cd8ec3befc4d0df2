"""Application API: servers. Source: Panel 1.11, `/api/application/servers`."""

from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.accounts.models import User
from rookery.panel.api.access import AdminKey, Caller, InPanel, InWork, read_inputs
from rookery.panel.api.application.includes import Includes
from rookery.panel.api.application.lists import listed
from rookery.panel.api.application.lookup import Named
from rookery.panel.api.envelope import answer, collection, includes, no_content
from rookery.panel.api.problems import not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.eggs.models import Egg
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
from rookery.panel.work import Work

log = structlog.get_logger()
router = APIRouter(prefix="/api/application/servers", route_class=WorkRoute, tags=["application: servers"])
named = Named("server", Server)
INCLUDES = ["allocations", "user", "subusers", "nest", "egg", "variables", "location", "node", "databases"]
Reader = Annotated[Caller, Depends(AdminKey("servers", 1))]
ReaderOfOne = Annotated[Caller, Depends(AdminKey("servers", 1, named))]
Writer = Annotated[Caller, Depends(AdminKey("servers", 2))]
WriterOfOne = Annotated[Caller, Depends(AdminKey("servers", 2, named))]


@router.get("")
async def index(request: Request, work: InWork, caller: Reader) -> Response:
    """All servers."""
    columns = {
        "uuid": Server.uuid,
        "uuidShort": Server.uuid_short,
        "name": Server.name,
        "description": Server.description,
        "image": Server.image,
        "external_id": Server.external_id,
    }
    rows, page = await listed(
        request, work, select(Server), partial=columns, sortable={"id": Server.id, "uuid": Server.uuid}, order=Server.id
    )
    return answer(collection(await Includes(work, caller).servers(rows, includes(request, INCLUDES)), pagination=page))


@router.get("/external/{external_id}")
async def external(request: Request, work: InWork, caller: Reader, external_id: str) -> Response:
    """The server with an identifier of another system."""
    server = await work.db.scalar(select(Server).where(Server.external_id == external_id))
    if server is None:
        raise not_found()
    return await _shown(request, work, caller, server)


@router.get("/{server}")
async def view(request: Request, work: InWork, caller: ReaderOfOne) -> Response:
    """One server."""
    return await _shown(request, work, caller, request.state.server)


async def _shown(request: Request, work: Work, caller: Caller, server: Server, status: int = 200) -> Response:
    return answer((await Includes(work, caller).servers([server], includes(request, INCLUDES)))[0], status)


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, caller: Writer) -> Response:
    """A new server: placed, stored, and installed by its node."""
    inputs = await _check_new(work, await read_inputs(request))
    limits, features, deploy = inputs["limits"], inputs["feature_limits"], inputs.get("deploy")
    chosen = inputs.get("allocation") or {}
    draft = provisioning.ServerDraft(
        name=inputs["name"],
        owner_id=int(inputs["user"]),
        egg_id=int(inputs["egg"]),
        image=inputs["docker_image"],
        startup=inputs["startup"],
        environment=inputs["environment"] if isinstance(inputs["environment"], dict) else {},
        **sizes_of(limits),
        threads=limits.get("threads"),
        oom_disabled=as_bool(inputs["oom_disabled"]) if inputs.get("oom_disabled") is not None else True,
        databases=int(features.get("databases") or 0),
        allocations=int(features.get("allocations") or 0),
        backups=int(features.get("backups") or 0),
        allocation_id=None if deploy else int(chosen["default"]),
        additional=[int(identity) for identity in chosen.get("additional") or ()],
        deployment=provisioning.Deployment(
            locations=[int(identity) for identity in deploy["locations"] or ()],
            ports=list(deploy["port_range"] or ()),
            dedicated_ip=bool(deploy["dedicated_ip"]),
        )
        if deploy
        else None,
        external_id=inputs.get("external_id"),
        description=inputs.get("description") or "",
        skip_scripts=as_bool(inputs.get("skip_scripts")),
        start=as_bool(inputs.get("start_on_completion")),
    )
    server = await provisioning.create(work, panel.nodes, draft)
    return await _shown(request, work, caller, server, 201)


async def _check_new(work: Work, inputs: Inputs) -> Inputs:
    deploy = inputs.get("deploy")
    rules = {
        "external_id": EXTERNAL_ID,
        "name": NAME,
        "description": "nullable|string",
        "user": "required|integer",
        "egg": "required|integer",
        "docker_image": IMAGE,
        "startup": "required|string",
        "environment": "present|array",
        "skip_scripts": "sometimes|boolean",
        "oom_disabled": "sometimes|boolean",
        "limits": "required|array",
        **{f"limits.{name}": rule for name, rule in SIZES.items()},
        "limits.threads": THREADS,
        "feature_limits": "required|array",
        "feature_limits.databases": "present|nullable|integer|min:0",
        "feature_limits.allocations": "sometimes|nullable|integer|min:0",
        "feature_limits.backups": "present|nullable|integer|min:0",
        "start_on_completion": "sometimes|boolean",
    }
    if deploy:
        rules |= {
            "deploy": "array",
            "deploy.locations": "present|array",
            "deploy.locations.*": "integer|min:1",
            "deploy.dedicated_ip": "nullable",
            "deploy.port_range": "present|array",
            "deploy.port_range.*": "string",
        }
    else:
        rules |= {"allocation.default": "required|integer", "allocation.additional.*": "integer"}
    checker = Checker(inputs).check(rules)
    if deploy and (not isinstance(deploy, dict) or deploy.get("dedicated_ip") in (None, "", [])):
        checker.fail("deploy.dedicated_ip", "required_with", "The dedicated ip field is required.")
    await _check_references(work, checker, deploy=bool(deploy))
    return checker.done()


async def _check_references(work: Work, checker: Checker, *, deploy: bool) -> None:
    inputs = checker.inputs
    for name, model in (("user", User), ("egg", Egg)):
        if not checker.has(name) and await work.db.get(model, int(inputs[name])) is None:
            checker.fail(name, "exists", f"The {name} does not exist.")
    await check_external_id(work, checker)
    chosen = inputs.get("allocation")
    if deploy or not isinstance(chosen, dict):
        return
    wanted = {"allocation.default": chosen.get("default")}
    extra = chosen.get("additional")
    wanted |= {
        f"allocation.additional.{at}": identity for at, identity in enumerate(extra if isinstance(extra, list) else ())
    }
    for name, identity in wanted.items():
        if checker.has(name) or identity is None:
            continue
        found = await work.db.get(Allocation, int(identity))
        if found is None or found.server_id is not None:
            checker.fail(name, "exists", "The address does not exist or is assigned to a server.")


@router.patch("/{server}/details")
async def details(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:
    """Overwrite name, owner, description and external identifier."""
    server: Server = request.state.server
    inputs = await read_inputs(request)
    checker = Checker(inputs).check(
        {
            "external_id": EXTERNAL_ID,
            "name": NAME,
            "user": "required|integer",
            "description": "nullable|string",
        }
    )
    if not checker.has("user") and await work.db.get(User, int(inputs["user"])) is None:
        checker.fail("user", "exists", "The user does not exist.")
    await check_external_id(work, checker, server)
    checker.done()
    await changes.change_details(
        work,
        panel.nodes,
        server,
        name=inputs["name"],
        owner_id=int(inputs["user"]),
        description=inputs.get("description") or "",
        external_id=inputs.get("external_id"),
    )
    return await _shown(request, work, caller, server)


@router.patch("/{server}/build")
async def build(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:
    """Overwrite limits and addresses; the node is told, and a node that is down does not keep it from being saved."""
    server: Server = request.state.server
    inputs = await read_inputs(request)
    has_limits = isinstance(inputs.get("limits"), dict)
    prefix = "limits." if has_limits else ""
    rules = {
        "allocation": "required|integer",
        "oom_disabled": "sometimes|boolean",
        "limits": "sometimes|array",
        **{f"{prefix}{name}": rule for name, rule in SIZES.items()},
        f"{prefix}threads": THREADS,
        "feature_limits": "required|array",
        "feature_limits.databases": "present|nullable|integer|min:0",
        "feature_limits.allocations": "sometimes|nullable|integer|min:0",
        "feature_limits.backups": "present|nullable|integer|min:0",
        "add_allocations": "nullable|array",
        "add_allocations.*": "integer",
        "remove_allocations": "nullable|array",
        "remove_allocations.*": "integer",
    }
    checker = Checker(inputs).check(rules)
    if not checker.has("allocation"):
        wanted = int(inputs["allocation"])
        other = await work.db.scalar(select(Server.id).where(Server.allocation_id == wanted, Server.id != server.id))
        if other is not None:
            checker.fail("allocation", "unique", "The address is another server's.")
        elif await work.db.get(Allocation, wanted) is None:
            checker.fail("allocation", "exists", "The address does not exist.")
    checker.done()
    sizes: dict[str, Any] = inputs["limits"] if has_limits else inputs
    features = inputs["feature_limits"]
    await changes.change_build(
        work,
        server,
        changes.Build(
            **sizes_of(sizes),
            threads=sizes.get("threads"),
            oom_disabled=as_bool(inputs["oom_disabled"]) if inputs.get("oom_disabled") is not None else None,
            allocation_id=int(inputs["allocation"]),
            add=[int(identity) for identity in inputs.get("add_allocations") or ()],
            remove=[int(identity) for identity in inputs.get("remove_allocations") or ()],
            databases=limit_of(features.get("databases")),
            allocations=limit_of(features.get("allocations")),
            backups=int(features.get("backups") or 0),
        ),
    )
    node = await work.db.get_one(Node, server.node_id)
    work.call(partial(changes.sync_quietly, panel.nodes, node, server.uuid))
    return await _shown(request, work, caller, server)


@router.patch("/{server}/startup")
async def startup(request: Request, work: InWork, caller: WriterOfOne) -> Response:
    """Overwrite start command, egg, image and values; the node learns of it at the next start."""
    server: Server = request.state.server
    inputs = await read_inputs(request)
    checker = Checker(inputs).check(
        {
            "startup": "required|string",
            "environment": "present|array",
            "egg": "required|integer",
            "image": IMAGE,
            "skip_scripts": "present|boolean",
        }
    )
    if not checker.has("egg") and await work.db.get(Egg, int(inputs["egg"])) is None:
        checker.fail("egg", "exists", "The egg does not exist.")
    checker.done()
    await changes.change_startup(
        work,
        server,
        startup=inputs["startup"],
        egg_id=int(inputs["egg"]),
        image=inputs["image"],
        skip_scripts=as_bool(inputs["skip_scripts"]),
        environment=inputs["environment"] if isinstance(inputs["environment"], dict) else {},
    )
    return await _shown(request, work, caller, server)


@router.post("/{server}/suspend")
async def suspend(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Keep a server from being used."""
    await provisioning.suspend(work, panel.nodes, request.state.server)
    return no_content()


@router.post("/{server}/unsuspend")
async def unsuspend(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Let a server be used again."""
    await provisioning.unsuspend(work, panel.nodes, request.state.server)
    return no_content()


@router.post("/{server}/reinstall")
async def reinstall(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Have a server installed anew."""
    await provisioning.reinstall(work, panel.nodes, request.state.server)
    return no_content()


@router.delete("/{server}")
@router.delete("/{server}/{word}")
async def remove(request: Request, work: InWork, panel: InPanel, caller: WriterOfOne) -> Response:  # noqa: ARG001
    """Delete a server; with `force` also when its node does not answer."""
    force = request.path_params.get("word") == "force"
    await provisioning.delete_server(work, panel.nodes, panel.databases(work), request.state.server, force=force)
    return no_content()
