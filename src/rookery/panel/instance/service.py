"""Settings an administrator changes while the Panel runs: kept in the database, in force over the environment's.

Keys are the wire's, so that a database of the reference keeps its settings.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from rookery.panel.db.base import ENCRYPTER
from rookery.panel.instance.models import Setting
from rookery.panel.secrets import Unreadable
from rookery.panel.settings import PanelSettings
from rookery.panel.validation.inputs import Checker, Inputs
from rookery.panel.work import Work

_PREFIX = "settings::"
EDITABLE: Mapping[str, str] = {
    "app:name": "name",
    "app:locale": "locale",
    "pterodactyl:auth:2fa_required": "two_factor_required",
    "recaptcha:enabled": "captcha",
    "recaptcha:website_key": "captcha_site_key",
    "recaptcha:secret_key": "captcha_secret",
    "pterodactyl:guzzle:timeout": "node_timeout",
    "pterodactyl:guzzle:connect_timeout": "node_connect_timeout",
    "pterodactyl:client_features:allocations:enabled": "client_allocations",
    "pterodactyl:client_features:allocations:range_start": "client_allocation_start",
    "pterodactyl:client_features:allocations:range_end": "client_allocation_end",
}
"""The wire's key of a setting to its name here."""
MAIL_PASSWORD = "mail:mailers:smtp:password"  # noqa: S105 - the name of a setting
_MAIL: Mapping[str, str] = {
    "mail:mailers:smtp:host": "mail_host",
    "mail:mailers:smtp:port": "mail_port",
    "mail:mailers:smtp:encryption": "mail_encryption",
    "mail:mailers:smtp:username": "mail_username",
    MAIL_PASSWORD: "mail_password",
    "mail:from:address": "mail_from_address",
    "mail:from:name": "mail_from_name",
}
"""The same for mail; in force only with a mail server."""
MAIL_RULES = {
    "mail:mailers:smtp:host": "required|string|max:191",
    "mail:mailers:smtp:port": "required|integer|between:1,65535",
    "mail:mailers:smtp:encryption": "nullable|string|in:tls,ssl",
    "mail:mailers:smtp:username": "nullable|string|max:191",
    MAIL_PASSWORD: "nullable|string|max:191",
    "mail:from:address": "required|email|max:191",
    "mail:from:name": "nullable|string|max:191",
}
_SECONDS = "required|integer|between:1,60"
_PORT = "nullable|integer|between:1024,65535"
GENERAL_RULES = {
    "app:name": "required|string|max:191",
    "pterodactyl:auth:2fa_required": "required|integer|in:0,1,2",
    "app:locale": "required|string|in:en",
}
ADVANCED_RULES = {
    "recaptcha:enabled": "required|in:true,false",
    "recaptcha:secret_key": "required|string|max:191",
    "recaptcha:website_key": "required|string|max:191",
    "pterodactyl:guzzle:timeout": _SECONDS,
    "pterodactyl:guzzle:connect_timeout": _SECONDS,
    "pterodactyl:client_features:allocations:enabled": "required|in:true,false",
    "pterodactyl:client_features:allocations:range_start": _PORT,
    "pterodactyl:client_features:allocations:range_end": _PORT,
}


async def in_force(db: AsyncSession, base: PanelSettings) -> PanelSettings:
    """The settings with what was stored over them; a stored value that fits no more is left out."""
    rows = await db.execute(select(Setting.key, Setting.value))
    known = {**EDITABLE, **_MAIL} if base.mail_mailer == "smtp" else EDITABLE
    found = {known[name]: value for key, value in rows if (name := key.removeprefix(_PREFIX)) in known}
    if "mail_password" in found:
        found["mail_password"] = _clear(found["mail_password"])
    changes: dict[str, Any] = {}
    for name, text in found.items():
        try:
            changes[name] = _value(text, type(getattr(base, name)))
        except ValueError:
            continue
    return base.model_copy(update=changes) if changes else base


def _clear(stored: str) -> str:
    """A stored password; old installations keep it as it is."""
    try:
        return ENCRYPTER.get().decrypt(stored)
    except Unreadable:
        return stored


def _value(text: str, kind: type) -> Any:
    if kind is bool:
        return text in ("true", "1", "(true)")
    return kind(text)


def check_advanced(inputs: Inputs) -> Inputs:
    """The inputs of the advanced settings.

    Raises:
        ValidationFailed: they break rules; every failure is listed.
    """
    checker = Checker(inputs).check(ADVANCED_RULES)
    prefix = "pterodactyl:client_features:allocations:"
    start, end = inputs.get(f"{prefix}range_start"), inputs.get(f"{prefix}range_end")
    if inputs.get(f"{prefix}enabled") == "true":
        for name, value in (("range_start", start), ("range_end", end)):
            if value is None:
                checker.fail(f"{prefix}{name}", "required_if", f"The {name.replace('_', ' ')} is needed.")
        if not checker.failures and int(str(end)) <= int(str(start)):
            checker.fail(f"{prefix}range_end", "gt", "The range ends before it begins.")
    return checker.done()


async def store(work: Work, inputs: Inputs, names: Iterable[str]) -> None:
    """Keep the settings called `names`; an empty one falls back to the environment's."""
    for name in names:
        key, value = f"{_PREFIX}{name}", inputs.get(name)
        await work.db.execute(delete(Setting).where(Setting.key == key))
        if value is not None:
            work.add(Setting(key=key, value=str(value)))
    await work.db.flush()
