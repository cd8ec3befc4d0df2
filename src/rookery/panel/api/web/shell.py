"""The page shell: our interface's built files, with the paths it routes itself.

Source: Panel 1.11 page shell, whose globals scripts and the original interface read.
"""

import json
import re
import secrets
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse

from rookery.panel.accounts.models import User
from rookery.panel.accounts.sessions import find_session, save_session
from rookery.panel.api.access import InPanel, InWork
from rookery.panel.api.problems import not_found, response_for
from rookery.panel.api.route import WorkRoute
from rookery.panel.api.web.sign_in import session_user
from rookery.panel.settings import PanelSettings

STATIC = Path(__file__).parents[2] / "static"
_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Rookery</title>
<body style="font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem">
<h1>The interface is not built yet</h1>
<p>The Panel runs, and its APIs answer. Run <code>make setup</code> in the source folder to build the pages.</p>"""

router = APIRouter(route_class=WorkRoute, include_in_schema=False)
files = APIRouter(include_in_schema=False)


@files.get("/assets/{path:path}")
async def asset(path: str) -> Response:
    """A built file whose name changes with its content."""
    return _file(f"assets/{path}", _FOREVER)


@files.get("/{name}.{kind}")
async def top_file(name: str, kind: str) -> Response:
    """A built file beside the page, such as the icon."""
    return _file(f"{name}.{kind}", "max-age=3600")


def _file(path: str, lifetime: str) -> Response:
    file = (STATIC / path).resolve()
    if not file.is_relative_to(STATIC) or not file.is_file():
        return response_for(not_found())
    return FileResponse(file, headers={"Cache-Control": lifetime})


@router.get("/{path:path}")
async def page(request: Request, path: str, work: InWork, panel: InPanel) -> Response:
    """The page that finds its own way."""
    if path.startswith(("api/", "daemon/")) or path in ("api", "daemon"):
        return response_for(not_found())
    session = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    user = await work.db.get(User, session.user_id) if session is not None and session.user_id else None
    if session is None or user is None or not session.fits(user):
        return shell(panel.settings, panel.settings.name)
    request.state.session = session
    if path.startswith("auth/"):
        return RedirectResponse(f"{panel.settings.url}/", 302)
    required = panel.settings.two_factor_required >= (1 if user.root_admin else 2)
    if required and not user.use_totp and path != "account":
        return RedirectResponse(f"{panel.settings.url}/account", 302)
    if session.data.get("page") != f"/{path}" or "alerts" in session.data:
        session.data["page"] = f"/{path}"
        session.data.pop("alerts", None)  # notices of the administration area are for its own pages
        await save_session(work, panel.settings, session)
    return shell(panel.settings, panel.settings.name, user=user)


def shell(settings: PanelSettings, title: str, *, user: User | None = None, blocks: str = "") -> Response:
    """The interface's page under a title: what scripts know from the start, or `blocks` for its body."""
    index = STATIC / "index.html"
    built = index.is_file()
    text = index.read_text() if built else _NOT_BUILT
    nonce = secrets.token_urlsafe(12)
    text = re.sub(r"<title>.*?</title>", lambda _: f"<title>{escape(title)}</title>", text, count=1)
    if not blocks:
        text = text.replace("</title>", f'</title><script nonce="{nonce}">{_globals(settings, user)}</script>', 1)
    text = text.replace("</body>", f"{blocks}</body>") if "</body>" in text else text + blocks
    return HTMLResponse(text, 200 if built or blocks else 503, headers=_headers(nonce))


def _globals(settings: PanelSettings, user: User | None) -> str:
    known = {"SiteConfiguration": _site(settings)} | ({"PterodactylUser": session_user(user)} if user else {})
    return "".join(f"window.{name} = {_for_script(value)};" for name, value in known.items())


def _headers(nonce: str) -> dict[str, str]:
    return {
        "Cache-Control": "no-cache, private",
        "Content-Security-Policy": f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; "
        "connect-src 'self' ws: wss: http: https:; img-src 'self' data: https:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


def _site(settings: PanelSettings) -> dict[str, Any]:
    captcha = {"enabled": settings.captcha, "siteKey": settings.captcha_site_key}
    return {"name": settings.name, "locale": settings.locale, "recaptcha": captcha}


def _for_script(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")
