"""Sign-in, second step, sign-out, password reset. Source: Panel 1.11 web surface, `/auth`."""

import hmac
import time
from typing import Any

import pyotp
from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from starlette.responses import RedirectResponse

from rookery.panel.accounts.models import PasswordReset, RecoveryToken, User
from rookery.panel.accounts.passwords import reset_link
from rookery.panel.accounts.service import find_user
from rookery.panel.accounts.sessions import (
    BrowserSession,
    begin_session,
    end_session,
    end_sessions_of,
    find_session,
    password_mark,
    save_session,
)
from rookery.panel.api.access import InPanel, InWork, client_ip, read_inputs
from rookery.panel.api.envelope import answer, raw_time
from rookery.panel.api.problems import ApiProblem, json_response
from rookery.panel.api.route import WorkRoute
from rookery.panel.mail import letters
from rookery.panel.mail.service import owe
from rookery.panel.panel import Panel
from rookery.panel.secrets import hash_password, password_fits, random_text
from rookery.panel.validation.inputs import Checker
from rookery.panel.work import Actor, Work

router = APIRouter(route_class=WorkRoute, tags=["sign-in"])
_PER_MINUTE, _FAILURES, _MINUTE = 10, 5, 60.0
_STEP_SECONDS, _RESET_SECONDS, _RESET_PAUSE = 300, 3600, 60
_NO_SUCH = "No account matches these credentials."
_UNKNOWN_HASH = "$2y$10$abcdefghijklmnopqrstuuJ7f6T1S0T8qQv0m8u7i0oYkqJr0vG9K"


async def guest_session(request: Request, work: Work, panel: Panel) -> BrowserSession:
    """The browser's session, made when it has none.

    Raises:
        ApiProblem: the form did not come from our own pages.
    """
    session = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    if session is None or not session.accepts(request):
        raise ApiProblem(419, "HttpException", "CSRF token mismatch.")
    request.state.session = session
    return session


@router.get("/sanctum/csrf-cookie")
async def csrf_cookie(request: Request, work: InWork, panel: InPanel) -> Response:
    """Give the browser its session and the token its forms must carry."""
    session = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    request.state.session = session or await begin_session(work, panel.settings, request)
    return Response(status_code=204)


async def _throttle(request: Request, panel: Panel, kind: str, most: int) -> None:
    if not panel.settings.limits:
        return
    count, left = await panel.cache.hit(f"{kind}:{client_ip(request)}", _MINUTE)
    request.state.headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(most - count, 0))}
    if count > most:
        wait = str(max(int(left), 1))
        headers = {**request.state.headers, "Retry-After": wait, "X-RateLimit-Reset": str(int(time.time()) + int(wait))}
        raise ApiProblem(429, "ThrottleRequestsException", "Too many attempts. Wait a moment.", headers=headers)


async def _check_lock_out(request: Request, panel: Panel) -> None:
    count = await panel.cache.get(f"sign-in-failures:{client_ip(request)}")
    if panel.settings.limits and isinstance(count, int) and count >= _FAILURES:
        raise _LockedOut


class _LockedOutProblem(ApiProblem):
    def __init__(self) -> None:
        super().__init__(429, "ValidationException", "Too many failed attempts. Wait a minute and try again.")


_LockedOut = _LockedOutProblem()


def locked_out_response() -> Response:
    """The lock-out's own shape: status 429 with the body of a validation error."""
    error = {
        "code": "ValidationException",
        "status": "422",
        "detail": _LockedOut.detail,
        "meta": {"source_field": "email", "rule": ""},
    }
    return json_response({"errors": [error]}, 429)


async def _failed(request: Request, work: Work, panel: Panel, user: User | None, detail: str, **what: Any) -> Response:
    """Count a failure, keep it on record, and refuse."""
    key = f"sign-in-failures:{client_ip(request)}"
    count = await panel.cache.get(key)
    await panel.cache.put(key, (count or 0) + 1, _MINUTE)
    subjects = [user] if user is not None else []
    work.record("auth:fail", *subjects, **_seen(request), **what)
    return json_response({"errors": [{"code": "DisplayException", "status": "400", "detail": detail}]}, 400)


