"""Sending a server to another node. Source: Wings 1.11 transfers: the form, its order, the messages.

The server is held from the first moment on. When the push fails, it is free again and the Panel is told; when it works,
it stays held until the Panel deletes it here, so that there are never two that could run.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import aiohttp
import structlog

from rookery.protocol.problems import Conflict, Problem, Unavailable
from rookery.protocol.states import ProcessState
from rookery.wings.backups.making import WORKERS
from rookery.wings.events import EventName
from rookery.wings.files.archives import write_archive
from rookery.wings.servers.server import Server
from rookery.wings.transfers.pipes import Outflow

log = structlog.get_logger()
_STOP_SECONDS = 15.0
_PROGRESS_SECONDS = 5.0
_TICKS = 25
_HOLD = "transferring"


class NotPushed(Unavailable):
    """The destination did not take the server."""


class Outgoing:
    """The servers this node is sending away."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, server: Server, url: str, token: str) -> None:
        """Stop the server and send it in the background.

        Raises:
            Conflict: it is being sent already, or did not stop in time; it is free again then.
        """
        if _HOLD in server.held_by:
            raise Conflict("A transfer is already in progress for this server.")
        server.held_by.add(_HOLD)
        try:
            if server.state is not ProcessState.OFFLINE:
                await server.power.stop_within(_STOP_SECONDS, kill=False)
        except BaseException:
            server.held_by.discard(_HOLD)
            raise
        task = server.spawn(self._send(server, url, token), "transfer")
        self._tasks[server.uuid] = task
        task.add_done_callback(lambda _task: self._tasks.pop(server.uuid, None))

    def cancel(self, server: Server) -> None:
        """Stop sending.

        Raises:
            Conflict: nothing is being sent.
        """
        task = self._tasks.get(server.uuid)
        if task is None:
            raise Conflict("Server is not currently being transferred.")
        server.events.publish(EventName.TRANSFER_STATUS, "cancelling")
        task.cancel()

    async def _send(self, server: Server, url: str, token: str) -> None:
        try:
            _say(server, "Preparing to stream server data to destination...")
            server.events.publish(EventName.TRANSFER_STATUS, "processing")
            await _push(server, url, token)
        except asyncio.CancelledError:
            if server.removed:
                raise
            await asyncio.shield(self._fail(server, "it was ended"))
        except Problem as err:
            await self._fail(server, err.detail)
        except Exception:
            log.exception("a server could not be sent", server=server.uuid)
            await self._fail(server, "an unexpected error occurred")

    async def _fail(self, server: Server, reason: str) -> None:
        log.warning("a server was not moved", server=server.uuid, reason=reason)
        await server.node.reports.owe(server.uuid, f"/servers/{server.uuid}/transfer/failure", None)
        server.held_by.discard(_HOLD)
        server.events.publish(EventName.TRANSFER_STATUS, "failure")


async def _push(server: Server, url: str, token: str) -> None:
    boundary = secrets.token_hex(30)
    headers = {
        "Authorization": token,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "User-Agent": "Go-http-client/1.1",
    }
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
    _say(server, "Streaming archive to destination...")
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, skip_auto_headers=("Accept",)) as session,
            session.post(url, data=_form(server, boundary), headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise NotPushed(f"The destination answered with status {answer.status}.")
    except (aiohttp.ClientError, ValueError, OSError, TimeoutError) as err:
        raise NotPushed(f"The destination could not be reached: {type(err).__name__}.") from err


async def _form(server: Server, boundary: str) -> AsyncIterator[bytes]:
    """The archive as it is made, then its checksum."""
    yield (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="archive"; filename="archive.tar.gz"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    digest, flow, read = hashlib.sha256(), Outflow(), _Count()
    loop = asyncio.get_running_loop()
    writing = loop.run_in_executor(WORKERS, partial(_write, server, flow, read))
    showing = asyncio.create_task(_show_progress(server, read))
    try:
        async for chunk in flow.chunks():
            digest.update(chunk)
            yield chunk
        await writing
    finally:
        showing.cancel()
        flow.abandon()
        with suppress(Exception):
            await asyncio.shield(writing)
    yield (
        f"\r\n--{boundary}\r\n"
        'Content-Disposition: form-data; name="checksum"\r\n\r\n'
        f"{digest.hexdigest()}\r\n--{boundary}--\r\n"
    ).encode()
    _say(server, "Finished streaming archive to destination.")


class _Count:
    def __init__(self) -> None:
        self.total = 0

    def add(self, size: int) -> None:
        self.total += size


def _write(server: Server, flow: Outflow, read: _Count) -> None:
    level = server.node.config.system.backups.compression_level
    try:
        write_archive(server.volume, flow, level=level, progress=read.add)
    finally:
        flow.end()


async def _show_progress(server: Server, read: _Count) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        total = max(server.volume.used, read.total, 1)
        ticks = min(int(read.total / total * _TICKS), _TICKS)
        bar = "=" * ticks + " " * (_TICKS - ticks)
        _say(server, f"Uploading [{bar}] {size_text(read.total)} / {size_text(total)}")


def _say(server: Server, text: str) -> None:
    moment = time.strftime("%a, %d %b %Y %H:%M:%S %Z")
    line = f"\x1b[33m\x1b[1m{moment} [Transfer System] [Source Node]:\x1b[39m {text}\x1b[0m"
    server.events.publish(EventName.TRANSFER_LOGS, line)


def size_text(size: int) -> str:
    """A number of bytes as people read it: `900 B`, `1.2 GiB`."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} EiB"
