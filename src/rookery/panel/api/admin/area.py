"""How the administration area works: its table of routes, the order of checks, redirects, and alerts that last a page.

Source: Panel 1.11 web surface: session, CSRF, what the path names, second factor, administrators only.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rookery.panel.accounts.models import User
from rookery.panel.accounts.sessions import BrowserSession, find_session, save_session
from rookery.panel.api.access import read_inputs
from rookery.panel.api.problems import ApiProblem, not_found, response_for, status_of
from rookery.panel.databases.models import DatabaseHost
from rookery.panel.db.base import Base
from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.nodes.models import Allocation, Location, Mount, Node
from rookery.panel.panel import Panel
from rookery.panel.servers.models import Server
from rookery.panel.validation.inputs import Inputs, ValidationFailed
from rookery.panel.work import Actor, Work
from rookery.protocol.claims import same_secret
from rookery.protocol.problems import NotFound, Problem

log = structlog.get_logger()
BINDINGS: Mapping[str, type[Base]] = {
    "allocation": Allocation,
    "egg": Egg,
    "host": DatabaseHost,
    "location": Location,
    "mount": Mount,
    "nest": Nest,
    "node": Node,
    "server": Server,
    "user": User,
    "variable": EggVariable,
}
"""Names in paths that stand for a row; one that is not there is 404."""
_SAFE = ("GET", "HEAD")
_OVERRIDES = ("PUT", "PATCH", "DELETE")
_STATES: Mapping[int, str] = {403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 419: "Page Expired"}


@dataclass(frozen=True, slots=True)
class Alert:
    """A notice on a page: `kind` is success, info, warning or danger."""

    kind: str
    text: str
    items: tuple[str, ...] = ()


@dataclass(slots=True)
class Visit:
    """One request of an administrator: what they sent, and the rows the path names."""

    request: Request
    work: Work
    panel: Panel
    user: User
    session: BrowserSession
    inputs: Inputs
    named: dict[str, Any]
    alerts: list[Alert] = field(default_factory=list)
    """What the request before left for this page."""

    def row(self, name: str) -> Any:
        """The row or text a part of the path stands for."""
        return self.named[name]

    def to(self, path: str, text: str = "", kind: str = "success") -> Response:
        """Go to a page of the area and show a notice there."""
        if text:
            self.leave(Alert(kind, text))
        return RedirectResponse(f"{self.panel.settings.url}/admin{path}", 302)

    def back(self, *alerts: Alert) -> Response:
        """Go to the page the browser was on and show notices there."""
        for alert in alerts:
            self.leave(alert)
        return RedirectResponse(self._page_before(), 302)

    def leave(self, alert: Alert) -> None:
        """Keep a notice for the next page."""
        self.session.data.setdefault("alerts", []).append([alert.kind, alert.text, list(alert.items)])

    def _page_before(self) -> str:
        home = self.panel.settings.url
        referer = self.request.headers.get("referer", "")
        if referer.startswith(f"{home}/"):
            return referer
        return home + str(self.session.data.get("page", "/"))


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A route of the area: its path below `/admin` with `{name}` parts, and who answers."""

    method: str
    path: str
    pattern: re.Pattern[str]
    handler: Handler


class Area:
    """The table of routes."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Register a handler. `{name}` is a number or, with `{name:text}`, one segment of the path."""
        parts = re.split(r"\{(\w+)(:text)?\}", path)
        pattern = re.escape(parts[0])
        for name, text, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            pattern += f"(?P<{name}>{'[^/]+' if text else '[0-9]{1,18}'}){re.escape(rest)}"

        def register(handler: Handler) -> Handler:
            self.entries.append(Entry(method, path, re.compile(pattern), handler))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Entry, dict[str, str]]:
        """Who answers a request.

        Raises:
            ApiProblem: nobody does, or not by this method.
        """
        allowed = False
        for entry in self.entries:
            if match := entry.pattern.fullmatch(path):
                if entry.method == method:
                    return entry, match.groupdict()
                allowed = True
        if allowed:
            raise ApiProblem(405, "MethodNotAllowedHttpException", "This method is not supported here.")
        raise not_found()


area = Area()


