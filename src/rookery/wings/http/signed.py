"""Routes a browser uses by a token in the address: downloads and uploads. Source: Wings 1.11, signed routes."""

import os
import posixpath
import re
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import BodyPartReader, web

from rookery.protocol.problems import NotFound
from rookery.wings.backups.service import Backups, NoBackup
from rookery.wings.files.filling import fill
from rookery.wings.files.paths import joined
from rookery.wings.files.volume import IsFolder, clean
from rookery.wings.http.files import attachment
from rookery.wings.http.problems import HttpProblem
from rookery.wings.http.streams import send_file
from rookery.wings.servers.registry import Registry
from rookery.wings.servers.server import Server
from rookery.wings.threads import in_thread
from rookery.wings.tokens import TokenProblem, read_token

_GONE = "The requested resource was not found on this server."
_MIB = 1024 * 1024
_OTHER_DOORS = ("file_path", "backup_uuid", "permissions")
"""Claims of tokens for other routes: a token opens the one door it was made for."""


class SignedRoutes:
    """Handlers over the registry; who calls is decided by the token alone."""

    def __init__(self, registry: Registry, backups: Backups, client_ip: Any) -> None:
        self._registry = registry
        self._backups = backups
        self._client_ip = client_ip

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/download/file", self.download, allow_head=False),
            web.get("/download/backup", self.download_backup, allow_head=False),
            web.post("/upload/file", self.upload),
        ]

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file, whole or a range of it."""
        claims, server = admit(self._registry, request, "file-download", needs="file_path")
        path = clean(str(claims["file_path"]))
        if not path:
            raise HttpProblem(404, _GONE)
        server.denylist.check(path)
        try:
            descriptor, found = await in_thread(server.volume.open_file, path)
        except IsFolder as err:
            raise HttpProblem(404, _GONE) from err
        return await _send(request, descriptor, found.st_size, path)

    async def download_backup(self, request: web.Request) -> web.StreamResponse:
        """The archive of a backup kept on this node."""
        claims, _ = admit(self._registry, request, "backup-download", needs="backup_uuid")
        try:
            path = self._backups.find(str(claims["backup_uuid"]))
        except NoBackup as err:
            raise HttpProblem(404, err.detail) from err
        descriptor = await in_thread(os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return await _send(request, descriptor, os.fstat(descriptor).st_size, path.name)

    async def upload(self, request: web.Request) -> web.Response:
        """Files of a form, each written as it comes and put in place when it is whole."""
        claims, server = admit(self._registry, request, "file-upload", needs=None)
        if not request.content_type.startswith("multipart/"):
            raise HttpProblem(400, "Failed to get multipart form data from request.")
        folder = request.query.get("directory", "")
        reader = await request.multipart()
        count = 0
        try:
            while (part := await reader.next()) is not None:
                if isinstance(part, BodyPartReader) and part.name == "files" and part.filename:
                    await self._take(request, server, claims, folder, part)
                    count += 1
        except ValueError as err:
            raise HttpProblem(400, "Failed to get multipart form data from request.") from err
        if not count:
            raise HttpProblem(400, "No files were found on the request body.")
        return web.Response(status=200)

    async def _take(
        self, request: web.Request, server: Server, claims: dict[str, Any], folder: str, part: BodyPartReader
    ) -> None:
        name = posixpath.basename((part.filename or "").replace("\\", "/"))
        path = joined(folder, name, server.volume.root)
        if name == "..":
            raise NotFound("The requested resources was not found on the system.")
        server.denylist.check(path)
        limit = server.node.config.api.upload_limit
        await fill(server.volume.growing(path), _pieces(part, name, limit))
        await server.node.activity.record(
            server.uuid,
            "server:file.uploaded",
            user=claims.get("user_uuid") or None,
            ip=self._client_ip(request),
            file=name,
            directory=posixpath.normpath(folder) if folder else ".",
        )


async def _pieces(part: BodyPartReader, name: str, limit: int) -> AsyncIterator[bytes]:
    """The content of one file of a form, at most `limit` MiB."""
    left = limit * _MIB
    while chunk := await part.read_chunk(1 << 18):
        left -= len(chunk)
        if left < 0:
            raise HttpProblem(400, f"File {name} is larger than the maximum file upload size of {limit} MB.")
        yield bytes(chunk)


async def _send(request: web.Request, descriptor: int, whole: int, name: str) -> web.StreamResponse:
    """The file, or the range of it that is asked for, to be kept under its name."""
    headers = {"Content-Type": "application/octet-stream", **attachment(name)}
    first, size = _range(request, whole)
    if size != whole:
        headers["Content-Range"] = f"bytes {first}-{first + size - 1}/{whole}"
    return await send_file(request, descriptor, size, headers, first=first)


def admit(registry: Registry, request: web.Request, scope: str, *, needs: str | None) -> tuple[dict[str, Any], Server]:
    """The claims of a token in the address and its server; the token is spent.

    A token's `scope` counts when there is one; without, its claims must be those of this very route.

    Raises:
        HttpProblem: the token is none, opens another door, or was used; or there is no such server.
    """
    node = registry.node
    try:
        claims = read_token(node.config.token, request.query.get("token", ""))
    except TokenProblem as err:
        raise HttpProblem(401, "The token in the address is not valid, or has expired.") from err
    others = [name for name in _OTHER_DOORS if name != needs and claims.get(name) is not None]
    told = claims.get("scope")
    fits = scope in told.split() if isinstance(told, str) else not others
    fits = fits and (needs is None or isinstance(claims.get(needs), str))
    if node.config.rookery.require_scope and not isinstance(told, str):
        fits = False
    if not fits or not node.tokens.holds(claims) or not node.tokens.spend(str(claims.get("unique_id") or "")):
        raise HttpProblem(404, _GONE)
    try:
        return claims, registry.get(str(claims.get("server_uuid")))
    except NotFound as err:
        raise HttpProblem(404, _GONE) from err


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """First byte and number of bytes wanted; a range that cannot be read is the whole."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", "").strip())
    if not match or int(match[1]) >= size:
        return 0, size
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    return (first, last - first + 1) if last >= first else (0, size)
