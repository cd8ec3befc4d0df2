"""Routes that fetch files from addresses. Source: Wings 1.11, `/api/servers/{server}/files/pull`."""

from aiohttp import web

from rookery.wings.files.paths import joined
from rookery.wings.files.pull import BadUrl, Pull, TooManyPulls, quietly
from rookery.wings.http.bodies import read_object, refused
from rookery.wings.http.lookup import OfServers
from rookery.wings.http.problems import HttpProblem, json_answer
from rookery.wings.servers.server import Server
from rookery.wings.threads import in_thread

_DISABLED = "This functionality is not currently enabled on this instance."


class PullRoutes(OfServers):
    """Handlers over the registry."""

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        base = "/api/servers/{server}/files/pull"
        return [
            web.get(base, self.listing, allow_head=False),
            web.post(base, self.begin),
            web.delete(f"{base}/{{download}}", self.cancel),
        ]

    def _server(self, request: web.Request) -> Server:
        server = super()._server(request)
        if server.node.config.api.disable_remote_download:
            raise HttpProblem(400, _DISABLED)
        return server

    async def listing(self, request: web.Request) -> web.Response:
        """What is being fetched."""
        found = [{"Identifier": pull.identifier, "Progress": pull.progress} for pull in self._server(request).pulls]
        return json_answer({"downloads": found or None})

    async def begin(self, request: web.Request) -> web.Response:
        """Fetch a file, in the background or while the caller waits."""
        server = self._server(request)
        body = await read_object(
            request, url=str, root=str, directory=str, file_name=str, use_header=bool, foreground=bool
        )
        root = body["root"] or body["directory"]
        if not body["url"] or not root:
            raise refused()
        pull = Pull(
            url=body["url"],
            root=joined(root, "", server.volume.root),
            file_name=body["file_name"] or "",
            use_header=bool(body["use_header"]),
        )
        server.volume.reserve(0)
        try:
            task = server.pulls.begin(pull, server.denylist)
        except (BadUrl, TooManyPulls) as err:
            raise HttpProblem(400, err.detail) from err
        if not body["foreground"]:
            server.spawn(quietly(task, pull.url), "pull")
            return json_answer({"identifier": pull.identifier}, 202)
        path = await task
        entry = await in_thread(server.volume.entry, path)
        return json_answer(entry.shown())

    async def cancel(self, request: web.Request) -> web.Response:
        """End a fetch."""
        self._server(request).pulls.cancel(request.match_info["download"])
        return web.Response(status=204)
