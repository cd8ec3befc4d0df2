"""From the kinds of problem to the wire's error bodies; the only such table."""

from typing import Any

import msgspec
from starlette.responses import Response

from rookery.panel.validation.inputs import ValidationFailed
from rookery.protocol.problems import Conflict, Denied, Invalid, Limited, NotFound, Problem, Unavailable

_KINDS: dict[type[Problem], tuple[int, str]] = {
    Invalid: (400, "DisplayException"),
    Denied: (403, "AccessDeniedHttpException"),
    NotFound: (404, "NotFoundHttpException"),
    Conflict: (409, "ConflictHttpException"),
    Limited: (429, "TooManyRequestsHttpException"),
    Unavailable: (504, "DaemonConnectionException"),
}


class ApiProblem(Problem):
    """A problem whose status and code the wire fixes at this very place."""

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}


def unauthenticated() -> ApiProblem:
    """Nobody, or nobody we know, is calling."""
    return ApiProblem(401, "AuthenticationException", "Unauthenticated.")


def not_found() -> ApiProblem:
    """No such route or thing."""
    return ApiProblem(404, "NotFoundHttpException", "The requested resource could not be found on the server.")


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def response_for(err: Problem) -> Response:
    """The answer to a request that failed with a known problem."""
    if isinstance(err, ValidationFailed):
        errors = [
            {
                "code": "ValidationException",
                "status": "422",
                "detail": failure.detail,
                "meta": {"source_field": failure.field, "rule": failure.rule},
            }
            for failure in err.failures
        ]
        return json_response({"errors": errors}, 422)
    status, code, headers = status_of(err)
    return json_response({"errors": [{"code": code, "status": str(status), "detail": err.detail}]}, status, headers)


def status_of(err: Problem) -> tuple[int, str, dict[str, str]]:
    """HTTP status, wire code and further headers of a problem.

    A domain's class may name its own `status` and `code` where the wire has another one than its kind.
    """
    if isinstance(err, ApiProblem):
        return err.status, err.code, err.headers
    status, code = next((found for kind, found in _KINDS.items() if isinstance(err, kind)), (500, "HttpException"))
    headers = {}
    if isinstance(err, Limited) and err.retry_after is not None:
        headers["Retry-After"] = str(max(int(err.retry_after), 1))
    return getattr(err, "status", status), getattr(err, "code", code), headers


def unexpected(identifier: str) -> Response:
    """The opaque answer to a bug."""
    detail = f"An unexpected error was encountered while processing this request. Its number is {identifier}."
    return json_response({"errors": [{"code": "HttpException", "status": "500", "detail": detail}]}, 500)
