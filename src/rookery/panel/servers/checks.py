"""Rules of the forms about servers, the same for every API."""

from typing import Any

from sqlalchemy import select

from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Checker
from rookery.panel.work import Work

IMAGE = r"required|string|max:191|regex:/^~?[\w\.\/\-:@ ]*$/"
NAME = "required|string|min:1|max:191"
EXTERNAL_ID = "sometimes|nullable|string|between:1,191"
THREADS = "nullable|regex:/^[0-9-,]+$/"
SIZES = {
    "memory": "required|numeric|min:0",
    "swap": "required|numeric|min:-1",
    "disk": "required|numeric|min:0",
    "io": "required|numeric|between:10,1000",
    "cpu": "required|numeric|min:0",
}
"""MiB and per cent."""


async def check_external_id(work: Work, checker: Checker, server: Server | None = None) -> None:
    """Whether no other server has the identifier; `server` is the one that is changed."""
    value = checker.inputs.get("external_id")
    if value is None or checker.has("external_id"):
        return
    statement = select(Server.id).where(Server.external_id == value)
    if server is not None:
        statement = statement.where(Server.id != server.id)
    if await work.db.scalar(statement) is not None:
        checker.fail("external_id", "unique", "The external id is taken already.")


def whole(value: Any) -> int:
    """A validated number without its fraction."""
    return int(float(value))


def limit_of(value: Any) -> int | None:
    """A validated limit; None is none."""
    return None if value is None else int(value)


def sizes_of(inputs: dict[str, Any]) -> dict[str, Any]:
    """The validated sizes by column, as whole numbers."""
    return {name: whole(inputs[name]) for name in SIZES}
