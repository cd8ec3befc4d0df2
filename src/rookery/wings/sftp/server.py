"""The SFTP listener of a node. Source: Wings 1.11 SFTP: algorithms, version, channels."""

import asyncio
import contextlib
import socket
from http import HTTPStatus
from pathlib import Path

import asyncssh
import structlog

from rookery.protocol.problems import Denied, Invalid, Problem
from rookery.wings.panel.client import PanelError
from rookery.wings.revocations import Revocation
from rookery.wings.servers.registry import Registry
from rookery.wings.sftp import ciphers, wire
from rookery.wings.sftp.login import Login, permissions
from rookery.wings.sftp.rights import Rights
from rookery.wings.sftp.session import Session

log = structlog.get_logger()
_KEX = [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
]
_CIPHERS = [
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
]
_MACS = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"]
_HANDSHAKE_SECONDS = 30
_LOOK_SECONDS = 1.0
_ASK_SECONDS = 300.0
"""How often the Panel is asked again about an open connection."""
_KEEPALIVE_SECONDS = 60


class SftpListener:
    """Takes connections until it is closed; ends those whose rights have ended."""

    def __init__(self, registry: Registry, host_key: Path) -> None:
        self._registry = registry
        self._host_key = host_key
        self._open: set[Rights] = set()
        self._listener: asyncssh.SSHAcceptor | None = None
        self._watches: list[asyncio.Task[None]] = []
        registry.node.revocations.subscribe(self._revoke)

    async def start(self, listening: socket.socket) -> None:
        """Begin to take connections on a socket that listens already.

        Raises:
            Invalid: the host key cannot be used.
        """
        ciphers.install()
        wire.install()
        try:
            self._listener = await asyncssh.listen(
                sock=listening,
                server_factory=lambda: Login(self._registry, self._open),
                server_host_keys=[str(self._host_key)],
                server_version="Go",
                kex_algs=[name for name in _KEX if name in _known()],
                encryption_algs=_CIPHERS,
                mac_algs=_MACS,
                compression_algs=["none"],
                sftp_factory=_session,
                sftp_version=3,
                allow_pty=False,
                kbdint_auth=False,
                agent_forwarding=False,
                login_timeout=_HANDSHAKE_SECONDS,
                keepalive_interval=_KEEPALIVE_SECONDS,
                backlog=256,
            )
        except (asyncssh.KeyImportError, OSError, ValueError) as err:
            raise Invalid(f"The SFTP host key cannot be used: {err}.") from err
        self._watches = [
            asyncio.create_task(self._end_lapsed(), name="sftp:rights"),
            asyncio.create_task(self._ask_at_times(), name="sftp:ask"),
        ]
        host, port = listening.getsockname()[:2]
        log.info("SFTP listens", host=host, port=port)

    async def _end_lapsed(self) -> None:
        """End sessions of servers that are suspended, gone, or held by something else."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for rights in list(self._open):
                if not rights.holds():
                    self._end(rights)

    def _end(self, rights: Rights) -> None:
        self._open.discard(rights)
        rights.connection.close()

    async def _ask_at_times(self) -> None:
        """Ask the Panel about every open connection now and then, spread over the time between."""
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            for rights in list(self._open):
                await self._ask_again(rights)

    async def _revoke(self, revocation: Revocation) -> None:
        """End the connections of the user; without one, ask the Panel about all on these servers."""
        found = [each for each in self._open if revocation.concerns(each.server.uuid)]
        if revocation.user is None:
            await asyncio.gather(*map(self._ask_again, found))
            return
        for rights in found:
            if rights.user == revocation.user:
                self._end(rights)

    async def _ask_again(self, rights: Rights) -> None:
        """Take the rights the Panel tells now; a Panel that cannot answer changes nothing."""
        try:
            found = await self._registry.node.panel.sign_in(rights.asked)
        except Denied as err:
            if not (isinstance(err.__cause__, PanelError) and err.__cause__.status == HTTPStatus.TOO_MANY_REQUESTS):
                log.info("the rights of an SFTP connection ended", server=rights.server.uuid, user=rights.user)
                self._end(rights)
        except Problem:
            return
        else:
            rights.permissions = permissions(found)

    async def close(self) -> None:
        """End the listener and all connections."""
        for watch in self._watches:
            watch.cancel()
        if self._listener is not None:
            self._listener.close()
            for rights in list(self._open):
                rights.connection.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await self._listener.wait_closed()


def _known() -> set[str]:
    from asyncssh.kex import get_kex_algs

    return {name.decode() for name in get_kex_algs()}


def _session(channel: "asyncssh.SSHServerChannel[bytes]") -> Session:
    login = channel.get_connection().get_owner()
    assert isinstance(login, Login)
    assert login.rights is not None
    return Session(channel, login.rights)
