"""Client API: the caller's own account, keys and second factor. Source: Panel 1.11, `/api/client/account`."""

import re
from typing import Annotated, Any
from urllib.parse import quote

import pyotp
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import delete, func, select

from rookery.panel.accounts.models import ApiKey, RecoveryToken, SshKey, User
from rookery.panel.accounts.service import CLIENT_KEY, MOST_KEYS, create_key
from rookery.panel.accounts.sessions import end_sessions_of, password_mark, save_session
from rookery.panel.accounts.ssh import BadKey, fingerprint, read_key, stored_form
from rookery.panel.api.access import (
    Caller,
    ClientCaller,
    InPanel,
    InWork,
    address_range,
    client_caller_before_two_factor,
    read_inputs,
)
from rookery.panel.api.envelope import answer, collection, item, no_content, wire_time
from rookery.panel.api.problems import ApiProblem, not_found
from rookery.panel.api.route import WorkRoute
from rookery.panel.secrets import hash_password, password_fits, random_text
from rookery.panel.validation.inputs import Checker, validate
from rookery.panel.work import Work

router = APIRouter(prefix="/api/client/account", route_class=WorkRoute, tags=["client: account"])
EarlyCaller = Annotated[Caller, Depends(client_caller_before_two_factor)]
WINDOW = 4
RECOVERY_TOKENS = 10


@router.get("")
async def view(caller: EarlyCaller) -> Response:
    """The caller."""
    user = caller.user
    return answer(
        item(
            "user",
            {
                "id": user.id,
                "admin": user.root_admin,
                "username": user.username,
                "email": user.email,
                "first_name": user.name_first,
                "last_name": user.name_last,
                "language": user.language,
            },
        )
    )


async def _check_password(user: User, given: Any) -> None:
    if not isinstance(given, str) or not await password_fits(given, user.password):
        raise ApiProblem(400, "InvalidPasswordProvidedException", "The password is not correct for this account.")


