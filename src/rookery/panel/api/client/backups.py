"""Client API: backups of a server. Source: Panel 1.11 client API, backups."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select

from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, read_inputs
from rookery.panel.api.client.control import server_token
from rookery.panel.api.envelope import answer, collection, item, no_content, page_of, pagination, wire_time
from rookery.panel.api.route import WorkRoute
from rookery.panel.backups.models import Backup
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import as_bool, validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/servers/{server}/backups", route_class=WorkRoute, tags=["client: backups"])
_LINK_SECONDS = 900


async def _backup(request: Request, work: Work, server: Server) -> Backup | None:  # noqa: ARG001
    found: Backup | None = await work.db.scalar(
        select(Backup).where(Backup.uuid == request.path_params["backup"], Backup.deleted_at.is_(None))
    )
    return found


Reader = Annotated[ServerAccess, Depends(ServerFor("backup.read"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("backup.create"))]
ReaderOfOne = Annotated[ServerAccess, Depends(ServerFor("backup.read", child=_backup))]
Downloader = Annotated[ServerAccess, Depends(ServerFor("backup.download", child=_backup))]
Remover = Annotated[ServerAccess, Depends(ServerFor("backup.delete", child=_backup))]
Restorer = Annotated[ServerAccess, Depends(ServerFor("backup.restore", child=_backup))]


def _shape(row: Backup) -> dict[str, Any]:
    return item(
        "backup",
        {
            "uuid": row.uuid,
            "is_successful": row.is_successful,
            "is_locked": row.is_locked,
            "name": row.name,
            "ignored_files": row.ignored_files,
            "checksum": row.checksum,
            "bytes": row.bytes,
            "created_at": wire_time(row.created_at),
            "completed_at": wire_time(row.completed_at),
        },
    )


@router.get("")
async def index(request: Request, work: InWork, panel: InPanel, access: Reader) -> Response:
    """All backups, and how many count for the limit."""
    condition = (Backup.server_id == access.server.id, Backup.deleted_at.is_(None))
    total = await work.db.scalar(select(func.count()).where(*condition)) or 0
    page = page_of(request, default=20, most=50)
    statement = select(Backup).where(*condition).order_by(Backup.id).limit(page.size).offset(page.offset)
    rows = [_shape(row) for row in await work.db.scalars(statement)]
    count = await panel.backups(work).count(access.server)
    meta = pagination(request, page, total=total, count=len(rows))
    return answer(collection(rows, backup_count=count, pagination=meta))


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Start a backup."""
    rules = {"name": "nullable|string|max:191", "is_locked": "nullable|boolean", "ignored": "nullable|string"}
    inputs = validate(await read_inputs(request), rules)
    locked = as_bool(inputs.get("is_locked"))
    ignored = [line.rstrip("\r") for line in (inputs.get("ignored") or "").split("\n")]
    row = await panel.backups(work).start(
        access.server,
        name=inputs.get("name"),
        ignored=[line for line in ignored if line],
        locked=locked and access.allows("backup.delete"),
    )
    work.record("server:backup.start", access.server, row, name=row.name, locked=locked)
    return answer(_shape(row))


@router.get("/{backup}")
async def view(access: ReaderOfOne) -> Response:
    """One backup."""
    return answer(_shape(access.child))


@router.get("/{backup}/download")
async def download(work: InWork, panel: InPanel, access: Downloader) -> Response:
    """An address under which a browser gets the archive."""
    row: Backup = access.child
    if row.disk == "s3":
        url = await panel.backups(work).download_url(access.server, row)
    else:
        token = server_token(panel, access, lifetime=_LINK_SECONDS, backup_uuid=row.uuid)
        url = f"{access.node.address}/download/backup?token={token}"
    work.record("server:backup.download", access.server, row, name=row.name)
    return answer(item("signed_url", {"url": url}))


@router.post("/{backup}/lock")
async def lock(work: InWork, access: Remover) -> Response:
    """Lock a backup, or unlock it."""
    row: Backup = access.child
    row.is_locked, row.updated_at = not row.is_locked, work.now
    work.record(f"server:backup.{'lock' if row.is_locked else 'unlock'}", access.server, row, name=row.name)
    return answer(_shape(row))


@router.post("/{backup}/restore")
async def restore(request: Request, work: InWork, panel: InPanel, access: Restorer) -> Response:
    """Replace the server's files by those of the backup."""
    truncate = validate(await read_inputs(request), {"truncate": "required|boolean"})["truncate"]
    row: Backup = access.child
    await panel.backups(work).restore(access.server, row, truncate=as_bool(truncate))
    work.record("server:backup.restore", access.server, row, name=row.name, truncate=truncate)
    return no_content()


@router.delete("/{backup}")
async def remove(work: InWork, panel: InPanel, access: Remover) -> Response:
    """Delete a backup."""
    row: Backup = access.child
    await panel.backups(work).delete(access.server, row)
    work.record("server:backup.delete", access.server, row, name=row.name, failed=not row.is_successful)
    return no_content()
