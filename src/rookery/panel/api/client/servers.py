"""Client API: list and view servers. Source: Panel 1.11, `/api/client` and `/api/client/servers/{server}`."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Integer, Select, bindparam, exists, false, func, or_, select

from rookery.panel.accounts.models import User
from rookery.panel.accounts.service import picture_mark
from rookery.panel.api.access import ClientCaller, InWork, ServerAccess, ServerFor
from rookery.panel.api.application.lists import contains
from rookery.panel.api.client import shapes
from rookery.panel.api.envelope import (
    NULL,
    answer,
    collection,
    filters,
    includes,
    item,
    page_of,
    pagination,
    wire_time,
)
from rookery.panel.api.route import WorkRoute
from rookery.panel.db.records import read_records, record_columns
from rookery.panel.eggs.models import Egg
from rookery.panel.nodes.models import Allocation, Node
from rookery.panel.servers.configuration import ServerParts
from rookery.panel.servers.models import Server, ServerTransfer, Subuser, is_installed
from rookery.panel.servers.queries import parts_of
from rookery.panel.servers.startup import invocation
from rookery.panel.work import Work
from rookery.protocol.permissions import ADMIN_PERMISSIONS, CATALOGUE

router = APIRouter(prefix="/api/client", route_class=WorkRoute, tags=["client: servers"])
INCLUDES = ["egg", "subusers"]
_ADDRESS = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?$")
_NOT_SHOWN = ("created_at", "updated_at", "installed_at", "external_id")
_MOVING = exists().where(ServerTransfer.server_id == Server.id, ServerTransfer.successful.is_(None)).label("moving")
_LISTED = select(
    *record_columns(Server, without=_NOT_SHOWN),
    Node.name.label("node_name"),
    Node.maintenance_mode.label("node_maintenance"),
    Node.fqdn.label("node_fqdn"),
    Node.daemon_sftp.label("node_sftp"),
    _MOVING,
    func.count().over().label("total"),
).join(Node, Node.id == Server.node_id)
"""Servers with what the list shows of their nodes, as records."""
_OWN = or_(
    Server.owner_id == bindparam("user"),
    Server.id.in_(select(Subuser.server_id).where(Subuser.user_id == bindparam("user"))),
)
_SIZE, _BEFORE = bindparam("size", type_=Integer()), bindparam("before", type_=Integer())


def _in_pages(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(Server.id).limit(_SIZE).offset(_BEFORE)


_OWN_PAGE = _in_pages(_LISTED.where(_OWN))
"""What nearly every call asks for; built once."""
AnyAccess = Annotated[ServerAccess, Depends(ServerFor(any_state=True))]


@router.get("")
async def index(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """The caller's servers; administrators may ask for those of others."""
    user = caller.user
    kind = request.query_params.get("type", "")
    if kind in ("admin", "admin-all"):
        statement = _LISTED if user.root_admin else _LISTED.where(false())
        if kind == "admin":
            statement = statement.where(~_OWN)
    else:
        statement = _LISTED.where(Server.owner_id == user.id if kind == "owner" else _OWN)
    narrowed = _filtered(request, statement)
    in_pages = _OWN_PAGE if not kind and narrowed is statement else _in_pages(narrowed)
    page = page_of(request, default=50, most=100)
    asked = {"user": user.id, "size": page.size, "before": page.offset}
    rows = await read_records(work.db, in_pages, asked)
    if rows or page.number == 1:
        total = rows[0].total if rows else 0
    else:
        total = await work.db.scalar(select(func.count()).select_from(narrowed.subquery()), asked) or 0
    held = await _rights(work, user, rows)
    shown = await _shapes(work, user, rows, held, includes(request, INCLUDES))
    meta = pagination(request, page, total=total, count=len(rows), keep_query=True)
    return answer(collection(shown, pagination=meta))


def _filtered(request: Request, statement: Select[Any]) -> Select[Any]:
    columns = {
        "uuid": Server.uuid,
        "name": Server.name,
        "description": Server.description,
        "external_id": Server.external_id,
    }
    for name, values in filters(request, [*columns, "*"]).items():
        if name in columns:
            statement = statement.where(contains(columns[name], values))
        else:
            statement = statement.where(_anything(",".join(values)))
    return statement


def _anything(text: str) -> Any:
    if (match := _ADDRESS.match(text)) or re.match(r"^:\d{1,5}$", text):
        condition = exists().where(Allocation.server_id == Server.id)
        port = match[2] if match else text[1:]
        if match:
            condition = condition.where(Allocation.ip == match[1])
        if port:
            condition = condition.where(func.cast(Allocation.port, Server.name.type).like(f"{port}%"))
        return condition
    return or_(
        Server.uuid == text,
        Server.uuid.like(f"{text}%"),
        Server.uuid_short == text,
        Server.external_id == text,
        contains(Server.name, [text]),
    )


