"""Routes about backups. Source: Wings 1.11, `/api/servers/{server}/backup`."""

from aiohttp import web

from rookery.protocol.problems import Invalid
from rookery.wings.backups.bucket import WrongType
from rookery.wings.backups.service import Backups, NoBackup
from rookery.wings.http.bodies import read_object, refused
from rookery.wings.http.lookup import OfServers
from rookery.wings.http.problems import HttpProblem
from rookery.wings.servers.registry import Registry
from rookery.wings.threads import in_thread

_ADAPTERS = ("wings", "s3")


class BackupRoutes(OfServers):
    """Handlers over the registry."""

    def __init__(self, registry: Registry, backups: Backups) -> None:
        super().__init__(registry)
        self._backups = backups

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        base = "/api/servers/{server}/backup"
        return [
            web.post(base, self.create),
            web.post(f"{base}/{{backup}}/restore", self.restore),
            web.delete(f"{base}/{{backup}}", self.delete),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Make a backup in the background."""
        server = self._server(request)
        body = await read_object(request, adapter=str, uuid=str, ignore=str)
        if body["adapter"] not in _ADAPTERS:
            raise HttpProblem(400, "The backup adapter must be one of wings, s3.")
        try:
            self._backups.begin(server, body["adapter"], body["uuid"] or "", (body["ignore"] or "").split("\n"))
        except Invalid as err:
            raise HttpProblem(400, err.detail) from err
        return web.Response(status=202)

    async def restore(self, request: web.Request) -> web.Response:
        """Replace the files of the server by those of a backup."""
        server = self._server(request)
        body = await read_object(request, adapter=str, truncate_directory=bool, download_url=str)
        adapter, url = body["adapter"], body["download_url"] or ""
        if adapter not in _ADAPTERS:
            raise refused()
        if adapter == "s3" and not url:
            detail = "The download_url field is required when the backup adapter is set to S3."
            raise HttpProblem(400, detail)
        truncate = bool(body["truncate_directory"])
        try:
            await self._backups.restore(server, adapter, request.match_info["backup"], truncate=truncate, url=url)
        except NoBackup as err:
            raise HttpProblem(404, err.detail) from err
        except WrongType as err:
            raise HttpProblem(400, err.detail) from err
        return web.Response(status=202)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an archive."""
        self._server(request)
        try:
            await in_thread(self._backups.delete, request.match_info["backup"])
        except NoBackup as err:
            raise HttpProblem(404, err.detail) from err
        return web.Response(status=204)
