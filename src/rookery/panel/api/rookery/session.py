"""Our own API: who is signed in here, what the installation is called, and whether it is well."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from rookery.panel.accounts.models import User
from rookery.panel.accounts.sessions import begin_session, find_session
from rookery.panel.api.access import InPanel, InWork
from rookery.panel.api.envelope import answer
from rookery.panel.api.route import WorkRoute
from rookery.panel.api.web.sign_in import session_user

router = APIRouter(prefix="/api/rookery", route_class=WorkRoute, tags=["rookery"])


@router.get("/session")
async def session(request: Request, work: InWork, panel: InPanel) -> Response:
    """The signed-in user or null, and the installation's name; gives a new browser its cookies."""
    found = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    request.state.session = found or await begin_session(work, panel.settings, request)
    user = await work.db.get(User, found.user_id) if found is not None and found.user_id is not None else None
    if user is not None and found is not None and not found.fits(user):
        user = None
    return answer({"user": session_user(user) if user else None, "name": panel.settings.name})


@router.get("/health")
async def health(work: InWork) -> Response:
    """Whether the Panel can do its work: 200 when its database answers."""
    await work.db.execute(text("SELECT 1"))
    return answer({"status": "ok"})
