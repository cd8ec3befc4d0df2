"""Remote API: SFTP sign-in and activity. Source: Panel 1.11, `/api/remote`."""

import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from rookery.panel.accounts.models import SshKey, User
from rookery.panel.accounts.ssh import fingerprint_of
from rookery.panel.activity.models import ActivityLog, ActivitySubject
from rookery.panel.api.access import CallingNode, InPanel, InWork, client_ip, conflict_of, find_server, read_inputs
from rookery.panel.api.envelope import answer
from rookery.panel.api.problems import ApiProblem
from rookery.panel.api.route import WorkRoute
from rookery.panel.secrets import password_fits
from rookery.panel.servers.models import Server, Subuser
from rookery.panel.validation.inputs import validate
from rookery.panel.work import Work
from rookery.protocol.permissions import ADMIN_PERMISSIONS

router = APIRouter(prefix="/api/remote", route_class=WorkRoute, tags=["remote: others"])
_ATTEMPTS, _WINDOW = 5, 60.0


def _refused() -> ApiProblem:
    return ApiProblem(403, "HttpForbiddenException", "The credentials were not correct, please try again.")


@router.post("/sftp/auth")
async def sign_in(request: Request, work: InWork, panel: InPanel, node: CallingNode) -> Response:
    """Who is behind SFTP credentials, and what they may do on the server they name."""
    inputs = validate(
        await read_inputs(request),
        {"type": "nullable|in:password,public_key", "username": "required|string", "password": "required|string"},
    )
    name, _, identifier = str(inputs["username"]).rpartition(".")
    if not identifier:
        raise ApiProblem(400, "BadRequestHttpException", "No server was named.")
    throttle = f"sftp:{identifier}|{client_ip(request)}"
    count = await panel.cache.get(throttle)
    if panel.settings.limits and isinstance(count, int) and count >= _ATTEMPTS:
        raise ApiProblem(429, "TooManyRequestsHttpException", "Too many attempts, wait a minute.")
    user: User | None = await work.db.scalar(select(User).where(User.username == name.lower()))
    found = await find_server(work, identifier)
    if user is None or found is None or found[0].node_id != node.id:
        await _count_failure(panel.cache, throttle)
        raise _refused()
    server, own_node = found
    if inputs.get("type") == "public_key":
        await _check_key(work, panel.cache, throttle, user, str(inputs["password"]))
    elif not await password_fits(str(inputs["password"]), user.password):
        await _count_failure(panel.cache, throttle)
        work.record("auth:sftp.fail", user, method="password")
        raise _kept(_refused())
    permissions = await _permissions(work, user, server)
    conflict = await conflict_of(work, server, own_node)
    if conflict is not None:
        raise ApiProblem(409, "ServerStateConflictException", conflict[1])
    return answer({"user": user.uuid, "server": server.uuid, "permissions": permissions})


def _kept(problem: ApiProblem) -> ApiProblem:
    problem.headers["keep"] = "1"
    return problem


async def _count_failure(cache: Any, key: str) -> None:
    count = await cache.get(key)
    await cache.put(key, (count or 0) + 1, _WINDOW)


async def _check_key(work: Work, cache: Any, throttle: str, user: User, text: str) -> None:
    try:
        fingerprint = fingerprint_of(text)
    except ValueError as err:
        await _count_failure(cache, throttle)
        raise _refused() from err
    known = await work.db.scalar(
        select(SshKey.id).where(
            SshKey.user_id == user.id, SshKey.fingerprint == fingerprint, SshKey.deleted_at.is_(None)
        )
    )
    if known is None:
        raise _refused()


async def _permissions(work: Work, user: User, server: Server) -> list[str]:
    if user.root_admin:
        return list(ADMIN_PERMISSIONS)
    if server.owner_id == user.id:
        return ["*"]
    held = await work.db.scalar(
        select(Subuser.permissions).where(Subuser.user_id == user.id, Subuser.server_id == server.id)
    )
    if "file.sftp" not in (held or []):
        work.record("server:sftp.denied", server)
        raise _kept(ApiProblem(403, "HttpForbiddenException", "You do not have permission to use SFTP on this server."))
    return list(held or [])


@router.post("/activity")
async def activity(request: Request, work: InWork, node: CallingNode) -> Response:
    """What users did on the node; rows about servers elsewhere are dropped."""
    inputs = validate(
        await read_inputs(request),
        {
            "data": "required|array",
            "data.*.user": "sometimes|nullable|uuid",
            "data.*.server": "required|uuid",
            "data.*.event": "required|string",
            "data.*.metadata": "present|nullable|array",
            "data.*.ip": "sometimes|nullable|ip",
            "data.*.timestamp": "required|string",
        },
    )
    rows = inputs["data"]
    servers = {
        server.uuid: server
        for server in await work.db.scalars(
            select(Server).where(Server.uuid.in_([row["server"] for row in rows]), Server.node_id == node.id)
        )
    }
    names = {row["user"] for row in rows if row.get("user")}
    users = {user.uuid: user for user in await work.db.scalars(select(User).where(User.uuid.in_(names)))}
    for row in rows:
        server, user = servers.get(row["server"]), users.get(row.get("user"))
        if server is None or not row["event"].startswith("server:"):
            continue
        properties = dict(row.get("metadata") or {})
        moment = _moment(row["timestamp"])
        if moment is None:
            properties["original_timestamp"] = row["timestamp"]
        entry = ActivityLog(
            event=row["event"][:191],
            ip=row.get("ip") or "127.0.0.1",
            actor_type="user" if user else None,
            actor_id=user.id if user else None,
            properties=properties or [],
            timestamp=moment or work.now,
        )
        work.add(entry)
        await work.db.flush()
        work.add(ActivitySubject(activity_log_id=entry.id, subject_type="server", subject_id=server.id))
    return Response(status_code=200, headers={"Content-Type": "text/html; charset=UTF-8"})


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
