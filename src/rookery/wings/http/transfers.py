"""Routes about moves between nodes. Source: Wings 1.11, `/api/servers/{server}/transfer` and `/api/transfers`."""

import re

from aiohttp import MultipartReader, web

from rookery.protocol.problems import Conflict, NotFound
from rookery.wings.http.bodies import read_object, refused
from rookery.wings.http.lookup import OfServers
from rookery.wings.http.problems import GENERIC, TIMED_OUT, HttpProblem
from rookery.wings.servers.registry import Registry
from rookery.wings.tokens import TokenProblem, read_token
from rookery.wings.transfers.source import Outgoing
from rookery.wings.transfers.target import Incoming

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TransferRoutes(OfServers):
    """Handlers over the registry."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._outgoing = Outgoing()
        self._incoming = Incoming(registry)

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/api/servers/{server}/transfer", self.send),
            web.delete("/api/servers/{server}/transfer", self.cancel),
            web.post("/api/transfers", self.receive),
            web.delete("/api/transfers/{server}", self.cancel_arrival),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """Send a server to another node."""
        server = self._server(request)
        body = await read_object(request, url=str, token=str, server=dict)
        if not body["url"] or not body["token"]:
            raise refused()
        if "transferring" in server.held_by:
            raise HttpProblem(409, "A transfer is already in progress for this server.")
        try:
            await self._outgoing.begin(server, body["url"], body["token"])
        except Conflict as err:
            raise HttpProblem(500, TIMED_OUT, with_request=True) from err
        return web.Response(status=202)

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop sending a server."""
        try:
            self._outgoing.cancel(self._server(request))
        except Conflict as err:
            raise HttpProblem(409, err.detail) from err
        return web.Response(status=202)

    async def receive(self, request: web.Request) -> web.Response:
        """Take a server in; the token names it."""
        word, _, token = request.headers.get("Authorization", "").partition(" ")
        if word != "Bearer" or not token:
            raise HttpProblem(401, "The required authorization heads were not present in the request.")
        uuid = self._subject(token)
        form: MultipartReader | None = None
        if request.content_type.startswith("multipart/"):
            try:
                form = await request.multipart()
            except ValueError:
                form = None
        await self._incoming.receive(uuid, form)
        return web.Response(status=200)

    def _subject(self, token: str) -> str:
        """The server a token is about.

        Raises:
            HttpProblem: the token is none, or for another door.
        """
        try:
            claims = read_token(self._registry.node.config.token, token)
        except TokenProblem as err:
            raise HttpProblem(500, GENERIC, with_request=True) from err
        subject, scope = claims.get("sub"), claims.get("scope")
        fits = "transfer" in scope.split() if isinstance(scope, str) else claims.get("server_uuid") is None
        if not fits or not isinstance(subject, str) or not _UUID.fullmatch(subject):
            raise HttpProblem(500, GENERIC, with_request=True)
        return subject

    async def cancel_arrival(self, request: web.Request) -> web.Response:
        """Stop taking a server in."""
        try:
            self._incoming.cancel(request.match_info["server"])
        except Conflict as err:
            raise HttpProblem(409, err.detail) from err
        except NotFound as err:
            raise HttpProblem(404, err.detail) from err
        return web.Response(status=202)
