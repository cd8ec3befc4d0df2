"""Fetching files from addresses on the internet into a volume. Source: Wings 1.11, remote downloads.

Every address is checked where it is connected to, again at each redirect; a fetch that fails leaves nothing behind.
"""

import asyncio
import email.message
import posixpath
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import aiohttp
import structlog
from yarl import URL

from rookery.protocol.problems import Invalid, Problem, Unavailable
from rookery.wings.files.addresses import OpenResolver, check_literal
from rookery.wings.files.filling import fill
from rookery.wings.files.paths import joined
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.volume import IsFolder, Volume

log = structlog.get_logger()
MOST_AT_ONCE = 3
_SECONDS = 12 * 3600
_REDIRECTS = 10
_CHUNK = 1 << 18
_AGENT = "Pterodactyl Panel (https://pterodactyl.io)"


class BadUrl(Invalid):
    """The address cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"An error occurred while parsing that URL: {reason}", field="url")


class TooManyPulls(Invalid):
    """The server fetches enough already."""

    def __init__(self) -> None:
        super().__init__(
            f"This server has reached its limit of {MOST_AT_ONCE} simultaneous remote file downloads at once. "
            "Please wait for one to complete before trying again."
        )


class NotFetched(Unavailable):
    """The other side did not give the file."""


@dataclass(slots=True)
class Pull:
    """One fetch."""

    url: str
    root: str
    file_name: str
    use_header: bool
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    size: int = 0
    received: int = 0
    task: "asyncio.Task[str] | None" = None

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.received / self.size if self.size else 0.0


class Pulls:
    """The fetches of one server."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._running: dict[str, Pull] = {}

    def __iter__(self) -> Iterator[Pull]:
        """Those under way."""
        return iter(list(self._running.values()))

    def begin(self, pull: Pull, denied: Patterns) -> "asyncio.Task[str]":
        """Start a fetch; its task ends with the path of the file.

        Raises:
            BadUrl, TooManyPulls: see there.
        """
        check_url(pull.url)
        if len(self._running) >= MOST_AT_ONCE:
            raise TooManyPulls
        self._running[pull.identifier] = pull
        task = asyncio.create_task(self._fetch(pull, denied), name=f"pull:{pull.identifier}")
        pull.task = task
        task.add_done_callback(lambda _task: self._running.pop(pull.identifier, None))
        return task

    def cancel(self, identifier: str) -> None:
        """End a fetch, if there is one of that name."""
        pull = self._running.get(identifier)
        if pull is not None and pull.task is not None:
            pull.task.cancel()

    def cancel_all(self) -> None:
        """End all of them."""
        for pull in self:
            self.cancel(pull.identifier)

    async def _fetch(self, pull: Pull, denied: Patterns) -> str:
        timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=15, sock_read=120)
        connector = aiohttp.TCPConnector(resolver=OpenResolver(), limit=1)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers={"User-Agent": _AGENT}, auto_decompress=False
        ) as session:
            try:
                async with await _answer(session, pull.url) as response:
                    return await self._store(pull, response, denied)
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as err:
                raise NotFetched(f"The file could not be fetched: {type(err).__name__}.") from err

    async def _store(self, pull: Pull, response: aiohttp.ClientResponse, denied: Patterns) -> str:
        size = response.content_length
        if not size:
            raise NotFetched("The other side does not say how long the file is, or it is empty.")
        pull.size = size
        path = joined(pull.root, _name(pull, response))
        if not path or path == joined(pull.root, ""):
            raise IsFolder
        denied.check(path)
        await fill(self._volume.replacing(path, size=size), _pieces(pull, response))
        return path


async def _pieces(pull: Pull, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for chunk in response.content.iter_chunked(_CHUNK):
        pull.received += len(chunk)
        yield chunk
    if pull.received != pull.size:
        raise NotFetched("The file ended early.")


def check_url(text: str) -> None:
    """Refuse what is no address of a web server.

    Raises:
        BadUrl: it is none.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as err:
        missing = "[" in text and "]" not in text
        raise BadUrl("missing ']' in host" if missing else str(err)) from err
    if match := re.search(r"[\s<>\"\\^`{|}]", parts.netloc):
        raise BadUrl(f'invalid character "{match[0]}" in host name')
    if parts.scheme and parts.scheme not in ("http", "https"):
        return  # said when it is fetched, as the wire has it
    if parts.scheme and not host:
        raise BadUrl("no host in request URL")


async def _answer(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientResponse:
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotFetched("Files are fetched by http and https only.")
        check_literal(parts.hostname)
        response = await session.get(URL(url, encoded="%" in url), allow_redirects=False)
        if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
            url = str(response.url.join(URL(response.headers["Location"])))
            response.close()
            continue
        if response.status != 200:
            response.close()
            raise NotFetched(f"The other side answered with status {response.status}.")
        return response
    raise NotFetched("The file was moved too often.")


def _name(pull: Pull, response: aiohttp.ClientResponse) -> str:
    if pull.use_header and (header := response.headers.get("Content-Disposition")):
        message = email.message.Message()
        message["Content-Disposition"] = header
        if name := message.get_filename():
            return name
    return pull.file_name or posixpath.basename(unquote(urlsplit(pull.url).path))


async def quietly(task: "asyncio.Task[str]", url: str) -> None:
    """Let a fetch in the background end; what went wrong is logged without the address' secrets."""
    try:
        await task
    except Problem as err:
        log.info("a file was not fetched", host=urlsplit(url).hostname, reason=err.detail)
    except asyncio.CancelledError:
        log.info("a fetch was ended", host=urlsplit(url).hostname)
