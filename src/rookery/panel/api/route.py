"""One request is one transaction: open it, run the route, commit, do what follows the commit, answer.

Nothing is sent before the commit, so a commit that fails is an error answer and never a success that was not.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError
from starlette.responses import RedirectResponse

from rookery.panel.accounts.sessions import set_cookies, touch_session
from rookery.panel.api.problems import ApiProblem, response_for
from rookery.panel.db.base import ENCRYPTER
from rookery.panel.panel import Panel
from rookery.panel.work import Actor, Work
from rookery.protocol.problems import Conflict, Problem

log = structlog.get_logger()
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class WorkRoute(APIRoute):
    """A route whose handler runs inside a `Work`, found at `request.state.work`."""

    def get_route_handler(self) -> Handler:
        """The handler with its transaction around it."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            panel: Panel = request.app.state.panel
            ENCRYPTER.set(panel.encrypter)
            request.state.panel = panel
            async with panel.sessions() as session:
                await panel.refresh(session)
                work = Work(session, panel.sessions, Actor(ip=request.client.host if request.client else "127.0.0.1"))
                request.state.work = work
                try:
                    response = await inner(request)
                    browser = getattr(request.state, "session", None)
                    if browser is not None:
                        await touch_session(work, browser)
                    await work.commit()
                except Problem as err:
                    await session.rollback()
                    await _keep_record(work, err)
                    response = _sign_in_page(request, panel, err) or response_for(err)
                except IntegrityError as err:
                    await session.rollback()
                    log.warning("a write lost against another", path=request.url.path, reason=str(err.orig))
                    response = response_for(
                        Conflict("Somebody else changed the same thing at this moment. Please try again.")
                    )
            await request.close()  # files of a form
            headers = getattr(request.state, "headers", None)
            if headers:
                response.headers.update(headers)
            browser = getattr(request.state, "session", None)
            if browser is not None and not getattr(request.state, "session_ended", False):
                set_cookies(response, panel.settings, browser)
            return response

        return handle


def _sign_in_page(request: Request, panel: Panel, err: Problem) -> Response | None:
    """Where a browser goes that opened an address of the API without being signed in."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and isinstance(err, ApiProblem) and err.code == "AuthenticationException":
        return RedirectResponse(f"{panel.settings.url}/auth/login", 302)
    return None


async def _keep_record(work: Work, err: Problem) -> None:
    """Write the activity of a refusal that must be on record although the request failed."""
    if isinstance(err, ApiProblem) and err.headers.pop("keep", ""):
        await work.keep_records()
    else:
        work.forget()