def _seen(request: Request) -> dict[str, Any]:
    return {"ip": client_ip(request), "useragent": request.headers.get("user-agent", "")}


@router.post("/auth/login")
async def login(request: Request, work: InWork, panel: InPanel) -> Response:
    """The password step."""
    session = await guest_session(request, work, panel)
    await _throttle(request, panel, "authentication", _PER_MINUTE)
    if session.user_id is not None:
        return RedirectResponse("/", 302)
    inputs = await read_inputs(request)
    name, password = inputs.get("user"), inputs.get("password")
    try:
        await _check_lock_out(request, panel)
    except ApiProblem:
        return locked_out_response()
    user = await find_user(work, str(name)) if isinstance(name, str) else None
    fits = await password_fits(str(password or ""), user.password if user else _UNKNOWN_HASH)
    if user is None or not fits:
        field = "email" if "@" in str(name or "") else "username"
        return await _failed(request, work, panel, user, _NO_SUCH, **{field: name})
    if user.use_totp:
        token = random_text(64)
        session.data["step"] = {"user": user.id, "token": token, "until": time.time() + _STEP_SECONDS}
        await save_session(work, panel.settings, session)
        work.record("auth:checkpoint", user, **_seen(request))
        return answer({"data": {"complete": False, "confirmation_token": token}})
    return await _signed_in(request, work, panel, session, user)


async def _signed_in(request: Request, work: Work, panel: Panel, session: BrowserSession, user: User) -> Response:
    """Begin a session of the user under a fresh cookie."""
    await end_session(work, session)
    fresh = await begin_session(work, panel.settings, request)
    fresh.user_id, fresh.data = user.id, {"password": password_mark(user)}
    await save_session(work, panel.settings, fresh)
    request.state.session = fresh
    await panel.cache.forget(f"sign-in-failures:{client_ip(request)}")
    work.actor = Actor(user.id, client_ip(request))
    work.record("auth:success", user, **_seen(request))
    return answer({"data": {"complete": True, "intended": "/", "user": session_user(user)}})


def session_user(user: User) -> dict[str, Any]:
    """A user as their own browser sees them."""
    return {
        "uuid": user.uuid,
        "username": user.username,
        "email": user.email,
        "name_first": user.name_first,
        "name_last": user.name_last,
        "language": user.language,
        "root_admin": user.root_admin,
        "use_totp": user.use_totp,
        "gravatar": user.gravatar,
        "created_at": raw_time(user.created_at),
        "updated_at": raw_time(user.updated_at),
    }


@router.post("/auth/login/checkpoint")
async def checkpoint(request: Request, work: InWork, panel: InPanel) -> Response:
    """The second step: a code of the authenticator, or a recovery code."""
    session = await guest_session(request, work, panel)
    await _throttle(request, panel, "authentication", _PER_MINUTE)
    if session.user_id is not None:
        return RedirectResponse("/", 302)
    inputs = await read_inputs(request)
    checker = Checker(inputs).check({"confirmation_token": "required|string"})
    code, recovery = inputs.get("authentication_code"), inputs.get("recovery_token")
    if recovery is None:
        checker.check({"authentication_code": "required|numeric"})
    if code is None:
        checker.check({"recovery_token": "required|string"})
    checker.done()
    try:
        await _check_lock_out(request, panel)
    except ApiProblem:
        return locked_out_response()
    step = session.data.get("step") or {}
    user = await work.db.get(User, step["user"]) if step and step["until"] > time.time() else None
    if user is None:
        detail = "The sign-in has expired. Please begin again."
        return await _failed(request, work, panel, None, detail)
    if not hmac.compare_digest(str(step["token"]), str(inputs["confirmation_token"])):
        return await _failed(request, work, panel, user, "The sign-in token is not valid.")
    if recovery is not None:
        used = await _use_recovery(work, user, str(recovery))
        if not used:
            return await _failed(request, work, panel, user, "The recovery code is not valid.")
        work.record("auth:recovery-token", user, **_seen(request))
    elif not user.totp_secret or not pyotp.TOTP(user.totp_secret).verify(str(code), valid_window=4):
        return await _failed(request, work, panel, user, "The code is not valid.")
    else:
        work.record("auth:token", user, **_seen(request))
    return await _signed_in(request, work, panel, session, user)


