"""Users and their keys: what may be done with them."""

import hashlib
import uuid
from typing import Any

from sqlalchemy import delete, func, or_, select

from rookery.panel.accounts.models import ApiKey, User
from rookery.panel.accounts.passwords import reset_link
from rookery.panel.mail import letters
from rookery.panel.mail.service import owe
from rookery.panel.secrets import hash_password, random_text
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.validation.inputs import Checker, Inputs
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict

RESOURCES = (
    "servers",
    "nodes",
    "allocations",
    "users",
    "locations",
    "nests",
    "eggs",
    "database_hosts",
    "server_databases",
)
"""What application keys grant rights on."""
CLIENT_KEY, APPLICATION_KEY = 1, 2
MOST_KEYS = 25


class OwnsServers(Conflict):
    """The user still owns servers."""

    status = 400
    code = "DisplayException"


async def check_user(work: Work, inputs: Inputs, *, user: User | None = None) -> Inputs:
    """The inputs of a user form.

    Raises:
        ValidationFailed: they break rules; every failure is listed.
    """
    checker = Checker(inputs).check(
        {
            "external_id": "nullable|string|max:191",
            "email": "required|email|between:1,191",
            "username": "required|between:1,191|p_username",
            "first_name": "required|string|between:1,191",
            "last_name": "required|string|between:1,191",
            "password": "nullable|string",
            "language": "sometimes|string|in:en,de",
            "root_admin": "sometimes|boolean",
        }
    )
    for name, column in (("external_id", User.external_id), ("email", User.email), ("username", User.username)):
        value = inputs.get(name)
        if value is None or checker.has(name):
            continue
        statement = select(User.id).where(func.lower(column) == str(value).lower())
        if user is not None:
            statement = statement.where(User.id != user.id)
        if await work.db.scalar(statement) is not None:
            checker.fail(name, "unique", f"The {name.replace('_', ' ')} is taken already.")
    return checker.done()


async def create_user(
    work: Work,
    settings: PanelSettings,
    *,
    username: str,
    email: str,
    password: str | None,
    first_name: str = "",
    last_name: str = "",
    root_admin: bool = False,
    language: str = "en",
    external_id: str | None = None,
) -> User:
    """A new user; without a password nobody can sign in until one is set."""
    user = User(
        external_id=external_id,
        uuid=str(uuid.uuid4()),
        username=username.lower(),
        email=email,
        name_first=first_name or username,
        name_last=last_name or username,
        password=await hash_password(password or random_text(40), settings.bcrypt_rounds),
        language=language,
        root_admin=root_admin,
        use_totp=False,
    )
    work.add(user)
    await work.db.flush()
    setup = await reset_link(work, settings, user) if not password else None
    name = f"{user.name_first} {user.name_last}"
    owe(work, settings, letters.account_created(settings, email, name, user.username, setup))
    return user


async def delete_user(work: Work, user: User) -> None:
    """Delete a user who owns nothing.

    Raises:
        OwnsServers: they own servers.
    """
    if await work.db.scalar(select(func.count()).select_from(Server).where(Server.owner_id == user.id)):
        raise OwnsServers("A user who owns servers cannot be deleted.")
    await work.db.execute(delete(User).where(User.id == user.id))


async def find_user(work: Work, name: str) -> User | None:
    """A user by name or e-mail address, in any case."""
    wanted = name.strip().lower()
    found: User | None = await work.db.scalar(
        select(User).where(or_(func.lower(User.username) == wanted, func.lower(User.email) == wanted))
    )
    return found


async def create_key(
    work: Work,
    user: User,
    *,
    kind: int,
    memo: str,
    allowed_ips: list[str] | None = None,
    grants: dict[str, int] | None = None,
) -> tuple[ApiKey, str]:
    """A new API key and its secret half, which is never shown again."""
    secret = random_text(32)
    rights: dict[str, Any] = {f"r_{name}": value for name, value in (grants or {}).items()}
    key = ApiKey(
        user_id=user.id,
        key_type=kind,
        identifier=("ptlc_" if kind == CLIENT_KEY else "ptla_") + random_text(11),
        token=secret,
        allowed_ips=allowed_ips if allowed_ips is not None else [],
        memo=memo,
        **rights,
    )
    work.add(key)
    await work.db.flush()
    return key, secret


async def deployment_key(work: Work, user: User) -> ApiKey:
    """The user's key with which daemons fetch their configuration.

    Any of theirs that reads nodes and does not write them; made when there is none.
    """
    key: ApiKey | None = await work.db.scalar(
        select(ApiKey)
        .where(ApiKey.user_id == user.id, ApiKey.key_type == APPLICATION_KEY, ApiKey.r_nodes == 1)
        .order_by(ApiKey.id)
        .limit(1)
    )
    if key is None:
        grants = {name: int(name == "nodes") for name in RESOURCES}
        memo = "Automatically generated node deployment key."
        key, _ = await create_key(work, user, kind=APPLICATION_KEY, memo=memo, grants=grants)
    return key


def picture_mark(email: str) -> str:
    """What stands for an address in the address of its picture."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
