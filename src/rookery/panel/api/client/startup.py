"""Client API: startup, name, reinstallation, image. Source: Panel 1.11 client API, startup and settings."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, read_inputs
from rookery.panel.api.client import shapes
from rookery.panel.api.envelope import answer, collection, no_content
from rookery.panel.api.problems import ApiProblem, json_response
from rookery.panel.api.route import WorkRoute
from rookery.panel.eggs.models import EggVariable
from rookery.panel.servers import provisioning
from rookery.panel.servers.changes import store_value
from rookery.panel.servers.checks import IMAGE, NAME
from rookery.panel.servers.configuration import ServerParts
from rookery.panel.servers.provisioning import stored_text, variable_failures
from rookery.panel.servers.queries import parts_of
from rookery.panel.servers.startup import invocation
from rookery.panel.validation.inputs import ValidationFailed, validate

router = APIRouter(prefix="/api/client/servers/{server}", route_class=WorkRoute, tags=["client: startup"])
Reader = Annotated[ServerAccess, Depends(ServerFor("startup.read"))]
Editor = Annotated[ServerAccess, Depends(ServerFor("startup.update"))]
ImagePicker = Annotated[ServerAccess, Depends(ServerFor("startup.docker-image"))]
Renamer = Annotated[ServerAccess, Depends(ServerFor("settings.rename"))]
Reinstaller = Annotated[ServerAccess, Depends(ServerFor("settings.reinstall"))]


def _commands(parts: ServerParts) -> dict[str, Any]:
    return {
        "startup_command": invocation(parts.server, parts.default, parts.variables, parts.values),
        "raw_startup_command": parts.server.startup,
    }


@router.get("/startup")
async def index(work: InWork, access: Reader) -> Response:
    """The server's settings and start command."""
    parts = (await parts_of(work, [access.server]))[0]
    shown = [shapes.variable(row, parts.values) for row in parts.variables if row.user_viewable]
    commands = _commands(parts)
    return answer(
        collection(
            shown,
            startup_command=commands["startup_command"],
            docker_images=parts.egg.egg.docker_images or {},
            raw_startup_command=commands["raw_startup_command"],
        )
    )


@router.put("/startup/variable")
async def change_variable(request: Request, work: InWork, access: Editor) -> Response:
    """Give a setting a value."""
    inputs = validate(await read_inputs(request), {"key": "required|string", "value": "present"})
    server = access.server
    parts = (await parts_of(work, [server]))[0]
    row = next((entry for entry in parts.variables if entry.env_variable == inputs["key"]), None)
    if row is None or not row.user_viewable:
        raise ApiProblem(400, "BadRequestHttpException", "The variable you are trying to edit does not exist.")
    if not row.user_editable:
        raise ApiProblem(400, "BadRequestHttpException", "The variable you are trying to edit cannot be changed.")
    failures = variable_failures(row, inputs["value"], "value")
    if failures:
        raise ValidationFailed(failures)
    old, new = shapes.effective(row, parts.values), stored_text(inputs["value"])
    await store_value(work, server, row, new)
    subject = await work.db.get_one(EggVariable, row.id)
    work.record("server:startup.edit", server, subject, variable=row.env_variable, old=old, new=new)
    values = {**parts.values, row.id: new}
    fresh = ServerParts(
        server, parts.default, parts.allocations, parts.variables, values, parts.egg, parts.location, parts.mounts
    )
    return answer({**shapes.variable(row, {row.id: new}), "meta": _commands(fresh)})


@router.post("/settings/rename")
async def rename(request: Request, work: InWork, access: Renamer) -> Response:
    """Give the server a name and a description."""
    inputs = validate(await read_inputs(request), {"name": NAME, "description": "nullable|string"})
    server = access.server
    name, description = inputs["name"], inputs.get("description", server.description)
    if server.name != name:
        work.record("server:settings.rename", server, old=server.name, new=name)
    if server.description != (description or ""):
        work.record("server:settings.description", server, old=server.description, new=description or "")
    server.name, server.description, server.updated_at = name, description or "", work.now
    return no_content()


@router.post("/settings/reinstall")
async def reinstall(work: InWork, panel: InPanel, access: Reinstaller) -> Response:
    """Have the server installed anew."""
    await provisioning.reinstall(work, panel.nodes, access.server)
    work.record("server:reinstall", access.server)
    return json_response([], 202)


@router.put("/settings/docker-image")
async def change_image(request: Request, work: InWork, access: ImagePicker) -> Response:
    """Choose one of the egg's container images."""
    server = access.server
    egg = (await parts_of(work, [server]))[0].egg.egg
    known = list((egg.docker_images or {}).values())
    inputs = validate(await read_inputs(request), {"docker_image": IMAGE})
    if inputs["docker_image"] not in known:
        from rookery.panel.validation.inputs import Failure

        raise ValidationFailed([Failure("docker_image", "in", "The docker image is not one of the egg's.")])
    if server.image not in known:
        raise ApiProblem(
            400, "BadRequestHttpException", "An administrator chose this server's image; it cannot be changed here."
        )
    if server.image != inputs["docker_image"]:
        work.record("server:startup.image", server, old=server.image, new=inputs["docker_image"])
        server.image, server.updated_at = inputs["docker_image"], work.now
    return no_content()
