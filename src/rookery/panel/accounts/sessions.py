"""Signed-in browsers: a random cookie, its row, and the token that proves a form is ours.

The cookie holds a random word; the database keeps only its hash, so that a stolen backup opens no session. A session
ends when its user's password changes, and an ended session stays ended, whatever request finishes later.
"""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sqlalchemy import delete, update
from starlette.requests import Request
from starlette.responses import Response

from rookery.panel.accounts.models import Session, User
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.claims import same_secret

CSRF_COOKIE = "XSRF-TOKEN"
_TOUCH_SECONDS = 60


@dataclass(slots=True)
class BrowserSession:
    """One browser; `data` is small JSON."""

    secret: str
    csrf: str
    user_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    last_activity: int = 0

    @property
    def id(self) -> str:
        """The row's key."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def accepts(self, request: Request) -> bool:
        """Whether a request proves to come from our own pages."""
        given = request.headers.get("x-csrf-token") or unquote(request.headers.get("x-xsrf-token", ""))
        return bool(given) and same_secret(given, self.csrf)

    def fits(self, user: User) -> bool:
        """Whether the user's password is still the one they signed in with."""
        return same_secret(str(self.data.get("password", "")), password_mark(user))


def password_mark(user: User) -> str:
    """A short mark of the password hash, kept in sessions."""
    return hashlib.sha256(user.password.encode()).hexdigest()[:32]


async def find_session(work: Work, cookie: str | None) -> BrowserSession | None:
    """The session behind a cookie, when it has not expired."""
    if not cookie or len(cookie) > 128:
        return None
    row = await work.db.get(Session, hashlib.sha256(cookie.encode()).hexdigest())
    if row is None:
        return None
    payload = json.loads(row.payload)
    if row.last_activity + payload["lifetime"] < time.time():
        return None
    return BrowserSession(cookie, payload["csrf"], row.user_id, payload["data"], row.last_activity)


async def begin_session(work: Work, settings: PanelSettings, request: Request) -> BrowserSession:
    """A fresh session of nobody yet."""
    session = BrowserSession(secrets.token_urlsafe(32), secrets.token_urlsafe(30), last_activity=int(time.time()))
    work.add(
        Session(
            id=session.id,
            ip_address=request.client.host if request.client else None,
            user_agent=request.headers.get("user-agent", "")[:500],
            payload=_payload(session, settings),
            last_activity=session.last_activity,
        )
    )
    await work.db.flush()
    return session


async def save_session(work: Work, settings: PanelSettings, session: BrowserSession) -> None:
    """Write what changed; a session that was ended meanwhile stays ended."""
    await work.db.execute(
        update(Session)
        .where(Session.id == session.id)
        .values(user_id=session.user_id, payload=_payload(session, settings), last_activity=int(time.time()))
    )


async def touch_session(work: Work, session: BrowserSession) -> None:
    """Keep a session in use from expiring; written at most once a minute."""
    now = int(time.time())
    if now - session.last_activity >= _TOUCH_SECONDS:
        await work.db.execute(update(Session).where(Session.id == session.id).values(last_activity=now))


async def end_session(work: Work, session: BrowserSession) -> None:
    """Forget a session."""
    await work.db.execute(delete(Session).where(Session.id == session.id))


async def end_sessions_of(work: Work, user_id: int, *, but: BrowserSession | None = None) -> None:
    """Forget all sessions of a user, except perhaps the present one."""
    statement = delete(Session).where(Session.user_id == user_id)
    await work.db.execute(statement.where(Session.id != but.id) if but is not None else statement)


def _payload(session: BrowserSession, settings: PanelSettings) -> str:
    return json.dumps({"csrf": session.csrf, "data": session.data, "lifetime": settings.session_minutes * 60})


def set_cookies(response: Response, settings: PanelSettings, session: BrowserSession) -> None:
    """Give the browser its cookies, for as long as the session lasts from now."""
    secure = settings.is_https if settings.secure_cookie is None else settings.secure_cookie
    seconds = settings.session_minutes * 60
    response.set_cookie(
        settings.session_cookie, session.secret, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure
    )
    response.set_cookie(CSRF_COOKIE, session.csrf, max_age=seconds, path="/", samesite="lax", secure=secure)