async def answer(request: Request, work: Work, panel: Panel) -> Response:
    """The answer to any request below `/admin`."""
    session = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    request.state.session = session
    known = dict(session.data) if session is not None else {}
    try:
        response = await _answer(request, work, panel, session)
    except ApiProblem as err:
        response = _refusal(request, err)
    if session is not None:
        if request.method in _SAFE and response.status_code == 200:
            session.data["page"] = _address(request)
        if session.data != known:
            await save_session(work, panel.settings, session)
    return response


async def _answer(request: Request, work: Work, panel: Panel, session: BrowserSession | None) -> Response:
    """Check in the wire's order, then let the route answer."""
    alerts = _due_alerts(session)
    inputs = await read_inputs(request)
    if request.method not in _SAFE and not _is_ours(request, session, inputs):
        raise ApiProblem(419, "HttpException", "CSRF token mismatch.")
    user = await work.db.get(User, session.user_id) if session is not None and session.user_id else None
    if session is None or user is None or not session.fits(user):
        return _sign_in_first(request, panel)
    entry, words = area.find(_method(request, inputs), request.url.path.removeprefix("/admin").rstrip("/"))
    visit = Visit(request, work, panel, user, session, inputs, await _rows(work, words), alerts)
    if not user.use_totp and panel.settings.two_factor_required >= (1 if user.root_admin else 2):
        return RedirectResponse(f"{panel.settings.url}/account", 302)
    if not user.root_admin:
        raise ApiProblem(403, "AccessDeniedHttpException", "Only administrators may do this.")
    work.actor = Actor(user.id, request.client.host if request.client else "127.0.0.1")
    return await _run(entry, visit)


async def _run(entry: Entry, visit: Visit) -> Response:
    """Run a handler with its transaction; what it refuses becomes a notice on the page before."""
    work = visit.work
    try:
        response = await entry.handler(visit)
        await work.commit()
    except Problem as err:
        await work.db.rollback()
        work.forget()
        visit.session.data.pop("alerts", None)  # what was to be said after success
        if isinstance(err, ApiProblem | NotFound) and status_of(err)[0] == 404:
            return _refusal(visit.request, err)
        if visit.request.method in _SAFE or _wants_json(visit.request):
            return response_for(err)
        return visit.back(_alert_of(err))
    return response


def _alert_of(err: Problem) -> Alert:
    if isinstance(err, ValidationFailed):
        sentences = tuple(failure.detail for failure in err.failures)
        return Alert("danger", "There was an error validating the data provided.", sentences)
    return Alert("danger", err.detail)


def _due_alerts(session: BrowserSession | None) -> list[Alert]:
    """What the request before left; it is shown now or never."""
    if session is None:
        return []
    return [Alert(kind, text, tuple(items)) for kind, text, items in session.data.pop("alerts", ())]


def _is_ours(request: Request, session: BrowserSession | None, inputs: Inputs) -> bool:
    """Whether a form comes from our own pages: by a header, or by the hidden field."""
    if session is None:
        return False
    token = inputs.get("_token")
    return session.accepts(request) or (isinstance(token, str) and same_secret(token, session.csrf))


def _method(request: Request, inputs: Inputs) -> str:
    """The method meant: forms can only post and say the rest in a hidden field."""
    wanted = str(inputs.get("_method") or "").upper()
    if request.method == "POST" and wanted in _OVERRIDES:
        return wanted
    return "GET" if request.method == "HEAD" else request.method


async def _rows(work: Work, words: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, word in words.items():
        model = BINDINGS.get(name)
        if model is None:
            found[name] = word
            continue
        row = await work.db.get(model, int(word))
        if row is None:
            raise not_found()
        found[name] = row
    return found


def _wants_json(request: Request) -> bool:
    return "json" in request.headers.get("accept", "") or request.headers.get("x-requested-with") == "XMLHttpRequest"


def _sign_in_first(request: Request, panel: Panel) -> Response:
    if _wants_json(request):
        return response_for(ApiProblem(401, "AuthenticationException", "Unauthenticated."))
    return RedirectResponse(f"{panel.settings.url}/auth/login", 302)


def _refusal(request: Request, err: Problem) -> Response:
    status = status_of(err)[0]
    if _wants_json(request):
        return response_for(err)
    title = _STATES.get(status, "Error")
    return HTMLResponse(f"<!doctype html><title>{title}</title><h1>{title}</h1>", status)


def _address(request: Request) -> str:
    parts = urlsplit(str(request.url))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
