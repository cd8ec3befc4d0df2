"""Rows as plain records: the columns of a table under their attribute names, without the cost of mapped objects.

Lists read by the hundred use these. A record answers to the same attribute names as its model and cannot be changed.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapper

from rookery.panel.db.base import Base


def record_columns(model: type[Base], *, without: Collection[str] = ()) -> list[Any]:
    """The columns of a model's records, labelled by attribute."""
    mapper: Mapper[Any] = model.__mapper__
    return [
        getattr(model, name).label(name)
        for name in (column.key for column in mapper.column_attrs)
        if name not in without
    ]


def select_records(model: type[Base], *, without: Collection[str] = ("created_at", "updated_at")) -> Select[Any]:
    """A statement for records of a model; times are left out unless asked for, as reading them is slow."""
    return select(*record_columns(model, without=without))
