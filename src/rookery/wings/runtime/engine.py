"""Calls to the Docker Engine API over its socket; what goes wrong comes out as one of our problems.

The only module that imports an HTTP client for the engine. One connection per call and no limit on their number: each
running server holds an attached stream and a waiting call for as long as it runs. Reached through `DOCKER_HOST`
(`unix`, `tcp`, with `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`); Podman's compatible socket answers the same calls.
"""

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from yarl import URL

from rookery.protocol.problems import Invalid, Unavailable
from rookery.wings.runtime.refusals import refusal

DEFAULT_HOST = "unix:///var/run/docker.sock"
DEADLINE = 30.0
"""Seconds the engine may take for one answer."""
_SPOKEN = (1, 41)
"""The version of the API this module was written for; an engine that is older or newer says what it speaks."""
_LINE_LIMIT = 1 << 20
_HEAD_LIMIT = 64 * 1024
Parameters = Mapping[str, str]


class Engine:
    """One engine at one address."""

    def __init__(self, host: str | None = None) -> None:
        self._host = host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        split = urlsplit(self._host)
        if split.scheme not in ("unix", "tcp", "http", "https"):
            raise Invalid(f"The engine's address {self._host} must begin with unix:// or tcp://.", field="DOCKER_HOST")
        self._socket = split.path if split.scheme == "unix" else None
        self._tls = _tls(split.scheme) if self._socket is None else None
        self._address = (split.hostname or "localhost", split.port or (2376 if self._tls else 2375))
        self._session: aiohttp.ClientSession | None = None
        self._version: str | None = os.environ.get("DOCKER_API_VERSION")

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: Any = None,
        deadline: float | None = DEADLINE,
    ) -> Any:
        """The JSON answer to one request; None for an empty one. Without a deadline it waits as long as it takes.

        Raises:
            Refused: the engine says no; the more exact classes where it says why.
            Unavailable: it did not answer.
        """
        with _translated(deadline):
            async with asyncio.timeout(deadline), await self._request(method, path, params, body) as response:
                raw = await response.read()
            return json.loads(raw) if raw else None

    async def read(self, path: str, params: Parameters | None = None) -> bytes:
        """The answer to a GET as bytes. Raises as `call`."""
        with _translated(DEADLINE):
            async with asyncio.timeout(DEADLINE), await self._request("GET", path, params) as response:
                return await response.read()

    async def messages(
        self, method: str, path: str, params: Parameters | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON objects of an answer that goes on, one by one as they come. Raises as `call`."""
        with _translated(None):
            async with await self._request(method, path, params, headers=headers) as response:
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _LINE_LIMIT:
                        raise Unavailable("The container engine sent a message that does not end.")
                    for line in lines:
                        if line.strip():
                            yield json.loads(line)
                if rest.strip():
                    yield json.loads(rest)

    async def hijack(self, path: str, params: Parameters) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has left HTTP: both directions of a terminal. Raises as `call`."""
        with _translated(DEADLINE):
            async with asyncio.timeout(DEADLINE):
                prefix = await self._prefix()
                reader, writer = await self._connect()
                try:
                    target = f"{prefix}{quote(path)}?{urlencode(params)}"
                    writer.write(
                        f"POST {target} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                        "Content-Length: 0\r\n\r\n".encode()
                    )
                    await _accepted(reader)
                except BaseException:
                    writer.close()
                    raise
        return reader, writer

    async def close(self) -> None:
        """Give all connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(
        self,
        method: str,
        path: str,
        params: Parameters | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        target = f"{self._base()}{await self._prefix()}{quote(path)}"
        query = f"?{urlencode(params)}" if params else ""
        return await self._send(method, target + query, body, headers)

    async def _send(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        response = await self._client().request(method, URL(url, encoded=True), json=body, headers=headers)
        if response.status >= 400:
            async with response:
                raise refusal(response.status, _message(await response.read()))
        return response

    async def _prefix(self) -> str:
        if self._version is None:
            async with await self._send("GET", f"{self._base()}/version") as response:
                shown = await response.json(content_type=None)
            self._version = spoken(shown.get("ApiVersion", ""), shown.get("MinAPIVersion", ""))
        return f"/v{self._version}"

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector: aiohttp.BaseConnector
            if self._socket is not None:
                connector = aiohttp.UnixConnector(self._socket, limit=0)
            else:
                connector = aiohttp.TCPConnector(limit=0, ssl=self._tls or True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        return self._session

    def _base(self) -> str:
        if self._socket is not None:
            return "http://docker"
        return f"{'https' if self._tls else 'http'}://{self._address[0]}:{self._address[1]}"

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket is not None:
            return await asyncio.open_unix_connection(self._socket)
        return await asyncio.open_connection(*self._address, ssl=self._tls)


def spoken(newest: str, oldest: str) -> str:
    """The version to speak with an engine that knows `oldest` to `newest`: ours where it can, else its nearest."""
    wanted = _SPOKEN
    if (most := _numbers(newest)) is not None:
        wanted = min(wanted, most)
    if (least := _numbers(oldest)) is not None:
        wanted = max(wanted, least)
    return f"{wanted[0]}.{wanted[1]}"


def _numbers(version: str) -> tuple[int, int] | None:
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


@contextlib.contextmanager
def _translated(deadline: float | None) -> Iterator[None]:
    try:
        yield
    except TimeoutError as err:
        raise Unavailable(f"The container engine did not answer within {deadline or DEADLINE:.0f} seconds.") from err
    except (aiohttp.ClientError, OSError, EOFError, asyncio.LimitOverrunError) as err:
        raise Unavailable("The container engine does not answer.") from err
    except ValueError as err:
        raise Unavailable("The container engine's answer is not understood.") from err


async def _accepted(reader: asyncio.StreamReader) -> None:
    """Read the head of an answer; returns when the connection has changed to a stream."""
    head = (await reader.readuntil(b"\r\n\r\n"))[:_HEAD_LIMIT].decode("latin-1")
    status = int(head.split(" ", 2)[1])
    if status in (101, 200):
        return
    # A refused upgrade has a body without a length: it goes on to the end of the connection.
    body = b""
    while len(body) < _HEAD_LIMIT and (more := await reader.read(_HEAD_LIMIT)):
        body += more
    raise refusal(status, _message(body))


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip()[:500]


def _tls(scheme: str) -> ssl.SSLContext | None:
    if scheme != "https" and not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    try:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    except OSError as err:
        raise Invalid(f"The engine's certificates in {folder} cannot be read.", field="DOCKER_CERT_PATH") from err
    return context
