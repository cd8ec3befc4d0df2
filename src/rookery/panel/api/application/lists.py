"""Lists of the application API: filter, sort, page."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from starlette.requests import Request

from rookery.panel.api.envelope import filters, page_of, pagination, sorts
from rookery.panel.work import Work

Column = InstrumentedAttribute[Any]


def contains(column: Column, values: Sequence[str]) -> ColumnElement[bool]:
    """The wire's partial filter: any of the values somewhere in the text, in any case."""
    escaped = [value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").lower() for value in values]
    return or_(*(func.lower(column).like(f"%{value}%", escape="\\") for value in escaped))


def equals(column: Column, values: Sequence[str]) -> ColumnElement[bool]:
    """The wire's exact filter: any of the values; what is no number equals no number."""
    if not isinstance(column.type, Integer):
        return column.in_(values)
    return column.in_([int(value) for value in values if re.fullmatch(r"\d{1,9}", value)])


async def listed(
    request: Request,
    work: Work,
    statement: Select[Any],
    *,
    partial: Mapping[str, Column] | None = None,
    exact: Mapping[str, Column] | None = None,
    further: Sequence[str] = (),
    sortable: Mapping[str, Column] | None = None,
    order: Column,
) -> tuple[list[Any], dict[str, Any]]:
    """The wanted page of rows and its `pagination`; filters named in `further` are the caller's to apply."""
    partial, exact, sortable = partial or {}, exact or {}, sortable or {}
    wanted = filters(request, [*partial, *exact, *further])
    conditions: list[ColumnElement[bool]] = []
    for name, values in wanted.items():
        if name in partial:
            conditions.append(contains(partial[name], values))
        elif name in exact:
            conditions.append(equals(exact[name], values))
    if conditions:
        statement = statement.where(and_(*conditions))
    total = await work.db.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    ordering = [sortable[name].desc() if down else sortable[name] for name, down in sorts(request, list(sortable))]
    page = page_of(request, default=50, most=None)
    statement = statement.order_by(*ordering, order)
    if page.size is not None:
        statement = statement.limit(page.size).offset(page.offset)
    rows = list(await work.db.scalars(statement))
    return rows, pagination(request, page, total=total, count=len(rows))
