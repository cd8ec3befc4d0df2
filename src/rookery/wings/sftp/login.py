"""Who is behind an SSH connection: a name of the Panel with a server's identifier, a password or a key.

Source: Wings 1.11 SFTP login. The Panel decides; it is asked once per key and connection.
"""

import base64
import re
from typing import Any

import asyncssh
import structlog

from rookery.protocol.problems import NotFound, Problem
from rookery.wings.servers.registry import Registry
from rookery.wings.sftp.rights import Rights

log = structlog.get_logger()
_NAME = re.compile(r"(?i).+\.[a-z0-9]{8}", re.DOTALL)
_MOST_TRIES = 6


class Login(asyncssh.SSHServer):
    """One connection before and after it is let in."""

    def __init__(self, registry: Registry, open_rights: set[Rights]) -> None:
        self._registry = registry
        self._open = open_rights
        self._connection: asyncssh.SSHServerConnection | None = None
        self._asked: dict[bytes, Rights | None] = {}
        self._tries = 0
        self.rights: Rights | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """See asyncssh."""
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncssh."""
        del exc
        if self.rights is not None:
            self._open.discard(self.rights)

    def begin_auth(self, username: str) -> bool:
        """Everybody must prove who they are."""
        del username
        return True

    def password_auth_supported(self) -> bool:
        """See asyncssh."""
        return True

    def public_key_auth_supported(self) -> bool:
        """See asyncssh."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether the Panel knows the password."""
        return self._let_in(await self._ask(username, "password", password))

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the Panel knows the key; asked before the client proves to hold it, so asked once."""
        data = key.public_data
        if data not in self._asked:
            text = key.export_public_key().decode().split()
            self._asked[data] = await self._ask(username, "public_key", f"{text[0]} {text[1]}\n")
        return self._let_in(self._asked[data])

    def _let_in(self, rights: Rights | None) -> bool:
        self.rights = rights
        if rights is not None:
            self._open.add(rights)
        return rights is not None

    async def _ask(self, username: str, kind: str, secret: str) -> Rights | None:
        connection = self._connection
        self._tries += 1
        if connection is None or self._tries > _MOST_TRIES or not _NAME.fullmatch(username):
            return None
        host, port = connection.get_extra_info("peername")[:2]
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        body = {
            "type": kind,
            "username": username,
            "password": secret,
            "ip": shown,
            "session_id": base64.b64encode(connection._session_id or b"").decode(),  # noqa: SLF001 - nowhere else
            "client_version": base64.b64encode(
                str(connection.get_extra_info("client_version") or "").encode()
            ).decode(),
        }
        try:
            found = await self._registry.node.panel.sign_in(body)
            server = self._registry.get(str(found.get("server")))
        except (Problem, NotFound) as err:
            log.info("an SFTP login was refused", ip=host, reason=err.detail)
            return None
        user = found.get("user")
        user = user if isinstance(user, str) else None
        return Rights(server, user, permissions(found), host, connection, body)


def permissions(answer: Any) -> frozenset[str]:
    """The permissions in the Panel's answer about credentials; none when it is malformed."""
    held = answer.get("permissions")
    return frozenset(word for word in held if isinstance(word, str)) if isinstance(held, list) else frozenset()