@router.put("/email")
async def change_email(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """Give the account another address."""
    inputs, user = await read_inputs(request), caller.user
    await _check_password(user, inputs.get("password"))
    checker = Checker(inputs).check({"email": "required|email|between:1,191"})
    if not checker.has("email"):
        taken = await work.db.scalar(
            select(User.id).where(func.lower(User.email) == str(inputs["email"]).lower(), User.id != user.id)
        )
        if taken is not None:
            checker.fail("email", "unique", "The email is taken already.")
    checker.done()
    if user.email != inputs["email"]:
        work.record("user:account.email-changed", user, old=user.email, new=inputs["email"])
        user.email, user.updated_at = inputs["email"], work.now
    return no_content()


@router.put("/password")
async def change_password(request: Request, work: InWork, panel: InPanel, caller: ClientCaller) -> Response:
    """Set another password; all other sessions end."""
    inputs, user = await read_inputs(request), caller.user
    await _check_password(user, inputs.get("current_password"))
    checker = Checker(inputs).check({"password": "required|string"})
    password = inputs.get("password")
    if isinstance(password, str):
        if password != inputs.get("password_confirmation"):
            checker.fail("password", "confirmed", "The password does not match its confirmation.")
        if len(password) < 8:
            checker.fail("password", "min", "The password must be at least 8 characters.")
    checker.done()
    user.password = await hash_password(str(password), panel.settings.bcrypt_rounds)
    user.remember_token, user.updated_at = random_text(60), work.now
    await end_sessions_of(work, user.id, but=caller.session)
    if caller.session is not None:
        caller.session.data["password"] = password_mark(user)
        await save_session(work, panel.settings, caller.session)
    work.record("user:account.password-changed", user)
    return no_content()


# Second factor


@router.get("/two-factor")
async def begin_two_factor(work: InWork, panel: InPanel, caller: EarlyCaller) -> Response:
    """A fresh secret to put into an authenticator."""
    user = caller.user
    if user.use_totp:
        raise ApiProblem(400, "BadRequestHttpException", "Two-factor authentication is already enabled.")
    secret = pyotp.random_base32(32)
    user.totp_secret, user.updated_at = secret, work.now
    issuer = quote(re.sub(r"\s", "", panel.settings.name), safe="")
    url = f"otpauth://totp/{issuer}:{quote(user.email, safe='')}?secret={secret}&issuer={issuer}"
    return answer({"data": {"image_url_data": url, "secret": secret}})


@router.post("/two-factor")
async def enable_two_factor(request: Request, work: InWork, caller: EarlyCaller) -> Response:
    """Switch the second factor on; answers with one-time recovery codes."""
    user = caller.user
    inputs = validate(await read_inputs(request), {"code": "required|string|size:6", "password": "required|string"})
    if not await password_fits(inputs["password"], user.password):
        raise ApiProblem(400, "BadRequestHttpException", "The password is not correct for this account.")
    if not user.totp_secret or not pyotp.TOTP(user.totp_secret).verify(inputs["code"], valid_window=WINDOW):
        raise ApiProblem(400, "TwoFactorAuthenticationTokenInvalid", "The code is not valid.")
    tokens = [random_text(10) for _ in range(RECOVERY_TOKENS)]
    await work.db.execute(delete(RecoveryToken).where(RecoveryToken.user_id == user.id))
    for token in tokens:
        hashed = await hash_password(token, 4)
        work.add(RecoveryToken(user_id=user.id, token=hashed, created_at=work.now))
    user.use_totp, user.totp_authenticated_at, user.updated_at = True, work.now, work.now
    work.record("user:two-factor.create", user)
    return answer(item("recovery_tokens", {"tokens": tokens}))


@router.post("/two-factor/disable")
@router.delete("/two-factor")
async def disable_two_factor(request: Request, work: InWork, caller: EarlyCaller) -> Response:
    """Switch the second factor off."""
    user, inputs = caller.user, await read_inputs(request)
    password = inputs.get("password")
    if not isinstance(password, str) or not await password_fits(password, user.password):
        raise ApiProblem(400, "BadRequestHttpException", "The password is not correct for this account.")
    if user.use_totp:
        user.use_totp, user.totp_authenticated_at, user.updated_at = False, work.now, work.now
        work.record("user:two-factor.delete", user)
    return no_content()


# API keys


def _key_shape(key: ApiKey) -> dict[str, Any]:
    return item(
        "api_key",
        {
            "identifier": key.identifier,
            "description": key.memo,
            "allowed_ips": key.allowed_ips,
            "last_used_at": wire_time(key.last_used_at),
            "created_at": wire_time(key.created_at),
        },
    )


@router.get("/api-keys")
async def keys(work: InWork, caller: ClientCaller) -> Response:
    """The caller's client keys."""
    rows = await work.db.scalars(
        select(ApiKey).where(ApiKey.user_id == caller.user.id, ApiKey.key_type == CLIENT_KEY).order_by(ApiKey.id)
    )
    return answer(collection(_key_shape(row) for row in rows))


@router.post("/api-keys")
async def add_key(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """A new client key; its secret half is in the answer and never shown again."""
    user = caller.user
    inputs = await read_inputs(request)
    checker = Checker(inputs).check(
        {"description": "required|string|max:500", "allowed_ips": "nullable|array|max:50", "allowed_ips.*": "string"}
    )
    addresses = inputs.get("allowed_ips")
    for at, entry in enumerate(addresses if isinstance(addresses, list) else ()):
        if checker.has(f"allowed_ips.{at}"):
            continue
        try:
            address_range(str(entry))
        except ValueError:
            checker.fail(f"allowed_ips.{at}", "", f'"{entry}" is not a valid IP address or network.')
    checker.done()
    count = await work.db.scalar(
        select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user.id, ApiKey.key_type == CLIENT_KEY)
    )
    if (count or 0) >= MOST_KEYS:
        raise ApiProblem(400, "DisplayException", f"You have reached the limit of {MOST_KEYS} API keys.")
    key, secret = await create_key(
        work, user, kind=CLIENT_KEY, memo=inputs["description"], allowed_ips=list(addresses or [])
    )
    work.record("user:api-key.create", user, key, identifier=key.identifier)
    return answer({**_key_shape(key), "meta": {"secret_token": secret}})


@router.delete("/api-keys/{identifier}")
async def remove_key(work: InWork, caller: ClientCaller, identifier: str) -> Response:
    """Delete a client key."""
    key = await work.db.scalar(
        select(ApiKey).where(
            ApiKey.user_id == caller.user.id, ApiKey.key_type == CLIENT_KEY, ApiKey.identifier == identifier
        )
    )
    if key is None:
        raise not_found()
    work.record("user:api-key.delete", caller.user, identifier=identifier)
    await work.db.delete(key)
    return no_content()


# SSH keys


def _ssh_shape(key: SshKey) -> dict[str, Any]:
    return item(
        "ssh_key",
        {
            "name": key.name,
            "fingerprint": key.fingerprint,
            "public_key": key.public_key,
            "created_at": wire_time(key.created_at),
        },
    )


@router.get("/ssh-keys")
async def ssh_keys(work: InWork, caller: ClientCaller) -> Response:
    """The caller's public keys for SFTP."""
    rows = await work.db.scalars(
        select(SshKey).where(SshKey.user_id == caller.user.id, SshKey.deleted_at.is_(None)).order_by(SshKey.id)
    )
    return answer(collection(_ssh_shape(row) for row in rows))


@router.post("/ssh-keys")
async def add_ssh_key(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """A new public key."""
    user, inputs = caller.user, await read_inputs(request)
    checker = Checker(inputs).check({"name": "required|string", "public_key": "required|string"})
    key = None
    try:
        key = read_key(str(inputs.get("public_key") or ""))
    except BadKey as err:
        checker.fail("public_key", "", str(err))
    if key is not None and await _find_ssh_key(work, user, fingerprint(key)) is not None:
        checker.fail("public_key", "", "The public key is on your account already.")
    checker.done()
    assert key is not None
    row = SshKey(user_id=user.id, name=inputs["name"][:191], fingerprint=fingerprint(key), public_key=stored_form(key))
    work.add(row)
    await work.db.flush()
    work.record("user:ssh-key.create", user, row, fingerprint=row.fingerprint)
    return answer(_ssh_shape(row))


async def _find_ssh_key(work: Work, user: User, mark: str) -> SshKey | None:
    found: SshKey | None = await work.db.scalar(
        select(SshKey).where(SshKey.user_id == user.id, SshKey.fingerprint == mark, SshKey.deleted_at.is_(None))
    )
    return found


@router.post("/ssh-keys/remove")
async def remove_ssh_key(request: Request, work: InWork, caller: ClientCaller) -> Response:
    """Delete a public key; one that is not there is fine."""
    inputs = validate(await read_inputs(request), {"fingerprint": "required|string"})
    row = await _find_ssh_key(work, caller.user, inputs["fingerprint"])
    if row is not None:
        row.deleted_at = work.now
        work.record("user:ssh-key.delete", caller.user, row, fingerprint=row.fingerprint)
    return no_content()
