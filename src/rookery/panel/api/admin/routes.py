"""The one door of the administration area: every request below `/admin` goes to its table of routes."""

from fastapi import APIRouter, Request, Response

from rookery.panel.api.access import InPanel, InWork
from rookery.panel.api.admin import (  # they register themselves
    area,
    databases,
    keys,
    locations,
    mounts,
    nests,
    nodes,
    pages,
    servers,
    settings,
    users,
)
from rookery.panel.api.route import WorkRoute

__all__ = [
    "databases",
    "keys",
    "locations",
    "mounts",
    "nests",
    "nodes",
    "pages",
    "router",
    "servers",
    "settings",
    "users",
]
router = APIRouter(route_class=WorkRoute, include_in_schema=False)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@router.api_route("/admin", methods=_METHODS)
@router.api_route("/admin/{path:path}", methods=_METHODS)
async def anything(request: Request, work: InWork, panel: InPanel) -> Response:
    """See `area.answer`."""
    return await area.answer(request, work, panel)
