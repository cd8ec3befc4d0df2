"""From the kinds of problem to the daemon's HTTP answers; the only such table."""

import errno
import json
import uuid
from typing import Any

import structlog
from aiohttp import web

from rookery.protocol.problems import Conflict, Denied, Invalid, Limited, NotFound, Problem, Unavailable
from rookery.wings.panel.client import PanelError

log = structlog.get_logger()
GENERIC = "An unexpected error was encountered while processing this request"
UNPARSABLE = "The data passed in the request was not in a parsable format. Please try again."
TIMED_OUT = "The server could not process this request in time, please try again."
_STATUS: dict[type[Problem], int] = {
    Invalid: 400,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Limited: 429,
    Unavailable: 500,
}


class HttpProblem(Problem):
    """A problem whose status the wire fixes at this very place."""

    def __init__(self, status: int, detail: str, *, plain: bool = False, with_request: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.plain = plain
        self.with_request = with_request


def json_answer(body: Any, status: int = 200, *, plain: bool = False) -> web.Response:
    """A JSON answer; `plain` gives it the text type the wire has where a body could not be parsed."""
    kind = "text/plain; charset=utf-8" if plain else "application/json; charset=utf-8"
    return web.Response(
        status=status,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        headers={"Content-Type": kind},
    )


def answer_for(err: Exception, request_id: str) -> web.Response:
    """The answer to a request that failed with `err`; what is not a known problem is logged and stays opaque."""
    match err:
        case HttpProblem():
            body = {"error": err.detail} | ({"request_id": request_id} if err.with_request else {})
            return json_answer(body, err.status, plain=err.plain)
        case PanelError(timed_out=True):
            return json_answer({"error": TIMED_OUT, "request_id": request_id}, 500)
        case Unavailable():
            log.warning("a request failed", request=request_id, reason=err.detail)
            return json_answer({"error": GENERIC, "request_id": request_id}, 500)
        case Problem():
            status = next((status for kind, status in _STATUS.items() if isinstance(err, kind)), 500)
            return json_answer({"error": err.detail, "request_id": request_id}, status)
        case OSError(errno=errno.ENAMETOOLONG):
            return json_answer(
                {"error": "Cannot perform that action: file name is too long.", "request_id": request_id}, 400
            )
        case _:
            log.error("a request failed unexpectedly", request=request_id, exc_info=err)
            return json_answer({"error": GENERIC, "request_id": request_id}, 500)


def new_request_id() -> str:
    """An identifier for one request."""
    return str(uuid.uuid4())
