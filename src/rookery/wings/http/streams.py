"""Bytes between sockets and volumes, with a bounded amount of memory."""

import os
from collections.abc import AsyncIterator

from aiohttp import StreamReader, web

from rookery.wings.files.filling import fill
from rookery.wings.files.volume import Volume
from rookery.wings.http.problems import GENERIC, HttpProblem
from rookery.wings.threads import in_thread

_CHUNK = 1 << 18


async def send_file(
    request: web.Request, descriptor: int, size: int, headers: dict[str, str], *, first: int = 0
) -> web.StreamResponse:
    """Answer with `size` bytes of a file from `first` on, and close it."""
    status = 206 if "Content-Range" in headers else 200
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(size)})
    if "Content-Type" not in headers:
        response.headers["Content-Type"] = ""
        del response.headers["Content-Type"]
    try:
        os.posix_fadvise(descriptor, first, size, os.POSIX_FADV_SEQUENTIAL)
        await response.prepare(request)
        at, end = first, first + size
        while at < end:
            chunk = await in_thread(os.pread, descriptor, min(_CHUNK, end - at), at)
            if not chunk:  # it was cut meanwhile: the connection ends short, so that the client notices
                if request.transport is not None:
                    request.transport.close()
                break
            await response.write(chunk)
            at += len(chunk)
        else:
            await response.write_eof()
    finally:
        os.close(descriptor)
    return response


async def receive(volume: Volume, path: str, source: StreamReader, size: int) -> None:
    """Write `size` bytes from a socket into a file that takes the place of the old one when all have come.

    Raises:
        HttpProblem: fewer came.
        Problem: as `Volume.replacing`.
    """
    await fill(volume.replacing(path, size=size), _exactly(source, size))


async def _exactly(source: StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        chunk = await source.read(min(_CHUNK, size))
        if not chunk:
            raise HttpProblem(500, GENERIC, with_request=True)
        yield chunk
        size -= len(chunk)
