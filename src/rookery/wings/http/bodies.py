"""Request bodies as the daemon's wire reads them: the first JSON value, keys in any case, `null` as absent."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from rookery.wings.http.problems import GENERIC, UNPARSABLE, HttpProblem

_DECODER = json.JSONDecoder()
BODY_LIMIT = 16 * 1024 * 1024
_REFUSED = {"status": 400, "detail": GENERIC, "plain": True, "with_request": True}


def refused() -> HttpProblem:
    """A body that does not fit."""
    return HttpProblem(400, GENERIC, plain=True, with_request=True)


async def read_json(request: web.Request) -> Any:
    """The first JSON value of the body.

    Raises:
        HttpProblem: the body is empty or is no JSON.
    """
    raw = await request.read()
    text = raw.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise HttpProblem(400, UNPARSABLE, plain=True)
    try:
        value, _ = _DECODER.raw_decode(text)
    except ValueError as err:
        raise refused() from err
    return value


async def read_object(request: web.Request, **fields: type | tuple[type, ...]) -> dict[str, Any]:
    """The named fields of a JSON object, `None` where absent or null.

    Raises:
        HttpProblem: the body is no object, or a field has another type.
    """
    value = await read_json(request)
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise refused()
    lowered = {str(key).lower(): item for key, item in value.items()}
    found = {}
    for name, kind in fields.items():
        item = lowered.get(name)
        if item is not None and (
            not isinstance(item, kind) or (isinstance(item, bool) and kind is not bool and kind is not object)
        ):
            raise refused()
        found[name] = item
    return found


def texts(value: Any) -> list[str]:
    """A list of texts; `null` is none.

    Raises:
        HttpProblem: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise refused()
    return value
