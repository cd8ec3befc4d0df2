"""Locations."""

from starlette.responses import Response

from rookery.panel.api.admin.area import Visit, area
from rookery.panel.nodes.checks import check_location
from rookery.panel.nodes.models import Location
from rookery.panel.nodes.service import delete_location


@area.on("POST", "/locations")
async def create(visit: Visit) -> Response:
    """A new location: `short`, `long`."""
    inputs = await check_location(visit.work, visit.inputs)
    location = Location(short=inputs["short"], long=inputs.get("long"))
    visit.work.add(location)
    await visit.work.db.flush()
    return visit.to(f"/locations/view/{location.id}", "The location was made.")


@area.on("PATCH", "/locations/view/{location}")
async def edit(visit: Visit) -> Response:
    """Overwrite a location, or delete it by `action=delete`."""
    location: Location = visit.row("location")
    if visit.inputs.get("action") == "delete":
        await delete_location(visit.work, location)
        return visit.to("/locations")
    inputs = await check_location(visit.work, visit.inputs, location)
    location.short, location.long, location.updated_at = inputs["short"], inputs.get("long"), visit.work.now
    return visit.to(f"/locations/view/{location.id}", "The location was saved.")
