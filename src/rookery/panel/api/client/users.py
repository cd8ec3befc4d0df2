"""Client API: people with rights on a server. Source: Panel 1.11 client API, subusers."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from rookery.panel.accounts.models import User
from rookery.panel.api.access import InPanel, InWork, ServerAccess, ServerFor, read_inputs
from rookery.panel.api.client.servers import subuser_shape, subusers
from rookery.panel.api.envelope import answer, no_content
from rookery.panel.api.problems import ApiProblem
from rookery.panel.api.route import WorkRoute
from rookery.panel.servers import subusers as service
from rookery.panel.servers.models import Server, Subuser
from rookery.panel.validation.inputs import Inputs, validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/servers/{server}/users", route_class=WorkRoute, tags=["client: users"])
_RIGHTS = {"permissions": "required|array", "permissions.*": "string"}


async def _subuser(request: Request, work: Work, server: Server) -> Subuser | None:
    found: Subuser | None = await work.db.scalar(
        select(Subuser)
        .join(User, User.id == Subuser.user_id)
        .where(Subuser.server_id == server.id, User.uuid == request.path_params["user"])
    )
    return found


class _Someone(ServerFor):
    """The server and somebody else with rights on it."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission, child=_subuser)

    async def __call__(self, request: Request) -> ServerAccess:
        """See the class."""
        access = await super().__call__(request)
        if access.child.user_id == access.caller.user.id:
            raise ApiProblem(403, "AccessDeniedHttpException", "Nobody can change their own rights.")
        return access


Reader = Annotated[ServerAccess, Depends(ServerFor("user.read"))]
Creator = Annotated[ServerAccess, Depends(ServerFor("user.create"))]
ReaderOfOne = Annotated[ServerAccess, Depends(_Someone("user.read"))]
Updater = Annotated[ServerAccess, Depends(_Someone("user.update"))]
Remover = Annotated[ServerAccess, Depends(_Someone("user.delete"))]


def _check_ceiling(access: ServerAccess, inputs: Inputs) -> None:
    """Nobody gives away a right they do not hold."""
    wanted = inputs.get("permissions")
    if not isinstance(wanted, list) or access.allows("*"):
        return
    if any(right not in access.permissions for right in wanted):
        raise ApiProblem(403, "HttpForbiddenException", "You cannot give rights you do not have yourself.")


@router.get("")
async def index(work: InWork, access: Reader) -> Response:
    """Everybody with rights."""
    return answer(await subusers(work, access.server))


@router.get("/{user}")
async def view(work: InWork, access: ReaderOfOne) -> Response:
    """Somebody with rights."""
    return await _shown(work, access.child)


async def _shown(work: Work, row: Subuser) -> Response:
    return answer(subuser_shape(row, await work.db.get_one(User, row.user_id)))


@router.post("")
async def create(request: Request, work: InWork, panel: InPanel, access: Creator) -> Response:
    """Invite somebody by their e-mail address."""
    inputs = await read_inputs(request)
    _check_ceiling(access, inputs)
    validate(inputs, {"email": "required|email|between:1,191", **_RIGHTS})
    server = access.server
    row, user = await service.invite(work, panel.settings, server, inputs["email"], inputs["permissions"])
    work.record("server:subuser.create", server, user, email=user.email, permissions=row.permissions)
    return answer(subuser_shape(row, user))


@router.post("/{user}")
async def update(request: Request, work: InWork, panel: InPanel, access: Updater) -> Response:
    """Overwrite somebody's rights."""
    inputs = await read_inputs(request)
    _check_ceiling(access, inputs)
    validate(inputs, _RIGHTS)
    server, row = access.server, access.child
    old = sorted(row.permissions or [])
    if await service.change(work, panel.nodes, server, row, inputs["permissions"]):
        user = await work.db.get_one(User, row.user_id)
        new: list[Any] = sorted(row.permissions)
        work.record("server:subuser.update", server, user, email=user.email, old=old, new=new, revoked=True)
    return await _shown(work, row)


@router.delete("/{user}")
async def remove(work: InWork, panel: InPanel, access: Remover) -> Response:
    """Take somebody's rights away."""
    server, row = access.server, access.child
    user = await work.db.get_one(User, row.user_id)
    await service.remove(work, panel.nodes, panel.settings, server, row, user)
    work.record("server:subuser.delete", server, user, email=user.email, revoked=True)
    return no_content()
