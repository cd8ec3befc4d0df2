"""Who is calling: session cookie, API key or node token; and what they may touch.

Every route gets its objects through one of these dependencies, which also prove the right to them. The order of checks
is the wire's. Source: Panel 1.11 request pipeline.
"""

import contextlib
import ipaddress
import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import bindparam, select, update
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rookery.panel.accounts.models import ApiKey, User
from rookery.panel.accounts.sessions import BrowserSession, find_session
from rookery.panel.api.problems import ApiProblem, not_found, unauthenticated
from rookery.panel.nodes.models import Node
from rookery.panel.panel import Panel
from rookery.panel.servers.models import Server, ServerTransfer, Subuser
from rookery.panel.work import Actor, Work
from rookery.protocol.claims import same_secret
from rookery.protocol.permissions import ADMIN_PERMISSIONS

_USED_SECONDS = 60.0
_KEY_AND_USER = (
    select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(ApiKey.identifier == bindparam("identifier"))
)
_SAFE = {"GET", "HEAD", "OPTIONS"}
_UNTRIMMED = {"password", "password_confirmation"}


@dataclass(slots=True)
class Caller:
    """A user and by what they called: an API key, or a browser's session."""

    user: User
    key: ApiKey | None = None
    session: BrowserSession | None = None


@dataclass(slots=True)
class ServerAccess:
    """A server and what the caller may do with it."""

    server: Server
    node: Node
    caller: Caller
    permissions: list[str]
    is_owner: bool
    child: Any = None
    """What the path names below the server: a row of it."""

    def allows(self, permission: str) -> bool:
        """Whether the caller has a permission on this server."""
        return "*" in self.permissions or permission in self.permissions

    def require(self, permission: str) -> None:
        """Check a permission.

        Raises:
            ApiProblem: the caller lacks it.
        """
        if not self.allows(permission):
            raise ApiProblem(403, "AccessDeniedHttpException", "You do not have permission to do this on this server.")


def panel_of(request: Request) -> Panel:
    """The running Panel."""
    panel: Panel = request.app.state.panel
    return panel


def work_of(request: Request) -> Work:
    """The request's transaction."""
    work: Work = request.state.work
    return work


InWork = Annotated[Work, Depends(work_of)]
InPanel = Annotated[Panel, Depends(panel_of)]


def client_ip(request: Request) -> str:
    """The caller's address; forwarding headers were resolved by the outer layer."""
    return request.client.host if request.client else "127.0.0.1"


# Inputs


async def read_inputs(request: Request) -> dict[str, Any]:
    """Query and body as one bag, trimmed, empty texts as null; the body wins. Kept for the request.

    Raises:
        ApiProblem: a JSON body does not parse.
    """
    kept: dict[str, Any] | None = getattr(request.state, "inputs", None)
    if kept is not None:
        return kept
    bag: dict[str, Any] = {}
    for key, value in request.query_params.multi_items():
        _put(bag, key, value)
    kind = request.headers.get("content-type", "").lower()
    if "/json" in kind or "+json" in kind:
        raw = await request.body()
        if raw.strip():
            try:
                body = json.loads(raw)
            except ValueError as err:
                raise ApiProblem(400, "BadRequestHttpException", "The JSON data does not parse.") from err
            if isinstance(body, Mapping):
                bag |= body
    elif kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        await request.body()  # kept, as routes that take any content read it again
        with contextlib.suppress(HTTPException):  # what is called a form and is none has no fields
            for key, uploaded in (await request.form()).multi_items():
                _put(bag, key, uploaded)
    request.state.inputs = _cleaned(bag, top=True)
    return request.state.inputs  # type: ignore[no-any-return]  # set one line above


def _put(bag: dict[str, Any], key: str, value: Any) -> None:
    """`a[b][]=x` as nested values, the way PHP reads it."""
    parts = re.findall(r"[^\[\]]+|\[\]", key.replace("][", "[").replace("]", "]"))
    names = re.match(r"^[^\[]+", key)
    inner = re.findall(r"\[([^\]]*)\]", key)
    if names is None or not parts:
        return
    here: Any = bag
    path = [names[0], *inner]
    for name, following in itertools.pairwise(path):
        fresh: Any = [] if following == "" else {}
        if isinstance(here, list):
            here.append(fresh)
            here = fresh
        else:
            here = here.setdefault(name, fresh)
            if not isinstance(here, dict | list):
                return
    last = path[-1]
    if isinstance(here, list):
        here.append(value)
    elif last:
        here[last] = value