async def _use_recovery(work: Work, user: User, given: str) -> bool:
    for row in list(await work.db.scalars(select(RecoveryToken).where(RecoveryToken.user_id == user.id))):
        if await password_fits(given, row.token):
            await work.db.delete(row)
            return True
    return False


@router.post("/auth/logout")
async def logout(request: Request, work: InWork, panel: InPanel) -> Response:
    """End the session."""
    session = await guest_session(request, work, panel)
    if session.user_id is None:
        raise ApiProblem(401, "AuthenticationException", "Unauthenticated.")
    user = await work.db.get(User, session.user_id)
    if user is not None:
        user.remember_token = random_text(60)
    await end_session(work, session)
    request.state.session_ended = True
    wants_json = "json" in request.headers.get("accept", "")
    response = Response(status_code=204) if wants_json else RedirectResponse("/", 302)
    response.delete_cookie(panel.settings.session_cookie)
    response.delete_cookie("XSRF-TOKEN")
    return response


@router.post("/auth/password")
async def forgotten(request: Request, work: InWork, panel: InPanel) -> Response:
    """Mail a link for a new password; the answer does not tell whether the address is known."""
    await guest_session(request, work, panel)
    await _throttle(request, panel, "password-mail", 2)
    inputs = Checker(await read_inputs(request)).check({"email": "required|email"}).done()
    email = str(inputs["email"])
    user = await find_user(work, email)
    last = await work.db.get(PasswordReset, user.email) if user is not None else None
    if user is not None and (last is None or (work.now - last.created_at).total_seconds() >= _RESET_PAUSE):
        url = await reset_link(work, panel.settings, user)
        work.record("auth:reset-password", user, **_seen(request))
        owe(work, panel.settings, letters.password_reset(user.email, url))
    return answer({"status": "If there is an account with this address, a mail with a link is on its way."})


@router.post("/auth/password/reset")
async def reset_password(request: Request, work: InWork, panel: InPanel) -> Response:
    """Set a new password by a mailed link; everybody who was signed in is signed out."""
    session = await guest_session(request, work, panel)
    inputs = await read_inputs(request)
    checker = Checker(inputs).check({"token": "required", "email": "required|email", "password": "required|string"})
    password = inputs.get("password")
    if isinstance(password, str):
        if password != inputs.get("password_confirmation"):
            checker.fail("password", "confirmed", "The password does not match its confirmation.")
        if len(password) < 8:
            checker.fail("password", "min", "The password must be at least 8 characters.")
    checker.done()
    user = await find_user(work, str(inputs["email"]))
    row = await work.db.get(PasswordReset, user.email) if user is not None else None
    fresh = row is not None and (work.now - row.created_at).total_seconds() <= _RESET_SECONDS
    if user is None or row is None or not fresh or not await password_fits(str(inputs["token"]), row.token):
        raise ApiProblem(400, "DisplayException", "The link is not valid or has expired.")
    user.password = await hash_password(str(password), panel.settings.bcrypt_rounds)
    user.remember_token, user.updated_at = random_text(60), work.now
    await work.db.delete(row)
    await end_sessions_of(work, user.id)
    if not user.use_totp:
        await _signed_in(request, work, panel, session, user)
    return answer({"success": True, "redirect_to": "/", "send_to_login": user.use_totp})
