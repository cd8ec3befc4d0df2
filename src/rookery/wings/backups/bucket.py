"""Archives to and from buckets, by addresses the Panel signed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from rookery.protocol.problems import Invalid, Unavailable
from rookery.wings.backups.making import WORKERS

log = structlog.get_logger()
_CHUNK = 1 << 20
_PART_SECONDS = 2 * 3600
_RETRY_SECONDS = 60.0
_TYPES = ("application/x-gzip", "application/gzip")


class NotStored(Unavailable):
    """The bucket did not take the archive."""


class WrongType(Invalid):
    """What is at an address is no archive."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f'The provided backup link is not a supported content type. "{found}" is not application/x-gzip.'
        )


async def upload(path: Path, size: int, parts: list[str], part_size: int) -> list[dict[str, Any]]:
    """Put an archive into the bucket, part by part; `etag` and `part_number` of each.

    Raises:
        NotStored: a part was refused.
    """
    timeout = aiohttp.ClientTimeout(total=_PART_SECONDS, sock_connect=30)
    done = []
    agent = {"User-Agent": "Go-http-client/1.1"}
    async with aiohttp.ClientSession(timeout=timeout, headers=agent, skip_auto_headers=("Accept",)) as session:
        for at, url in enumerate(parts):
            first = at * part_size
            length = min(part_size, size - first) if part_size > 0 else size
            done.append({"etag": await _put(session, url, path, first, max(length, 0)), "part_number": at + 1})
    return done


async def _put(session: aiohttp.ClientSession, url: str, path: Path, first: int, length: int) -> str:
    loop = asyncio.get_running_loop()
    began, pause = loop.time(), 0.5
    headers = {"Content-Length": str(length), "Content-Type": "application/x-gzip"}
    while True:
        reason = ""
        try:
            async with session.put(_url(url), data=_piece(path, first, length), headers=headers) as response:
                if response.status == 200:
                    return response.headers.get("ETag", "")
                reason = f"status {response.status}"
                if response.status < 500:
                    raise NotStored(f"The bucket refused a part of the backup: {reason}.")
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            reason = type(err).__name__
        if loop.time() - began + pause > _RETRY_SECONDS:
            raise NotStored(f"The bucket did not take a part of the backup: {reason}.")
        log.warning("a part of a backup is sent again", reason=reason, seconds=pause)
        await asyncio.sleep(pause)
        pause *= 2


def _url(text: str) -> Any:
    from yarl import URL

    return URL(text, encoded=True)


async def _piece(path: Path, first: int, length: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with path.open("rb") as file:
        file.seek(first)
        while length > 0:
            chunk = await loop.run_in_executor(WORKERS, file.read, min(_CHUNK, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


async def download(url: str, path: Path, ready: "asyncio.Future[None]") -> None:
    """Fetch an archive to `path`; `ready` is decided when its head has come.

    Raises:
        WrongType, NotStored: see there.
    """
    loop = asyncio.get_running_loop()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(_url(url)) as response,
        ):
            _check(response)
            ready.set_result(None)
            with path.open("wb") as out:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    await loop.run_in_executor(WORKERS, out.write, chunk)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as err:
        raise NotStored(f"The backup could not be fetched: {type(err).__name__}.") from err


def _check(response: aiohttp.ClientResponse) -> None:
    kind = response.headers.get("Content-Type", "")
    if not kind or not any(kind in known for known in _TYPES):
        raise WrongType(kind)
    if response.status != 200:
        raise NotStored(f"The backup could not be fetched: status {response.status}.")