def _cleaned(value: Any, *, top: bool = False) -> Any:
    if isinstance(value, str):
        stripped = value.strip()
        return stripped or None
    if isinstance(value, Mapping):
        return {
            str(key): (inner or None) if top and key in _UNTRIMMED and isinstance(inner, str) else _cleaned(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return value


# Callers


async def _find_caller(request: Request) -> Caller:
    panel, work = panel_of(request), work_of(request)
    session = await find_session(work, request.cookies.get(panel.settings.session_cookie))
    if session is not None:
        request.state.session = session
        if request.method not in _SAFE and not session.accepts(request):
            raise ApiProblem(419, "HttpException", "CSRF token mismatch.")
        if session.user_id is not None:
            user = await work.db.get(User, session.user_id)
            if user is not None and session.fits(user):
                return Caller(user, session=session)
    key, user = await _find_key(work, request.headers.get("authorization", ""))
    return Caller(user, key=key)


async def _find_key(work: Work, header: str) -> tuple[ApiKey, User]:
    word, _, token = header.partition(" ")
    token = token.strip()
    if word.lower() != "bearer" or len(token) <= 16:
        raise unauthenticated()
    found = (await work.db.execute(_KEY_AND_USER, {"identifier": token[:16]})).first()
    if found is None:
        raise unauthenticated()
    key, user = found
    if key.key_type not in (1, 2) or not same_secret(key.token, token[16:]):
        raise unauthenticated()
    if key.expires_at is not None and key.expires_at < work.now:
        raise unauthenticated()
    return key, user


async def _admit(request: Request, *, two_factor_exempt: bool) -> Caller:
    caller = await _find_caller(request)
    panel, work = panel_of(request), work_of(request)
    await read_inputs(request)
    level = panel.settings.two_factor_required
    if not two_factor_exempt and not caller.user.use_totp and (level == 2 or (level == 1 and caller.user.root_admin)):
        raise ApiProblem(
            400, "TwoFactorAuthRequiredException", "Your account must use two-factor authentication to continue."
        )
    work.actor = Actor(caller.user.id, client_ip(request), caller.key.id if caller.key else None)
    if caller.key is not None:
        await _note_use(panel, work, caller.key)
        _check_address(work, caller.key, caller.user)
    return caller


def _check_address(work: Work, key: ApiKey, user: User) -> None:
    if not key.allowed_ips or address_allowed(work.actor.ip, key.allowed_ips):
        return
    work.record("auth:ip-blocked", user, key, identifier=key.identifier)
    raise ApiProblem(403, "AccessDeniedHttpException", "This address may not use this API key.", headers={"keep": "1"})


def address_allowed(address: str, entries: list[str]) -> bool:
    """Whether an address is in a list of addresses, networks, ranges, wildcards and `address netmask` pairs."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(_in_entry(found, entry) for entry in entries)


def _in_entry(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    try:
        low, high = address_range(entry)
    except ValueError:
        return False
    return low.version == address.version and int(low) <= int(address) <= int(high)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_range(entry: str) -> tuple[Address, Address]:
    """First and last address of an entry.

    Raises:
        ValueError: it is none of the known forms.
    """
    text = entry.strip()
    if "-" in text:
        low, high = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
        if low.version != high.version or int(low) > int(high):
            raise ValueError(entry)
        return low, high
    if "*" in text:
        return ipaddress.ip_address(text.replace("*", "0")), ipaddress.ip_address(text.replace("*", "255"))
    network = ipaddress.ip_network(text.replace(" ", "/"), strict=False)
    return network[0], network[-1]


async def _note_use(panel: Panel, work: Work, key: ApiKey) -> None:
    """Keep when a key was last used, at most once a minute, outside the request's transaction."""
    if await panel.cache.get(f"key-used:{key.id}") is not None:
        return
    await panel.cache.put(f"key-used:{key.id}", time.monotonic(), _USED_SECONDS)
    async with work.sessions() as session:
        await session.execute(
            update(ApiKey)
            .where(ApiKey.id == key.id)
            .values(last_used_at=datetime.now(UTC), updated_at=datetime.now(UTC))
        )
        await session.commit()


async def client_caller(request: Request) -> Caller:
    """A user of the client API, within the request limit."""
    return await _client_caller(request, two_factor_exempt=False)


async def client_caller_before_two_factor(request: Request) -> Caller:
    """The same on the routes that set up a second factor."""
    return await _client_caller(request, two_factor_exempt=True)


async def _client_caller(request: Request, *, two_factor_exempt: bool) -> Caller:
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:  # a route with a limit of its own has asked before; it counts once
        return known
    caller = await _admit(request, two_factor_exempt=two_factor_exempt)
    panel = panel_of(request)
    await _limit(request, panel, f"client:{caller.user.uuid}", panel.settings.limit_client, 60)
    if caller.key is not None and caller.key.key_type == 2 and "server" not in request.path_params:
        raise _application_key_refused()
    request.state.caller = caller
    return caller


def _application_key_refused() -> ApiProblem:
    return ApiProblem(403, "AccessDeniedHttpException", "Application keys cannot be used on the client API.")


async def _limit(request: Request, panel: Panel, key: str, most: int, seconds: float) -> None:
    if not panel.settings.limits or not most:
        return
    count, left = await panel.cache.hit(f"limit:{key}", seconds)
    headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(most - count, 0))}
    request.state.headers = headers
    if count > most:
        wait = str(max(int(left), 1))
        raise ApiProblem(
            429,
            "ThrottleRequestsException",
            "Too many requests were sent. Wait a moment.",
            headers={**headers, "Retry-After": wait, "X-RateLimit-Reset": str(int(time.time()) + int(wait))},
        )


