"""The console websocket: sign in by token, forward events, take commands.

Source: Wings 1.11 websocket, with one connection's commands handled in order, no event lost for a slow viewer but
console lines (which are counted and announced), and an invalid token told once instead of per event.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiohttp import WSMsgType, hdrs, web

from rookery.protocol.problems import NotFound, Problem
from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.events import LINES, Batch, EventName, encode_message, text_frame
from rookery.wings.http.problems import HttpProblem, json_answer
from rookery.wings.revocations import Revocation
from rookery.wings.servers.console import daemon_line, decoded
from rookery.wings.servers.registry import Registry
from rookery.wings.servers.server import Server
from rookery.wings.tokens import (
    NO_TOKEN,
    WRONG_SERVER,
    BadToken,
    ConsoleToken,
    TokenProblem,
    console_token,
    recheck,
)

log = structlog.get_logger()
GENERIC = "an unexpected error was encountered while handling this request"
BUFFER_LIMIT = 1024 * 1024
"""Bytes waiting in a viewer's socket above which console lines are left out."""
MESSAGE_LIMIT = 4 * 1024 * 1024
INCOMING = ("auth", "set state", "send command", "send logs", "send stats")
"""Events a viewer may send."""
CONTROL = ("auth success", "token expiring", "token expired", "jwt error", "daemon error")
"""Events a viewer receives about its own connection, besides those of the server."""
_CHECK_SECONDS = 30.0
_LOG_SECONDS = 5.0
_POWER_PERMISSIONS = {
    "start": "control.start",
    "stop": "control.stop",
    "kill": "control.stop",
    "restart": "control.restart",
}
_GATED = {
    str(EventName.INSTALL_OUTPUT): "admin.websocket.install",
    str(EventName.TRANSFER_LOGS): "admin.websocket.transfer",
    str(EventName.BACKUP_COMPLETED): "backup.read",
}
"""Outgoing events only holders of a permission receive."""


class ConsoleRoutes:
    """The websocket of each server."""

    def __init__(self, registry: Registry, client_ip: Callable[[web.Request], str]) -> None:
        self._registry = registry
        self._client_ip = client_ip
        self._open: dict[str, set[Connection]] = {}
        registry.node.revocations.subscribe(self._revoke)

    def routes(self) -> list[web.RouteDef]:
        """The one route of this module."""
        return [web.get("/api/servers/{server}/ws", self.connect, allow_head=False)]

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Upgrade, then serve until either side ends it."""
        try:
            server = self._registry.get(request.match_info["server"])
        except NotFound as err:
            raise HttpProblem(404, err.detail) from err
        config = server.node.config
        if not _is_upgrade(request):
            return _refusal(400, "Bad Request")
        origin = request.headers.get(hdrs.ORIGIN, "")
        if origin != config.remote and not any(entry in (origin, "*") for entry in config.allowed_origins):
            return _refusal(403, "Forbidden")
        socket = web.WebSocketResponse(max_msg_size=MESSAGE_LIMIT, compress=False, autoping=True)
        await socket.prepare(request)
        connection = Connection(server, socket, request, ip=self._client_ip(request))
        connections = self._open.setdefault(server.uuid, set())
        connections.add(connection)
        try:
            await connection.serve()
        finally:
            connections.discard(connection)
            if not connections:
                self._open.pop(server.uuid, None)
        return socket

    async def close_server(self, uuid: str) -> None:
        """Close all sockets of a server that is gone."""
        await asyncio.gather(
            *(each.close(1001, "server deleted") for each in list(self._open.get(uuid, ()))), return_exceptions=True
        )

    @property
    def viewers(self) -> int:
        """How many sockets are open."""
        return sum(map(len, self._open.values()))

    async def _revoke(self, revocation: Revocation) -> None:
        """Close a user's sockets; when the Panel did not say whose, denied tokens are noticed by themselves."""
        if revocation.user is None:
            return
        found = [
            each
            for uuid, sockets in self._open.items()
            if revocation.concerns(uuid)
            for each in sockets
            if each.user == revocation.user
        ]
        await asyncio.gather(*(each.close(1000, "") for each in found), return_exceptions=True)

    async def close_all(self) -> None:
        """Close every socket, as the node goes down."""
        await asyncio.gather(
            *(each.close(1001, "") for found in self._open.values() for each in list(found)), return_exceptions=True
        )


