"""Routes about a server's files. Source: Wings 1.11, `/api/servers/{server}/files`."""

import os
import re
from typing import Any

from aiohttp import web

from rookery.protocol.problems import Problem
from rookery.wings.files.archives import compress
from rookery.wings.files.beneath import Outside
from rookery.wings.files.formats import UnknownFormat
from rookery.wings.files.listing import shown_together
from rookery.wings.files.mime import SNIFFED, sniff, sniff_short
from rookery.wings.files.paths import joined, strict
from rookery.wings.files.unpack import unpack
from rookery.wings.files.volume import IsFolder, Missing, NoDiskSpace, Taken, Volume, clean
from rookery.wings.http.bodies import read_object, refused, texts
from rookery.wings.http.lookup import OfServers
from rookery.wings.http.problems import HttpProblem, json_answer
from rookery.wings.http.streams import receive, send_file
from rookery.wings.threads import in_thread

_FULL = "This server does not have enough available disk space to generate a compressed archive."
_IS_FOLDER = "Cannot write file, name conflicts with an existing directory by the same name."


class FileRoutes(OfServers):
    """Handlers over the registry."""

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        base = "/api/servers/{server}/files"
        return [
            web.get(f"{base}/contents", self.contents, allow_head=False),
            web.get(f"{base}/list-directory", self.listing, allow_head=False),
            web.put(f"{base}/rename", self.rename),
            web.post(f"{base}/copy", self.copy),
            web.post(f"{base}/write", self.write),
            web.post(f"{base}/create-directory", self.create_folder),
            web.post(f"{base}/delete", self.delete),
            web.post(f"{base}/compress", self.compress),
            web.post(f"{base}/decompress", self.decompress),
            web.post(f"{base}/chmod", self.chmod),
        ]

    async def contents(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file."""
        server = self._server(request)
        path = strict(request.query.get("file", "").lstrip("/"))
        server.denylist.check(path)
        descriptor, found, head = await in_thread(_begin, server.volume, path or ".")
        headers = {"X-Mime-Type": sniff(head), "Content-Type": sniff_short(head)}
        if not head:
            headers.pop("Content-Type")
        if request.query.get("download"):
            headers |= {"Content-Type": "application/octet-stream", **attachment(path)}
        return await send_file(request, descriptor, found.st_size, headers)

    async def listing(self, request: web.Request) -> web.Response:
        """The entries of a directory."""
        server = self._server(request)
        volume = server.volume
        path = strict(request.query.get("directory", ""), volume.root)
        shown = await in_thread(lambda: shown_together(volume.list(path)))
        return web.Response(body=shown, headers={"Content-Type": "application/json; charset=utf-8"})

    async def rename(self, request: web.Request) -> web.Response:
        """Rename and move entries."""
        server = self._server(request)
        body = await read_object(request, root=str, files=list)
        pairs = [_fields(item, "from", "to") for item in body["files"] or ()]
        if not pairs:
            raise HttpProblem(422, "No files to move or rename were provided.")
        root, here = body["root"] or "", server.volume.root
        moves = [(joined(root, old, here), joined(root, new, here)) for old, new in pairs]
        for old, new in moves:
            server.denylist.check(old)
            server.denylist.check(new)
        failed: Problem | None = None
        for old, new in moves:  # one that fails keeps none of the others
            try:
                await in_thread(_rename, server.volume, old, new)
            except Problem as err:
                failed = failed or err
        if failed is not None:
            raise HttpProblem(400, failed.detail) if isinstance(failed, Taken) else failed
        return _done()

    async def copy(self, request: web.Request) -> web.Response:
        """Copy a file beside itself."""
        server = self._server(request)
        body = await read_object(request, location=str)
        path = strict(body["location"] or "", server.volume.root)
        server.denylist.check(path)
        await in_thread(server.volume.copy, path)
        return _done()

    async def write(self, request: web.Request) -> web.Response:
        """Replace a file by the body."""
        server = self._server(request)
        path = strict(request.query.get("file", ""), server.volume.root)
        length = _length(request)
        server.denylist.check(path)
        if not path:
            raise HttpProblem(400, _IS_FOLDER)
        try:
            await receive(server.volume, path, request.content, length)
        except IsFolder as err:
            raise HttpProblem(400, _IS_FOLDER) from err
        return _done()

    async def create_folder(self, request: web.Request) -> web.Response:
        """Make a directory and those on the way."""
        server = self._server(request)
        body = await read_object(request, name=str, path=str)
        await in_thread(server.volume.make_folder, joined(body["path"] or "", body["name"] or "", server.volume.root))
        return _done()

    async def delete(self, request: web.Request) -> web.Response:
        """Delete entries with everything below."""
        server = self._server(request)
        body = await read_object(request, root=str, files=list)
        names = texts(body["files"])
        if not names:
            raise HttpProblem(422, "No files were specified for deletion.")
        for name in names:
            await in_thread(server.volume.remove, joined(body["root"] or "", name, server.volume.root))
        return _done()

    async def chmod(self, request: web.Request) -> web.Response:
        """Set the rights of entries."""
        server = self._server(request)
        body = await read_object(request, root=str, files=list)
        pairs = [_fields(item, "file", "mode") for item in body["files"] or ()]
        if not pairs:
            raise HttpProblem(422, "No files to chmod were provided.")
        modes = []
        for name, text in pairs:
            if not re.fullmatch(r"[0-7]{1,11}", text) or int(text, 8) >= 1 << 32:
                raise HttpProblem(400, "Invalid file mode.")
            modes.append((joined(body["root"] or "", name, server.volume.root), int(text, 8)))
        for path, mode in modes:
            await in_thread(_chmod, server.volume, path, mode)
        return _done()

    async def compress(self, request: web.Request) -> web.Response:
        """Pack entries into a new archive beside them."""
        server = self._server(request)
        body = await read_object(request, root=str, files=list)
        names = texts(body["files"])
        if not names:
            raise HttpProblem(422, "No files were passed through to be compressed.")
        volume = server.volume
        try:
            volume.reserve(0)
        except NoDiskSpace as err:
            raise HttpProblem(409, _FULL) from err
        level = server.node.config.system.backups.compression_level
        entry = await in_thread(compress, volume, clean(body["root"] or ""), names, level=level)
        return json_answer(entry.shown(mime="application/tar+gzip"))

    async def decompress(self, request: web.Request) -> web.Response:
        """Unpack an archive."""
        server = self._server(request)
        body = await read_object(request, root=str, file=str)
        root = clean(body["root"] or "")
        file = joined(root, body["file"] or "")
        try:
            await in_thread(unpack, server.volume, root, file, server.denylist)
        except UnknownFormat as err:
            raise HttpProblem(400, err.detail) from err
        return _done()


def _done() -> web.Response:
    return web.Response(status=204)


def _fields(item: Any, *names: str) -> tuple[str, ...]:
    if not isinstance(item, dict):
        raise refused()
    lowered = {str(key).lower(): value for key, value in item.items()}
    found = [lowered.get(name) for name in names]
    if not all(value is None or isinstance(value, str) for value in found):
        raise refused()
    return tuple(value or "" for value in found)


def _begin(volume: Volume, path: str) -> tuple[int, os.stat_result, bytes]:
    """An open file, what it is, and its first bytes."""
    descriptor, found = volume.open_file(path)
    try:
        return descriptor, found, os.pread(descriptor, SNIFFED, 0)
    except OSError:
        os.close(descriptor)
        raise


def _rename(volume: Volume, old: str, new: str) -> None:
    """One move; what is not there is no failure."""
    if old and old != new:
        try:
            volume.stat(old)
        except Missing:
            return
    volume.rename(old, new)


def _chmod(volume: Volume, path: str, mode: int) -> None:
    try:
        volume.chmod(path, mode)
    except Outside:
        return


def _length(request: web.Request) -> int:
    """The declared length of a body; none at all is an empty one.

    Raises:
        HttpProblem: it comes in pieces of unknown number.
    """
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        raise HttpProblem(400, "Missing Content-Length")
    return request.content_length or 0


def attachment(path: str) -> dict[str, str]:
    """The header that makes a browser keep a file, with its name."""
    name = path.rpartition("/")[2]
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(char if char.isprintable() else "_" for char in escaped)
    return {"Content-Disposition": f'attachment; filename="{shown}"'}
