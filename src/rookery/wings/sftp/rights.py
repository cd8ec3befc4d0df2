"""What one signed-in connection may do now."""

from dataclasses import dataclass, field
from typing import Any

import asyncssh

from rookery.wings.servers.server import Server


@dataclass(slots=True, eq=False)
class Rights:
    """A user on a server, by one connection."""

    server: Server
    user: str | None
    permissions: frozenset[str]
    ip: str
    connection: asyncssh.SSHServerConnection
    asked: dict[str, Any] = field(repr=False)
    """What the Panel was asked, to ask it again while the connection lasts."""

    def require(self, permission: str) -> None:
        """Check a permission; nobody has any while the server is suspended or held by something else.

        Raises:
            SFTPPermissionDenied: they lack it.
        """
        if not self.holds() or not (permission in self.permissions or "*" in self.permissions):
            raise asyncssh.SFTPPermissionDenied("permission denied")

    def holds(self) -> bool:
        """Whether the server can be used at all."""
        return not (self.server.suspended or self.server.removed or self.server.held_by)