async def limit_route(request: Request, name: str, most: int, seconds: float) -> None:
    """A limit of one route beside that of its API, per user."""
    caller = await client_caller(request)
    await _limit(request, panel_of(request), f"{name}:{caller.user.uuid}", most, seconds)


ClientCaller = Annotated[Caller, Depends(client_caller)]


# Servers of the client API


async def find_server(work: Work, identifier: str) -> tuple[Server, Node] | None:
    """A server by its uuid or short identifier, with its node."""
    column = Server.uuid_short if len(identifier) == 8 else Server.uuid
    found = (
        await work.db.execute(select(Server, Node).join(Node, Node.id == Server.node_id).where(column == identifier))
    ).first()
    return None if found is None else (found[0], found[1])


Child = Callable[[Request, Work, Server], Awaitable[Any]]
"""Finds what the path names below a server, or None; a row of another server is found too."""


async def open_server(request: Request, *, check_state: bool = True, child: Child | None = None) -> ServerAccess:
    """The server of the path, when the caller may see it and it is in a state to be used, with what is below it."""
    caller = await client_caller(request)
    work = work_of(request)
    found = await find_server(work, request.path_params["server"])
    if found is None:
        raise not_found()
    server, node = found
    below = await child(request, work, server) if child is not None else None
    if child is not None and below is None:
        raise not_found()
    if caller.key is not None and caller.key.key_type == 2:
        raise _application_key_refused()
    is_owner = server.owner_id == caller.user.id
    if caller.user.root_admin:
        permissions = list(ADMIN_PERMISSIONS)
    elif is_owner:
        permissions = ["*"]
    else:
        stored = await work.db.scalar(
            select(Subuser.permissions).where(Subuser.user_id == caller.user.id, Subuser.server_id == server.id)
        )
        if stored is None:
            raise ApiProblem(404, "NotFoundHttpException", "The requested resource does not exist on this server.")
        permissions = list(stored)
    access = ServerAccess(server, node, caller, permissions, is_owner, below)
    if check_state and (conflict := await conflict_of(work, server, node)):
        raise ApiProblem(409, "ServerStateConflictException", conflict[1])
    if below is not None and below.server_id != server.id:
        raise not_found()
    return access


async def conflict_of(work: Work, server: Server, node: Node) -> tuple[str, str] | None:
    """Why a server cannot be used now: a word and a sentence; None when it can."""
    if server.status == "suspended":
        return "suspended", "This server is suspended."
    if node.maintenance_mode:
        return "maintenance", "The node of this server is under maintenance."
    if not server.is_installed:
        return "installing", "The installation of this server is not finished."
    if server.status == "restoring_backup":
        return "restoring", "A backup is being restored on this server."
    moving = await work.db.scalar(
        select(ServerTransfer.id)
        .where(ServerTransfer.server_id == server.id, ServerTransfer.successful.is_(None))
        .limit(1)
    )
    return ("transferring", "This server is being moved to another node.") if moving is not None else None