async def _rights(work: Work, user: User, rows: list[Any]) -> dict[int, list[str]]:
    """Per server what the user holds on it."""
    if user.root_admin:
        return {row.id: list(ADMIN_PERMISSIONS) for row in rows}
    foreign = [row.id for row in rows if row.owner_id != user.id]
    held = {row.id: ["*"] for row in rows if row.owner_id == user.id}
    if foreign:
        found = await work.db.execute(
            select(Subuser.server_id, Subuser.permissions).where(
                Subuser.user_id == user.id, Subuser.server_id.in_(foreign)
            )
        )
        held |= {server_id: list(permissions or []) for server_id, permissions in found}
    return held


@router.get("/permissions")
async def permissions(caller: ClientCaller) -> Response:  # noqa: ARG001
    """All rights there are on a server."""
    groups = {group: {"description": text, "keys": keys} for group, (text, keys) in CATALOGUE.items()}
    return answer(item("system_permissions", {"permissions": groups}))


@router.get("/servers/{server}")
async def view(request: Request, work: InWork, access: AnyAccess) -> Response:
    """One server."""
    user, held = access.caller.user, {access.server.id: access.permissions}
    rows = await read_records(work.db, _LISTED.where(Server.id == access.server.id), {})
    shape = (await _shapes(work, user, rows, held, includes(request, INCLUDES)))[0]
    shape["meta"] = {"is_server_owner": access.is_owner, "user_permissions": access.permissions}
    return answer(shape)


async def _shapes(
    work: Work, user: User, rows: list[Any], held: dict[int, list[str]], wanted: set[str]
) -> list[dict[str, Any]]:
    if not rows:
        return []
    found = []
    for parts in await parts_of(work, rows, for_people=True):
        row: Any = parts.server
        shape = _shape(parts, row, user, held[row.id])
        relations = shape["attributes"]["relationships"]
        if "egg" in wanted:
            egg: Egg = parts.egg.egg
            relations["egg"] = item("egg", {"uuid": egg.uuid, "name": egg.name})
        if "subusers" in wanted:
            allowed = _allows(held[row.id], "user.read")
            relations["subusers"] = await subusers(work, row) if allowed else NULL
        found.append(shape)
    return found


def _allows(held: list[str], permission: str) -> bool:
    return "*" in held or permission in held


def _shape(parts: ServerParts, row: Any, user: User, held: list[str]) -> dict[str, Any]:
    sees_startup = _allows(held, "startup.read")
    return item(
        "server",
        {
            "server_owner": row.owner_id == user.id,
            "identifier": row.uuid_short,
            "internal_id": row.id,
            "uuid": row.uuid,
            "name": row.name,
            "node": row.node_name,
            "is_node_under_maintenance": row.node_maintenance,
            "sftp_details": {"ip": row.node_fqdn, "port": row.node_sftp},
            "description": row.description,
            "limits": {
                "memory": row.memory,
                "swap": row.swap,
                "disk": row.disk,
                "io": row.io,
                "cpu": row.cpu,
                "threads": row.threads,
                "oom_disabled": row.oom_disabled,
            },
            "invocation": invocation(row, parts.default, parts.variables, parts.values, hide_all=not sees_startup),
            "docker_image": row.image,
            "egg_features": parts.egg.features,
            "feature_limits": {
                "databases": row.database_limit,
                "allocations": row.allocation_limit,
                "backups": row.backup_limit,
            },
            "status": row.status,
            "is_suspended": row.status == "suspended",
            "is_installing": not is_installed(row.status),
            "is_transferring": row.moving,
            "relationships": {
                "allocations": shapes.allocations(
                    parts.allocations, row.allocation_id, all_of_them=_allows(held, "allocation.read")
                ),
                "variables": shapes.variables(parts.variables, parts.values, allowed=sees_startup),
            },
        },
    )


async def subusers(work: Work, server: Server) -> dict[str, Any]:
    """The people with rights on a server."""
    rows = await work.db.execute(
        select(Subuser, User)
        .join(User, User.id == Subuser.user_id)
        .where(Subuser.server_id == server.id)
        .order_by(Subuser.id)
    )
    return collection(subuser_shape(row, user) for row, user in rows)


def subuser_shape(row: Subuser, user: User) -> dict[str, Any]:
    """Somebody with rights on a server."""
    return item("server_subuser", {**user_attributes(user), "permissions": row.permissions or []})


def user_attributes(user: User) -> dict[str, Any]:
    """A user as others on a server see them."""
    return {
        "uuid": user.uuid,
        "username": user.username,
        "email": user.email,
        "image": f"https://gravatar.com/avatar/{picture_mark(user.email)}",
        "2fa_enabled": user.use_totp,
        "created_at": wire_time(user.created_at),
    }
