"""Find what a path names, before anything else about the request is judged."""

from typing import Any

from sqlalchemy import select
from starlette.requests import Request

from rookery.panel.api.access import work_of
from rookery.panel.api.problems import not_found
from rookery.panel.nodes.models import Allocation


class Named:
    """Loads a row by the number in the path into `request.state`; 404 when there is none."""

    def __init__(self, name: str, model: type[Any]) -> None:
        self.name = name
        self.model = model

    async def __call__(self, request: Request) -> Any:
        """See the class."""
        raw = request.path_params[self.name]
        found = await work_of(request).db.get(self.model, int(raw)) if raw.isdigit() and len(raw) < 10 else None
        if found is None:
            raise not_found()
        setattr(request.state, self.name, found)
        return found


async def allocation_of_node(request: Request) -> Allocation:
    """The allocation of the path, when it is the node's."""
    raw = request.path_params["allocation"]
    found = await work_of(request).db.scalar(
        select(Allocation).where(
            Allocation.id == (int(raw) if raw.isdigit() and len(raw) < 10 else 0),
            Allocation.node_id == request.state.node.id,
        )
    )
    if found is None:
        raise not_found()
    request.state.allocation = found
    return found
