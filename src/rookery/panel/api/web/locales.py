"""Texts the original interface asks for. Source: Panel 1.11, `/locales/locale.json`; the words are ours.

Only the language and the namespaces listed here exist, so that no parameter ever becomes a path.
"""

import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response

from rookery.panel.api.problems import json_response

router = APIRouter(include_in_schema=False)
_WORDS = (
    "email email_address user_identifier password new_password confirm_password login home servers id name node"
    " connection memory cpu disk status search suspended account security ip last_activity revoke 2fa_token submit"
    " close settings configuration sftp databases memo created expires public_key api_access never sign_out"
    " admin_control required port username database new danger create select_all select_none alias primary"
    " make_primary none cancel created_at action data queued last_run next_run not_run_yet yes no delete 2fa logout"
    " admin_cp optional read_only relation owner admin subuser captcha_invalid tasks seconds minutes under_maintenance"
    " last_used enable disable save copyright"
)
_OTHERWISE = {
    "2fa": "Second factor",
    "2fa_token": "Code of the second factor",
    "admin_cp": "Administration",
    "admin_control": "Administration",
    "captcha_invalid": "The captcha was not solved.",
    "copyright": "Rookery",
    "cpu": "Processor",
    "id": "ID",
    "ip": "Address",
    "sftp": "SFTP",
    "user_identifier": "Username or e-mail address",
    "under_maintenance": "Under maintenance",
}
_DAYS = {
    "sun": "Sunday",
    "mon": "Monday",
    "tues": "Tuesday",
    "wed": "Wednesday",
    "thurs": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
}


def _strings() -> dict[str, Any]:
    words: dict[str, Any] = {word: _OTHERWISE.get(word, word.replace("_", " ").capitalize()) for word in _WORDS.split()}
    return words | {"days": _DAYS}


TEXTS: dict[str, dict[str, Any]] = {"translation": {}, "strings": _strings()}
"""Namespace to texts, in English."""


@router.get("/locales/locale.json")
async def locale(request: Request) -> Response:
    """Texts of the languages and namespaces asked for, both lists parted by spaces."""
    query = request.query_params
    spaces = [name for name in query.get("namespace", "").split() if name in TEXTS]
    if "en" in query.get("locale", "").split():
        body: Any = {"en": {name: TEXTS[name] or [] for name in spaces}} if spaces else []
    else:
        body = []
    response = json_response(body)
    response.headers["Cache-Control"] = "max-age=3600, public, stale-while-revalidate=86400"
    response.headers["ETag"] = f'"{hashlib.md5(bytes(response.body), usedforsecurity=False).hexdigest()}"'
    return response
