"""The wire's JSON shape: items, lists, relationships, pages, and the query parameters that shape them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from rookery.panel.api.problems import ApiProblem, json_response

Json = Any
NULL: dict[str, Json] = {"object": "null_resource", "attributes": None}
"""What stands in for an include that is empty or not allowed."""


def item(kind: str | None, attributes: Mapping[str, Json], **meta: Json) -> dict[str, Json]:
    """One thing."""
    body: dict[str, Json] = {"object": kind, "attributes": attributes}
    return body | {"meta": meta} if meta else body


def collection(items: Iterable[Json], **meta: Json) -> dict[str, Json]:
    """A whole list."""
    body: dict[str, Json] = {"object": "list", "data": list(items)}
    return body | {"meta": meta} if meta else body


def answer(body: Json, status: int = 200) -> Response:
    """The answer with a body."""
    return json_response(body, status)


def no_content() -> Response:
    """The answer without one."""
    return Response(status_code=204)


def wire_time(moment: datetime | None) -> str | None:
    """A time of the API: offset form, whole seconds."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def raw_time(moment: datetime | None) -> str | None:
    """A time as raw model rows show it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted; `size` None is all of it."""

    number: int
    size: int | None

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * (self.size or 0)


def page_of(request: Request, *, default: int, most: int | None) -> Page:
    """The page a request asks for; `most` caps its size, None lets everything through."""
    raw_page, raw_size = request.query_params.get("page", ""), request.query_params.get("per_page", "")
    number = int(raw_page) if re.fullmatch(r"\d{1,9}", raw_page) and int(raw_page) >= 1 else 1
    raw_size = raw_size.strip()
    if not raw_size:
        return Page(number, default)
    if not re.fullmatch(r"-?\d{1,9}", raw_size):
        return Page(number, most or default)
    size = int(raw_size)
    if size < 0:
        return Page(number, default) if most else Page(1, None)
    if size == 0:
        return Page(number, 15)
    return Page(number, min(size, most) if most else size)


def pagination(request: Request, page: Page, *, total: int, count: int, keep_query: bool = False) -> dict[str, Json]:
    """The `pagination` object; links carry the rest of the query only where the wire does."""
    size = page.size or max(total, 1)
    pages = max(-(-total // size), 1)
    links = {}
    for name, number in (("previous", page.number - 1), ("next", page.number + 1)):
        if (name == "previous" and page.number > 1) or (name == "next" and page.number < pages):
            links[name] = _link(request, number, keep_query=keep_query)
    return {
        "total": total,
        "count": count,
        "per_page": size,
        "current_page": page.number,
        "total_pages": pages,
        "links": links,
    }


def _link(request: Request, number: int, *, keep_query: bool) -> str:
    query = [(k, v) for k, v in request.query_params.multi_items() if k != "page"] if keep_query else []
    base = f"{request.state.panel.settings.url}{request.url.path}"
    return f"{base}?{urlencode([*query, ('page', str(number))], quote_via=quote)}"


def includes(request: Request, known: Sequence[str]) -> set[str]:
    """The known names a request wants included; nested ones keep their dots, at most two levels."""
    raw = request.query_params.getlist("include") + request.query_params.getlist("include[]")
    wanted = {part.strip() for text in raw for part in text.split(",")}
    cut = {".".join(name.split(".")[:2]) for name in wanted}
    return {name for name in cut if name.split(".")[0] in known}


def nested(wanted: set[str], name: str) -> set[str]:
    """What is wanted inside an included thing."""
    return {found.partition(".")[2] for found in wanted if found.startswith(f"{name}.")}


def wants(wanted: set[str], name: str) -> bool:
    """Whether an include is wanted itself or for something inside it."""
    return any(found == name or found.startswith(f"{name}.") for found in wanted)


def filters(request: Request, known: Sequence[str]) -> dict[str, list[str]]:
    """The values of each known filter, alternatives split at commas.

    Raises:
        ApiProblem: a filter is not known.
    """
    found: dict[str, list[str]] = {}
    for key, value in request.query_params.multi_items():
        match = re.fullmatch(r"filter\[([^\]]*)\]", key)
        if match is None:
            continue
        if match[1] not in known:
            raise ApiProblem(
                400, "InvalidFilterQuery", f"The filter {match[1]} is not known; there are: {', '.join(known)}."
            )
        if value.strip():
            found[match[1]] = [part for part in value.strip().split(",") if part]
    return found


def sorts(request: Request, known: Sequence[str]) -> list[tuple[str, bool]]:
    """Names to sort by and whether downwards.

    Raises:
        ApiProblem: a name is not known.
    """
    found = []
    for part in request.query_params.get("sort", "").split(","):
        name = part.strip().lstrip("-")
        if not name:
            continue
        if name not in known:
            raise ApiProblem(
                400, "InvalidSortQuery", f"Sorting by {name} is not possible; known are: {', '.join(known)}."
            )
        found.append((name, part.strip().startswith("-")))
    return found
