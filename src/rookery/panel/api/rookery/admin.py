"""Our own API for administrators: what the application API has no routes for."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from rookery.panel.accounts.service import deployment_key
from rookery.panel.api.access import InPanel, InWork, SessionAdmin, read_inputs
from rookery.panel.api.downloads import egg_file
from rookery.panel.api.envelope import answer, collection, no_content
from rookery.panel.api.problems import not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.eggs.service import (
    NEST_RULES,
    delete_egg,
    delete_nest,
    export_egg,
    import_egg,
    make_nest,
    parse_document,
    update_egg,
)
from rookery.panel.nodes.client import NodeFailed
from rookery.panel.nodes.models import Node
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import validate
from rookery.panel.work import Work
from rookery.protocol.eggs import BadEgg
from rookery.protocol.problems import Problem

router = APIRouter(prefix="/api/rookery/admin", route_class=WorkRoute, tags=["rookery: administration"])


@router.get("/overview")
async def overview(work: InWork, caller: SessionAdmin) -> Response:  # noqa: ARG001
    """How much there is of everything."""
    counts = {}
    for name, model in (("servers", Server), ("nodes", Node), ("eggs", Egg), ("nests", Nest)):
        counts[name] = await work.db.scalar(select(func.count()).select_from(model)) or 0
    return answer(counts)


@router.get("/nodes/{node}/health")
async def node_health(work: InWork, panel: InPanel, caller: SessionAdmin, node: int) -> Response:  # noqa: ARG001
    """What a node says about itself now, or why it does not."""
    row = await work.db.get(Node, node)
    if row is None:
        raise not_found()
    try:
        found = await work.outside(lambda: panel.nodes.system(row))
    except NodeFailed as err:
        return answer({"online": False, "reason": err.detail})
    return answer({"online": True, "system": found})


@router.post("/nodes/{node}/token")
async def node_token(work: InWork, panel: InPanel, caller: SessionAdmin, node: int) -> Response:
    """A key with which `wings configure` fetches the node's configuration, and the command to paste."""
    if await work.db.get(Node, node) is None:
        raise not_found()
    key = await deployment_key(work, caller.user)
    token = f"{key.identifier}{key.token}"
    command = f"rookery wings configure --panel-url {panel.settings.url} --token {token} --node {node}"
    return answer({"node": node, "token": token, "command": command})


# Nests and eggs


@router.post("/nests")
async def add_nest(request: Request, work: InWork, panel: InPanel, caller: SessionAdmin) -> Response:  # noqa: ARG001
    """A new nest: `name`, `description`."""
    inputs = validate(await read_inputs(request), NEST_RULES)
    nest = await make_nest(work, inputs["name"], inputs.get("description"), panel.settings.service_author)
    return answer({"id": nest.id, "name": nest.name}, 201)


@router.delete("/nests/{nest}")
async def remove_nest(work: InWork, caller: SessionAdmin, nest: int) -> Response:  # noqa: ARG001
    """Delete a nest without servers."""
    row = await work.db.get(Nest, nest)
    if row is None:
        raise not_found()
    await delete_nest(work, row)
    return no_content()


@router.post("/nests/{nest}/eggs")
async def import_eggs(request: Request, work: InWork, caller: SessionAdmin, nest: int) -> Response:  # noqa: ARG001
    """Import eggs into a nest.

    The body is one egg document (JSON or YAML), or a JSON list of objects `{"name", "content"}` with the texts of
    several files. The answer lists per file either the new egg or the reason it was refused; good files are kept.
    """
    row = await work.db.get(Nest, nest)
    if row is None:
        raise not_found()
    results = []
    for name, raw in files_of(await request.body()):
        results.append(await _import_one(work, row, name, raw))
    status = 201 if any("egg" in result for result in results) else 422
    return answer(collection(results), status)


def files_of(body: bytes) -> list[tuple[str, bytes]]:
    """Names and contents in an import's body; a list of wrapped files, or the one file itself."""
    if body.lstrip().startswith(b"["):
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(entry, dict) and "content" in entry for entry in found):
            return [(str(entry.get("name", "")), str(entry["content"]).encode()) for entry in found]
    return [("", body)]


async def _import_one(work: Work, nest: Nest, name: str, raw: bytes) -> dict[str, Any]:
    try:
        document = parse_document(raw)
        async with work.db.begin_nested():
            egg = await import_egg(work, document, nest)
    except Problem as err:
        field = err.field if isinstance(err, BadEgg) else None
        return {"name": name, "error": err.detail, "field": field}
    return {"name": name, "egg": {"id": egg.id, "uuid": egg.uuid, "name": egg.name}}


async def _egg(work: Work, identity: int) -> Egg:
    egg = await work.db.get(Egg, identity)
    if egg is None:
        raise not_found()
    return egg


@router.put("/eggs/{egg}")
async def replace_egg(request: Request, work: InWork, caller: SessionAdmin, egg: int) -> Response:  # noqa: ARG001
    """Overwrite an egg by a document; its servers keep their values."""
    row = await update_egg(work, await _egg(work, egg), parse_document(await request.body()))
    return answer({"id": row.id, "uuid": row.uuid, "name": row.name})


@router.delete("/eggs/{egg}")
async def remove_egg(work: InWork, caller: SessionAdmin, egg: int) -> Response:  # noqa: ARG001
    """Delete an egg nobody needs."""
    await delete_egg(work, await _egg(work, egg))
    return no_content()


@router.get("/eggs/{egg}/export")
async def export(work: InWork, caller: SessionAdmin, egg: int) -> Response:  # noqa: ARG001
    """The egg as a file."""
    return egg_file(await export_egg(work, await _egg(work, egg)))


@router.get("/eggs/{egg}/variables")
async def variables(work: InWork, caller: SessionAdmin, egg: int) -> Response:  # noqa: ARG001
    """An egg's variables with their rules."""
    rows = await work.db.scalars(select(EggVariable).where(EggVariable.egg_id == egg).order_by(EggVariable.id))
    return answer(
        collection(
            {
                "id": row.id,
                "name": row.name,
                "description": row.description,
                "env_variable": row.env_variable,
                "default_value": row.default_value,
                "user_viewable": row.user_viewable,
                "user_editable": row.user_editable,
                "rules": row.rules,
            }
            for row in rows
        )
    )
