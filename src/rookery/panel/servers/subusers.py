"""People with rights on a server of another: invite, change, send away. Source: Panel 1.11 client API, subusers."""

import re
import secrets
import string
from collections.abc import Iterable
from functools import partial

import structlog
from sqlalchemy import delete, func, select

from rookery.panel.accounts.models import User
from rookery.panel.accounts.service import create_user
from rookery.panel.mail import letters
from rookery.panel.mail.service import owe
from rookery.panel.nodes.client import NodeClient
from rookery.panel.nodes.models import Node
from rookery.panel.servers.changes import revoke_consoles
from rookery.panel.servers.models import Server, Subuser
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.permissions import CATALOGUE
from rookery.protocol.problems import Conflict

log = structlog.get_logger()
CONNECT = "websocket.connect"
KNOWN = {f"{group}.{key}" for group, (_, keys) in CATALOGUE.items() for key in keys}
_LETTERS = string.ascii_lowercase + string.digits


class IsOwner(Conflict):
    """The address is that of the server's owner."""

    status = 400
    code = "UserIsServerOwnerException"


class IsSubuser(Conflict):
    """The person has rights on the server already."""

    status = 400
    code = "ServerSubuserExistsException"


def granted(wanted: Iterable[str]) -> list[str]:
    """The rights to store: known ones in the order asked for, once each, and always the console's connection."""
    return list(dict.fromkeys([*(right for right in wanted if right in KNOWN), CONNECT]))


async def invite(
    work: Work, settings: PanelSettings, server: Server, email: str, permissions: Iterable[str]
) -> tuple[Subuser, User]:
    """Give somebody rights on a server; who has no account gets one. They are told by mail.

    Raises:
        IsOwner: it is the owner's address.
        IsSubuser: they have rights already.
    """
    user = await work.db.scalar(select(User).where(func.lower(User.email) == email.lower()))
    if user is None:
        username = f"{_username(email)}{''.join(secrets.choice(_LETTERS) for _ in range(3))}"
        user = await create_user(
            work, settings, username=username, email=email, password=None, first_name="Server", last_name="Subuser"
        )
    if user.id == server.owner_id:
        raise IsOwner("The owner of a server has all rights on it.")
    known = select(Subuser.id).where(Subuser.user_id == user.id, Subuser.server_id == server.id)
    if await work.db.scalar(known) is not None:
        raise IsSubuser("This person has rights on the server already.")
    row = Subuser(user_id=user.id, server_id=server.id, permissions=granted(permissions))
    work.add(row)
    await work.db.flush()
    letter = letters.added_to_server(
        settings, user.email, user.name_first or user.username, server.name, server.uuid_short
    )
    owe(work, settings, letter)
    return row, user


def _username(email: str) -> str:
    """A name from an address that keeps the rules of names."""
    local = re.sub(r"[^\w.-]", "", email.partition("@")[0], flags=re.ASCII).strip("._-")
    return local[:64].lower() or "user"


async def change(work: Work, nodes: NodeClient, server: Server, row: Subuser, permissions: Iterable[str]) -> bool:
    """Overwrite somebody's rights; their open consoles end. False when nothing changes."""
    wanted = granted(permissions)
    if sorted(wanted) == sorted(row.permissions or []):
        return False
    row.permissions, row.updated_at = wanted, work.now
    await _end_consoles(work, nodes, server, row.user_id)
    return True


async def remove(
    work: Work, nodes: NodeClient, settings: PanelSettings, server: Server, row: Subuser, user: User
) -> None:
    """Take all rights; open consoles end, and they are told by mail."""
    owe(
        work, settings, letters.removed_from_server(settings, user.email, user.name_first or user.username, server.name)
    )
    await work.db.execute(delete(Subuser).where(Subuser.id == row.id))
    await _end_consoles(work, nodes, server, row.user_id)


async def _end_consoles(work: Work, nodes: NodeClient, server: Server, user_id: int) -> None:
    node = await work.db.get_one(Node, server.node_id)
    work.call(partial(revoke_consoles, nodes, node, server.uuid, user_id))
