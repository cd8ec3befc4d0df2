"""Remote API: what a node asks and tells about its own servers. Source: Panel 1.11, `/api/remote/servers`."""

from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select, update

from rookery.panel.accounts.models import User
from rookery.panel.api.access import CallingNode, InPanel, InWork, ServerOfNode, read_inputs
from rookery.panel.api.envelope import answer, no_content, page_of
from rookery.panel.api.problems import ApiProblem
from rookery.panel.api.route import WorkRoute
from rookery.panel.eggs.models import Egg
from rookery.panel.eggs.service import resolve
from rookery.panel.mail import letters
from rookery.panel.mail.service import owe
from rookery.panel.servers.configuration import document
from rookery.panel.servers.models import Server
from rookery.panel.servers.queries import parts_of
from rookery.panel.validation.inputs import as_bool, validate
from rookery.protocol.states import ServerStatus

log = structlog.get_logger()
router = APIRouter(prefix="/api/remote/servers", route_class=WorkRoute, tags=["remote: servers"])


@router.get("")
async def index(request: Request, work: InWork, panel: InPanel, node: CallingNode) -> Response:
    """One page of the calling node's servers, each with its whole configuration."""
    page = page_of(request, default=50, most=None)
    condition = Server.node_id == node.id
    total = await work.db.scalar(select(func.count()).select_from(Server).where(condition)) or 0
    statement = select(Server).where(condition).order_by(Server.id)
    if page.size is not None:
        statement = statement.limit(page.size).offset(page.offset)
    rows = list(await work.db.scalars(statement))
    data = [{"uuid": parts.server.uuid, **document(parts)} for parts in await parts_of(work, rows)]
    path = f"{panel.settings.url}/api/remote/servers"
    size = page.size or max(total, 1)
    last = max(-(-total // size), 1)
    return answer({"data": data, **_laravel_page(path, page.number, last, size, total, page.offset, len(data))})


def _laravel_page(path: str, number: int, last: int, size: int, total: int, offset: int, count: int) -> dict[str, Any]:
    def url(page: int) -> str | None:
        return f"{path}?page={page}" if 1 <= page <= last else None

    links = [{"url": url(number - 1), "label": "&laquo; Previous", "active": False}]
    links += [{"url": url(page), "label": str(page), "active": page == number} for page in range(1, last + 1)]
    links.append({"url": url(number + 1), "label": "Next &raquo;", "active": False})
    return {
        "links": {"first": url(1), "last": url(last), "prev": url(number - 1), "next": url(number + 1)},
        "meta": {
            "current_page": number,
            "from": offset + 1 if count else None,
            "last_page": last,
            "links": links,
            "path": path,
            "per_page": size,
            "to": offset + count if count else None,
            "total": total,
        },
    }


@router.post("/reset")
async def reset(work: InWork, node: CallingNode) -> Response:
    """Forget installations and restores that ended with the node's last process."""
    await work.db.execute(
        update(Server)
        .where(
            Server.node_id == node.id,
            Server.status.in_([ServerStatus.INSTALLING, ServerStatus.RESTORING_BACKUP]),
        )
        .values(status=None)
    )
    return no_content()


@router.get("/{uuid}")
async def view(work: InWork, server: ServerOfNode) -> Response:
    """The configuration of a server."""
    return answer(document((await parts_of(work, [server]))[0]))


@router.get("/{uuid}/install")
async def installation(work: InWork, server: ServerOfNode) -> Response:
    """The script that installs a server."""
    egg = await work.db.get_one(Egg, server.egg_id)
    resolved = await resolve(work, egg)
    return answer({"container_image": egg.script_container, "entrypoint": egg.script_entry, "script": resolved.script})


@router.post("/{uuid}/install")
async def installed(request: Request, work: InWork, panel: InPanel, server: ServerOfNode) -> Response:
    """How an installation ended."""
    inputs = validate(await read_inputs(request), {"successful": "required|boolean", "reinstall": "sometimes|boolean"})
    successful, again = as_bool(inputs["successful"]), as_bool(inputs.get("reinstall"))
    if server.status != ServerStatus.SUSPENDED:
        failed = ServerStatus.REINSTALL_FAILED if again else ServerStatus.INSTALL_FAILED
        server.status = None if successful else failed
    first, server.installed_at = server.installed_at is None, work.now
    settings = panel.settings
    if successful and (settings.mail_install if first else settings.mail_reinstall):
        owner = await work.db.get_one(User, server.owner_id)
        owe(work, settings, letters.server_installed(settings, owner.email, owner.username, server.name))
    return no_content()


@router.api_route("/{uuid}/transfer/failure", methods=["GET", "POST"])
async def transfer_failed(work: InWork, panel: InPanel, server: ServerOfNode) -> Response:
    """A move did not work: the server stays where it is."""
    transfers = panel.transfers(work)
    await transfers.fail(await transfers.open_of(server))
    return no_content()


@router.api_route("/{uuid}/transfer/success", methods=["GET", "POST"])
async def transferred(work: InWork, panel: InPanel, node: CallingNode, server: ServerOfNode) -> Response:
    """A move worked; only the destination may say so."""
    transfers = panel.transfers(work)
    row = await transfers.open_of(server)
    if row.new_node != node.id:
        raise ApiProblem(403, "AccessDeniedHttpException", "Only the destination of a move may report its success.")
    await transfers.succeed(server, row)
    return no_content()


@router.post("/{uuid}/container/status")
async def container_status(server: ServerOfNode) -> Response:  # noqa: ARG001
    """A state change, as other daemons tell it; nothing is kept."""
    return answer([])
