"""The client API's resources. Source: Panel 1.11 client transformers."""

from collections.abc import Mapping, Sequence
from typing import Any

from rookery.panel.api.envelope import NULL, collection
from rookery.panel.eggs.models import EggVariable
from rookery.panel.nodes.models import Allocation
from rookery.panel.servers.startup import value_of

Json = dict[str, Any]


def allocation(row: Allocation, *, default_id: int, notes: bool = True) -> Json:
    """An address of a server."""
    attributes = {
        "id": row.id,
        "ip": row.ip,
        "ip_alias": row.ip_alias,
        "port": row.port,
        "notes": row.notes if notes else None,
        "is_default": row.id == default_id,
    }
    return {"object": "allocation", "attributes": attributes}


def variable(row: EggVariable, values: Mapping[int, str]) -> Json:
    """A setting of a server."""
    attributes = {
        "name": row.name,
        "description": row.description,
        "env_variable": row.env_variable,
        "default_value": row.default_value,
        "server_value": values.get(row.id),
        "is_editable": row.user_editable,
        "rules": row.rules,
    }
    return {"object": "egg_variable", "attributes": attributes}


def allocations(rows: Sequence[Allocation], default_id: int, *, all_of_them: bool) -> Json:
    """A server's addresses; without the right to see them all only the main one, without its note."""
    shown = rows if all_of_them else [row for row in rows if row.id == default_id]
    return collection([allocation(row, default_id=default_id, notes=all_of_them) for row in shown])


def variables(rows: Sequence[EggVariable], values: Mapping[int, str], *, allowed: bool) -> Json:
    """The settings of a server its users may see."""
    return collection([variable(row, values) for row in rows if row.user_viewable]) if allowed else NULL


def effective(row: EggVariable, values: Mapping[int, str]) -> str:
    """What a server has for a variable."""
    return value_of(row, values)