def _is_upgrade(request: web.Request) -> bool:
    headers = request.headers
    connection = [part.strip().lower() for part in headers.get(hdrs.CONNECTION, "").split(",")]
    return (
        headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        and "upgrade" in connection
        and headers.get("Sec-WebSocket-Version") == "13"
        and bool(headers.get("Sec-WebSocket-Key"))
    )


def _refusal(status: int, word: str) -> web.Response:
    response = json_answer({"error": word}, status, plain=True)
    assert isinstance(response.body, bytes)
    response.body = f"{word}\n".encode() + response.body
    return response


class Connection:
    """One viewer."""

    def __init__(self, server: Server, socket: web.WebSocketResponse, request: web.Request, *, ip: str) -> None:
        self._server = server
        self._socket = socket
        self._request = request
        self._ip = ip
        self._token: ConsoleToken | None = None
        self._hidden: frozenset[str] = frozenset(_GATED)
        self._told_invalid: str | None = None
        self._held: list[tuple[str, tuple[str, ...]]] = []
        self._skipped = 0
        self._draining: asyncio.Task[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._actions: set[asyncio.Task[None]] = set()

    # Life

    @property
    def user(self) -> str | None:
        """Who is signed in."""
        return self._token.user if self._token else None

    async def serve(self) -> None:
        """Handle messages in order until the socket closes."""
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    parsed = parse_message(message.data)
                    if parsed is not None:
                        await self._handle(*parsed)
        finally:
            self._server.events.unsubscribe(self._take)
            for task in (self._draining, self._timer):
                if task is not None:
                    task.cancel()

    async def close(self, code: int, reason: str) -> None:
        """End the connection from our side."""
        self._server.events.unsubscribe(self._take)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(2):
                await self._socket.close(code=code, message=reason.encode())

    # Outgoing

    def _take(self, batch: Batch) -> None:
        """Pass a batch of events on; see `events.Watcher`."""
        if not self._is_valid():
            return
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return
        if self._held or self._skipped or transport.get_write_buffer_size() > BUFFER_LIMIT:
            self._hold(batch)
        elif frames := batch.frames(self._hidden):
            transport.write(frames)

    def _hold(self, batch: Batch) -> None:
        self._skipped += batch.lines
        for name, args in batch.events:
            if name in LINES or name in self._hidden or name.partition(":")[0] in self._hidden:
                continue
            if name == EventName.STATS:
                self._held = [kept for kept in self._held if kept[0] != EventName.STATS]
            self._held.append((name, args))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(), name="viewer:drain")

    async def _drain(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            transport = self._request.transport
            if transport is None or transport.is_closing():
                return
            if transport.get_write_buffer_size() <= BUFFER_LIMIT // 2:
                break
        if self._skipped:
            notice = daemon_line(
                self._server.node.config.app_name, f"{self._skipped} lines were skipped for this slow connection."
            )
            self._send(EventName.CONSOLE_OUTPUT, notice)
        for name, args in self._held:
            self._send(name, *args)
        self._held, self._skipped = [], 0

    def _send(self, name: str, *args: str) -> None:
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.write(text_frame(encode_message(name, args)))

    def _send_together(self, messages: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """Send messages in one write, so that who reads the first has the others too."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(text_frame(encode_message(name, args)) for name, args in messages))

    def _send_checked(self, name: str, *args: str) -> None:
        """Send unless the token no longer holds."""
        if self._is_valid():
            self._send(name, *args)

    def _send_error(self, text: str, *, event: str = "daemon error") -> None:
        identifier = uuid.uuid4()
        self._send(event, f"Error Event [{identifier}]: {text}")

    # Token

    def _fault(self) -> str | None:
        """Why the token does not hold, or no longer; None while it does."""
        token = self._token
        if token is None:
            return NO_TOKEN
        try:
            recheck(self._server.node.tokens, token)
        except TokenProblem as err:
            return err.detail
        return None if token.claims.get("server_uuid") == self._server.uuid else WRONG_SERVER

    def _is_valid(self) -> bool:
        """Whether the token still holds; when it stopped to, the viewer is told once why."""
        reason = self._fault()
        if reason is None:
            self._told_invalid = None
            return True
        if reason != self._told_invalid:
            self._told_invalid = reason
            self._send("jwt error", reason)
        return False

    async def _authenticate(self, text: str) -> None:
        node = self._server.node
        try:
            token = console_token(node.tokens, node.config.token, text)
        except BadToken as err:
            self._send_error(err.detail if self._shows_errors() else GENERIC)
            return
        except TokenProblem as err:
            self._send_error(err.detail, event="jwt error")
            return
        first = self._token is None
        self._token = token
        self._hidden = frozenset(name for name, permission in _GATED.items() if not token.allows(permission))
        self._told_invalid = None
        server = self._server
        greeting: list[tuple[str, tuple[str, ...]]] = [("auth success", ())]
        if not first or self._fault() is not None:
            self._send_together(greeting)
            self._is_valid()
            return
        server.events.subscribe(self._take)
        self._send_together([*greeting, (EventName.STATUS, (str(server.state),))])
        if server.state is ProcessState.OFFLINE and not server.held_by & {"installing", "transferring"}:
            await server.fresh_disk_use()
            self._send_checked(EventName.STATS, server.stats())
        self._timer = asyncio.create_task(self._watch_expiry(), name="viewer:expiry")

    async def _watch_expiry(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if self._token is None or not self._is_valid():
                continue
            remaining = self._token.expires - time.time()
            if remaining <= 0:
                self._send("token expired")
            elif remaining <= 60:
                self._send("token expiring")

    def _shows_errors(self) -> bool:
        return self._token is not None and self._token.allows("admin.websocket.errors")

    # Incoming

    async def _handle(self, event: str, text: str) -> None:
        if event == "auth":
            await self._authenticate(text)
            return
        self._told_invalid = None  # whoever asks is told again
        if not self._is_valid():
            return
        assert self._token is not None
        match event:
            case "set state":
                self._set_state(self._token, text)
            case "send command":
                await self._send_command(self._token, text)
            case "send logs":
                await self._send_logs()
            case "send stats":
                self._send(EventName.STATS, self._server.stats())
            case _:
                return

    def _set_state(self, token: ConsoleToken, action: str) -> None:
        permission = _POWER_PERMISSIONS.get(action)
        if permission is None:
            self._send_error("attempting to handle unknown power action" if self._shows_errors() else GENERIC)
        elif token.allows(permission):
            task = self._server.spawn(self._act(PowerAction(action), token.user), "power")
            self._actions.add(task)
            task.add_done_callback(self._actions.discard)

    async def _act(self, action: PowerAction, user: str | None) -> None:
        server = self._server
        try:
            await server.power.act(action)
        except Problem as err:
            busy = err.detail.startswith("another power action")
            self._send_error(err.detail if busy or self._shows_errors() else GENERIC)
            return
        await server.node.activity.record(server.uuid, f"server:power.{action}", user=user, ip=self._ip)

    async def _send_command(self, token: ConsoleToken, text: str) -> None:
        server = self._server
        if not token.allows("control.console") or server.console is None or server.state is ProcessState.OFFLINE:
            return
        try:
            await server.send_commands(text)
        except Problem as err:
            self._send_error(err.detail if self._shows_errors() else GENERIC)
            return
        await server.node.activity.record(
            server.uuid, "server:console.command", user=token.user, ip=self._ip, command=text
        )

    async def _send_logs(self) -> None:
        server = self._server
        if server.state is ProcessState.OFFLINE or server.console is None:
            return
        try:
            async with asyncio.timeout(_LOG_SECONDS):
                lines = await server.container.tail(server.node.config.system.websocket_log_count)
        except (Problem, TimeoutError):
            self._send_error(GENERIC)
            return
        server.events.flush()
        for line in decoded(lines):
            self._send(EventName.CONSOLE_OUTPUT, line)


def parse_message(data: str | bytes) -> tuple[str, str] | None:
    """Event name and joined arguments of a message; None for what is no message."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if found is None:
        return "", ""
    if not isinstance(found, Mapping):
        return None
    lowered = {str(key).lower(): value for key, value in found.items()}
    event, args = lowered.get("event"), lowered.get("args")
    if event is not None and not isinstance(event, str):
        return None
    if args is None:
        args = []
    if not isinstance(args, list) or not all(arg is None or isinstance(arg, str) for arg in args):
        return None
    return event or "", "".join(arg or "" for arg in args)
