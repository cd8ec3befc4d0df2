"""Client API: activity of a server and of an account."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import ColumnElement, func, select

from rookery.panel.accounts.models import User
from rookery.panel.activity.listing import HIDDEN_EVENTS, has_more, public_id, shown_properties
from rookery.panel.activity.models import ActivityLog, ActivitySubject
from rookery.panel.api.access import ClientCaller, InWork, ServerAccess, ServerFor
from rookery.panel.api.application.lists import contains
from rookery.panel.api.client.servers import user_attributes
from rookery.panel.api.envelope import (
    NULL,
    answer,
    collection,
    filters,
    includes,
    item,
    page_of,
    pagination,
    sorts,
    wire_time,
)
from rookery.panel.api.route import WorkRoute
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client", route_class=WorkRoute, tags=["client: activity"])
Reader = Annotated[ServerAccess, Depends(ServerFor("activity.read"))]


@router.get("/servers/{server}/activity")
async def of_server(request: Request, work: InWork, access: Reader) -> Response:
    """What was done on a server."""
    about = (ActivitySubject.subject_type == "server") & (ActivitySubject.subject_id == access.server.id)
    return await _list(request, work, access.caller.user, about)


@router.get("/account/activity")
async def of_account(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """What was done with the caller's account."""
    about = (ActivitySubject.subject_type == "user") & (ActivitySubject.subject_id == caller.user.id)
    return await _list(request, work, caller.user, about)


async def _list(request: Request, work: Work, viewer: User, about: ColumnElement[bool]) -> Response:
    subjects = select(ActivitySubject.activity_log_id).where(about)
    statement = select(ActivityLog).where(ActivityLog.id.in_(subjects), ActivityLog.event.not_in(HIDDEN_EVENTS))
    for values in filters(request, ["event"]).values():
        statement = statement.where(contains(ActivityLog.event, values))
    total = await work.db.scalar(select(func.count()).select_from(statement.subquery())) or 0
    order = [
        ActivityLog.timestamp.desc() if down else ActivityLog.timestamp for _, down in sorts(request, ["timestamp"])
    ]
    down = bool(order) and request.query_params.get("sort", "").startswith("-")
    page = page_of(request, default=25, most=100)
    rows = list(
        await work.db.scalars(
            statement.order_by(*order, ActivityLog.id.desc() if down else ActivityLog.id)
            .limit(page.size)
            .offset(page.offset)
        )
    )
    with_actor = "actor" in includes(request, ["actor"])
    actors = await _actors(work, rows) if with_actor else {}
    shown = [_shape(row, viewer, actors if with_actor else None) for row in rows]
    return answer(
        collection(shown, pagination=pagination(request, page, total=total, count=len(rows), keep_query=True))
    )


async def _actors(work: Work, rows: list[ActivityLog]) -> dict[int, User]:
    ids = {row.actor_id for row in rows if row.actor_type == "user" and row.actor_id}
    return {user.id: user for user in await work.db.scalars(select(User).where(User.id.in_(ids)))}


def _shape(row: ActivityLog, viewer: User, actors: dict[int, User] | None) -> dict[str, Any]:
    mine = row.actor_type == "user" and row.actor_id == viewer.id
    attributes: dict[str, Any] = {
        "id": public_id(row),
        "batch": row.batch,
        "event": row.event,
        "is_api": row.api_key_id is not None,
        "ip": row.ip if mine or viewer.root_admin else None,
        "description": row.description,
        "properties": shown_properties(row, viewer_id=viewer.id),
        "has_additional_metadata": has_more(row),
        "timestamp": wire_time(row.timestamp),
    }
    if actors is not None:
        actor = actors.get(row.actor_id or 0)
        attributes["relationships"] = {"actor": item("user", user_attributes(actor)) if actor else NULL}
    return item("activity_log", attributes)
