"""Application keys of the administrator who is signed in."""

from sqlalchemy import delete
from starlette.responses import Response

from rookery.panel.accounts.models import ApiKey
from rookery.panel.accounts.service import APPLICATION_KEY, RESOURCES, create_key
from rookery.panel.api.admin.area import Visit, area
from rookery.panel.validation.inputs import validate


@area.on("POST", "/api/new")
async def create(visit: Visit) -> Response:
    """A new key: `memo`, and per resource `r_*` from 0 to 3."""
    rules = {f"r_{name}": "integer|min:0|max:3" for name in RESOURCES}
    inputs = validate(visit.inputs, {"memo": "required|nullable|string|max:500", **rules})
    grants = {name: int(inputs.get(f"r_{name}") or 0) for name in RESOURCES}
    await create_key(visit.work, visit.user, kind=APPLICATION_KEY, memo=inputs["memo"], grants=grants)
    return visit.to("/api", "The key was made.")


@area.on("DELETE", "/api/revoke/{identifier:text}")
async def revoke(visit: Visit) -> Response:
    """Delete a key of one's own; not an error when there is none."""
    await visit.work.db.execute(
        delete(ApiKey).where(
            ApiKey.identifier == visit.row("identifier"),
            ApiKey.user_id == visit.user.id,
            ApiKey.key_type == APPLICATION_KEY,
        )
    )
    return Response(status_code=204)
