"""Rules of the forms about nodes and locations, the same for every API."""

from typing import Any

from sqlalchemy import select

from rookery.panel.nodes.models import Location
from rookery.panel.validation.inputs import Checker, Inputs, as_bool
from rookery.panel.work import Work

BASE = "/var/lib/pterodactyl/volumes"
NODE_RULES = {
    "name": r"required|regex:/^([\w .-]{1,100})$/",
    "location_id": "required",
    "public": "nullable|boolean",
    "fqdn": "required|string",
    "scheme": "required",
    "behind_proxy": "nullable|boolean",
    "maintenance_mode": "nullable|boolean",
    "memory": "required|numeric|min:1",
    "memory_overallocate": "required|numeric|min:-1",
    "disk": "required|numeric|min:1",
    "disk_overallocate": "required|numeric|min:-1",
    "upload_size": "nullable|integer|between:1,1024",
    "daemon_sftp": "required|numeric|between:1,65535",
    "daemon_listen": "required|numeric|between:1,65535",
    "daemon_base": r"sometimes|required|regex:/^([\/][\d\w.\-\/]+)$/",
}


async def check_node(work: Work, inputs: Inputs) -> dict[str, Any]:
    """The values of a node's form by column.

    Raises:
        ValidationFailed: they break rules; every failure is listed.
    """
    checker = Checker(inputs).check(NODE_RULES)
    if not checker.has("location_id"):
        raw = inputs["location_id"]
        known = str(raw).isdigit() and await work.db.get(Location, int(raw)) is not None
        if not known:
            checker.fail("location_id", "exists", "The location does not exist.")
    checker.done()
    found: dict[str, Any] = {
        "name": inputs["name"],
        "location_id": int(inputs["location_id"]),
        "fqdn": inputs["fqdn"],
        "scheme": str(inputs["scheme"]),
        "daemon_base": inputs.get("daemon_base") or BASE,
    }
    for name in ("memory", "memory_overallocate", "disk", "disk_overallocate", "daemon_listen", "daemon_sftp"):
        found[name] = int(float(inputs[name]))
    for name in ("public", "behind_proxy", "maintenance_mode"):
        if inputs.get(name) is not None:
            found[name] = as_bool(inputs[name])
    if inputs.get("upload_size") is not None:
        found["upload_size"] = int(inputs["upload_size"])
    return found


async def check_location(work: Work, inputs: Inputs, location: Location | None = None) -> Inputs:
    """The inputs of a location's form; `location` is the one that is changed.

    Raises:
        ValidationFailed: they break rules; every failure is listed.
    """
    checker = Checker(inputs).check({"short": "required|string|between:1,60", "long": "nullable|string|between:1,191"})
    if not checker.has("short"):
        statement = select(Location.id).where(Location.short == inputs["short"])
        if location is not None:
            statement = statement.where(Location.id != location.id)
        if await work.db.scalar(statement) is not None:
            checker.fail("short", "unique", "The short is taken already.")
    return checker.done()
