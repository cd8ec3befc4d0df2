"""Routes about servers: list, create, view, power, commands, sync, install, delete."""

import re

from aiohttp import web

from rookery.protocol.problems import NotFound, Problem
from rookery.protocol.states import PowerAction
from rookery.wings.http.bodies import read_object, texts
from rookery.wings.http.lookup import OfServers
from rookery.wings.http.problems import GENERIC, HttpProblem, json_answer
from rookery.wings.revocations import Revocation
from rookery.wings.runtime.base import NoSuchContainer
from rookery.wings.servers.console import decoded
from rookery.wings.servers.install import install, reinstall
from rookery.wings.servers.server import Server, SyncFailed

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_LOG_LINES = 100
_LONGEST_WAIT = 300
_DEFAULT_WAIT = 30


class ServerRoutes(OfServers):
    """Handlers over the registry."""

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        one = "/api/servers/{server}"
        return [
            web.get("/api/servers", self.list, allow_head=False),
            web.post("/api/servers", self.create),
            web.get(one, self.view, allow_head=False),
            web.delete(one, self.delete),
            web.get(f"{one}/logs", self.logs, allow_head=False),
            web.post(f"{one}/power", self.power),
            web.post(f"{one}/commands", self.commands),
            web.post(f"{one}/sync", self.sync),
            web.post(f"{one}/install", self.install),
            web.post(f"{one}/reinstall", self.reinstall),
            web.post(f"{one}/ws/deny", self.deny),
        ]

    async def list(self, _request: web.Request) -> web.Response:
        """All servers of the node."""
        return json_answer([server.shown() for server in self._registry])

    async def create(self, request: web.Request) -> web.Response:
        """Take in a new server; it installs in the background."""
        body = await read_object(request, uuid=str, start_on_completion=bool)
        if not _UUID4.fullmatch(body["uuid"] or ""):
            raise HttpProblem(422, "The data provided in the request could not be validated.")
        try:
            await self._registry.create(body["uuid"], start=bool(body["start_on_completion"]))
        except NotFound as err:
            raise HttpProblem(500, GENERIC, with_request=True) from err
        return web.Response(status=202)

    async def view(self, request: web.Request) -> web.Response:
        """One server."""
        return json_answer(self._server(request).shown())

    async def delete(self, request: web.Request) -> web.Response:
        """End a server and delete what belongs to it."""
        await self._registry.delete(self._server(request))
        return web.Response(status=204)

    async def logs(self, request: web.Request) -> web.Response:
        """The last console lines from the engine's log."""
        server, size = self._server(request), request.query.get("size", "")
        wanted = int(size) if re.fullmatch(r"\d{1,6}", size) else 0
        try:
            lines = await server.container.tail(wanted if 0 < wanted <= _LOG_LINES else _LOG_LINES)
        except NoSuchContainer:
            lines = []
        return json_answer({"data": decoded(lines) or None})

    async def power(self, request: web.Request) -> web.Response:
        """Start, stop, restart or kill in the background."""
        server = self._server(request)
        body = await read_object(request, action=str, wait_seconds=int)
        if body["action"] not in set(PowerAction):
            raise HttpProblem(
                422,
                'The power action provided was not valid, should be one of "stop", "start", "restart", "kill"',
            )
        action, wait = PowerAction(body["action"]), body["wait_seconds"] or 0
        if action in (PowerAction.START, PowerAction.RESTART) and server.suspended:
            raise HttpProblem(400, "Cannot start or restart a server that is suspended.")
        wait = _DEFAULT_WAIT if not 0 <= wait <= _LONGEST_WAIT else wait
        server.spawn(self._registry.act_quietly(server, action, wait=wait), "power")
        return web.Response(status=202)

    async def commands(self, request: web.Request) -> web.Response:
        """Type lines into the console."""
        server = self._server(request)
        if server.console is None:
            raise HttpProblem(502, "Cannot send commands to a stopped server instance.")
        body = await read_object(request, commands=list)
        if commands := texts(body["commands"]):
            await server.send_commands(*commands)
        return web.Response(status=204)

    async def sync(self, request: web.Request) -> web.Response:
        """Fetch the server's configuration anew."""
        server = self._server(request)
        try:
            await server.sync()
        except SyncFailed as err:
            if isinstance(err.cause, NotFound):
                raise HttpProblem(500, GENERIC, with_request=True) from err
            raise err.cause from err
        return web.Response(status=204)

    async def install(self, request: web.Request) -> web.Response:
        """Fetch the configuration and run the egg's script in the background."""
        server = self._server(request)
        server.spawn(self._sync_and_install(server), "install")
        return web.Response(status=202)

    async def _sync_and_install(self, server: Server) -> None:
        try:
            await server.sync()
        except Problem:
            await server.node.reports.owe(
                server.uuid, f"/servers/{server.uuid}/install", {"successful": False, "reinstall": False}
            )
            return
        await install(server)

    async def reinstall(self, request: web.Request) -> web.Response:
        """Stop the server and run the egg's script again in the background."""
        server = self._server(request)
        if server.power.busy:
            raise HttpProblem(409, "Cannot execute server reinstall event while another power action is running.")
        server.spawn(reinstall(server), "reinstall")
        return web.Response(status=202)

    async def deny(self, request: web.Request) -> web.Response:
        """Refuse console tokens that were issued before now, and ask again about everyone's SFTP."""
        server = self._server(request)
        body = await read_object(request, jtis=list)
        node = self._registry.node
        node.tokens.deny(texts(body["jtis"]))
        await node.revocations.tell(Revocation(None, frozenset((server.uuid,))))
        return web.Response(status=204)