class ServerFor:
    """Dependency: the server of the path, for callers with a permission.

    `permission` None asks only for access; `any_state` lets a suspended or installing server through; `child` finds
    what the path names below the server.
    """

    def __init__(self, permission: str | None = None, *, any_state: bool = False, child: Child | None = None) -> None:
        self.permission = permission
        self.any_state = any_state
        self.child = child

    async def __call__(self, request: Request) -> ServerAccess:
        """See the class."""
        access = await open_server(request, check_state=not self.any_state, child=self.child)
        if self.permission is not None:
            access.require(self.permission)
        return access


# Application API


class AdminKey:
    """Dependency: an administrator, by a key with a grant on `resource` (1 read, 2 write) or otherwise."""

    def __init__(self, resource: str, needed: int, *models: Callable[[Request], Awaitable[Any]]) -> None:
        self.resource = resource
        self.needed = needed
        self.models = models

    async def __call__(self, request: Request) -> Caller:
        """See the class; `models` look up what the path names first, as the wire does."""
        caller = await _admit(request, two_factor_exempt=False)
        panel = panel_of(request)
        await _limit(request, panel, f"application:{caller.user.uuid}", panel.settings.limit_application, 60)
        for model in self.models:
            await model(request)
        if not caller.user.root_admin:
            raise ApiProblem(403, "AccessDeniedHttpException", "This account does not have permission to use the API.")
        if not grants(caller, self.resource, self.needed):
            raise ApiProblem(403, "AccessDeniedHttpException", "This action is unauthorized.")
        return caller


def grants(caller: Caller, resource: str, needed: int) -> bool:
    """Whether the caller's key allows reading (1) or writing (2) a resource; keys of accounts and sessions do."""
    key = caller.key
    return key is None or key.key_type != 2 or bool(getattr(key, f"r_{resource}") & needed)


async def session_admin(request: Request) -> Caller:
    """An administrator, for our own administrative routes: by session, account key or unrestricted key."""
    caller = await _admit(request, two_factor_exempt=False)
    if not caller.user.root_admin:
        raise ApiProblem(403, "AccessDeniedHttpException", "Only administrators may do this.")
    if caller.key is not None and caller.key.key_type == 2 and not grants(caller, "eggs", 2):
        raise ApiProblem(403, "AccessDeniedHttpException", "This action is unauthorized.")
    return caller


SessionAdmin = Annotated[Caller, Depends(session_admin)]


# Remote API


async def calling_node(request: Request) -> Node:
    """The node whose token was given."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    if word != "Bearer" or not token:
        raise ApiProblem(
            401, "HttpException", "Access to this resource needs a token.", headers={"WWW-Authenticate": "Bearer"}
        )
    parts = token.split(".")
    if len(parts) != 2 or not all(parts):
        raise ApiProblem(400, "BadRequestHttpException", "The token has not the form of a node's token.")
    node = await work_of(request).db.scalar(select(Node).where(Node.daemon_token_id == parts[0]))
    if node is None or not same_secret(node.daemon_token, parts[1]):
        raise ApiProblem(403, "AccessDeniedHttpException", "You are not authorized to access this resource.")
    return node


CallingNode = Annotated[Node, Depends(calling_node)]


async def server_of_node(request: Request, node: CallingNode) -> Server:
    """The server of the path, when it is on the calling node or moving from or to it; 404 for any other."""
    work = work_of(request)
    found = await find_server(work, request.path_params["uuid"])
    if found is not None and found[0].node_id == node.id:
        return found[0]
    if found is not None:
        moving = await work.db.scalar(
            select(ServerTransfer.id).where(
                ServerTransfer.server_id == found[0].id,
                ServerTransfer.successful.is_(None),
                (ServerTransfer.new_node == node.id) | (ServerTransfer.old_node == node.id),
            )
        )
        if moving is not None:
            return found[0]
    raise ApiProblem(404, "RecordNotFoundException", "The server is not on this node.")


ServerOfNode = Annotated[Server, Depends(server_of_node)]
