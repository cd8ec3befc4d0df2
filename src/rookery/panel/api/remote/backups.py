"""Remote API: backups a node makes and restores. Source: Panel 1.11, `/api/remote/backups`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.api.access import CallingNode, InPanel, InWork, read_inputs, work_of
from rookery.panel.api.envelope import answer, no_content
from rookery.panel.api.problems import ApiProblem, not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.backups.models import Backup
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker, as_bool, validate
from rookery.protocol.states import ServerStatus

router = APIRouter(prefix="/api/remote/backups/{backup}", route_class=WorkRoute, tags=["remote: backups"])


async def _found(request: Request, node: CallingNode) -> tuple[Backup, Server]:
    """The backup of the path with its server, which must be the calling node's."""
    work = work_of(request)
    row = (
        await work.db.execute(
            select(Backup, Server)
            .join(Server, Server.id == Backup.server_id)
            .where(Backup.uuid == request.path_params["backup"], Backup.deleted_at.is_(None))
        )
    ).first()
    if row is None:
        raise not_found()
    backup, server = row
    if server.node_id != node.id:
        raise ApiProblem(403, "HttpForbiddenException", "The backup is not on this node.")
    return backup, server


Found = Annotated[tuple[Backup, Server], Depends(_found)]


@router.get("")
async def upload(request: Request, work: InWork, panel: InPanel, node: CallingNode) -> Response:
    """Where to put the parts of an archive."""
    size = request.query_params.get("size", "")
    if not size.isdigit() or int(size) == 0:
        raise ApiProblem(400, "BadRequestHttpException", "The size of the archive is needed.")
    backup, server = await _found(request, node)
    if backup.completed_at is not None:
        raise ApiProblem(409, "ConflictHttpException", "The backup has ended.")
    if panel.settings.backup_driver != "s3":
        raise ApiProblem(400, "BadRequestHttpException", "Backups are not kept in a bucket here.")
    return answer(await panel.backups(work).upload_urls(server, backup, int(size)))


@router.post("")
async def finish(request: Request, work: InWork, panel: InPanel, found: Found) -> Response:
    """A backup has ended."""
    inputs = await read_inputs(request)
    checker = Checker(inputs).check(
        {
            "successful": "required|boolean",
            "checksum": "nullable|string",
            "checksum_type": "nullable|string",
            "size": "nullable|numeric",
            "parts": "nullable|array",
            "parts.*.etag": "required|string",
            "parts.*.part_number": "required|numeric",
        }
    )
    for name in ("checksum", "checksum_type", "size"):
        if as_bool(inputs.get("successful")) and inputs.get(name) is None:
            checker.fail(name, "required_if", f"The {name.replace('_', ' ')} of a good backup is needed.")
    report = checker.done()
    backup, server = found
    await panel.backups(work).finish(server, backup, {**report, "successful": as_bool(report["successful"])})
    return no_content()


@router.post("/restore")
async def restored(request: Request, work: InWork, found: Found) -> Response:
    """A restore has ended."""
    good = as_bool(validate(await read_inputs(request), {"successful": "required|boolean"})["successful"])
    backup, server = found
    if server.status == ServerStatus.RESTORING_BACKUP:
        server.status, server.updated_at = None, work.now
    event = "server:backup.restore-complete" if good else "server.backup.restore-failed"
    work.record(event, backup, server, name=backup.name)
    return no_content()
