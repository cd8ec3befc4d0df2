"""Rows as plain records: the columns of a table under their attribute names, without the cost of mapped objects.

Lists read by the hundred use these. A record answers to the same attribute names as its model and cannot be changed.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from rookery.panel.db.base import Base


def record_columns(model: type[Base], *, without: Collection[str] = ()) -> list[Any]:
    """The columns of a model's records, labelled by attribute."""
    mapper: Mapper[Any] = model.__mapper__
    names = (column.key for column in mapper.column_attrs)
    return [getattr(model, name).label(name) for name in names if name not in without]


def select_records(model: type[Base], *, without: Collection[str] = ("created_at", "updated_at")) -> Select[Any]:
    """A statement for records of a model; times are left out unless asked for, as reading them is slow."""
    return select(*record_columns(model, without=without))


def read(connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of a statement as named tuples; for use inside `run_sync`, where many share a trip."""
    result = connection.execute(statement, dict(parameters))
    make = _record(tuple(result.keys()))
    return [make(row) for row in result.all()]


async def read_records(db: AsyncSession, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of one statement, in the transaction of `db`, as named tuples."""
    return await db.run_sync(lambda session: read(session.connection(), statement, parameters))


@lru_cache(maxsize=256)
def _record(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    record: Any = namedtuple("Record", names)  # type: ignore[misc]  # noqa: PYI024  # names come from the statement
    make: Callable[[Iterable[Any]], Any] = record._make
    return make
