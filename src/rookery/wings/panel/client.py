"""The Panel as this node knows it: one method per remote endpoint, retried by kind of failure.

A refused or dropped connection and a 5xx are tried again with growing pauses for up to half a minute; any other answer
and a try that times out are final. Source: Wings 1.11 remote client.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog

from rookery.protocol.problems import Denied, NotFound, Unavailable
from rookery.wings import VERSION
from rookery.wings.config import ConfigFile

log = structlog.get_logger()
Json = Any
RETRY_SECONDS = 30.0
_LONGEST_PAUSE = 12.0


class PanelError(Unavailable):
    """The Panel answered with an error, or not at all; `status` is 0 without an answer."""

    def __init__(self, detail: str, *, status: int = 0, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.timed_out = timed_out


class ServerUnknown(NotFound):
    """The Panel has no such server for this node."""


class PanelClient:
    """Calls under the node's own token, which is read from the configuration at each call."""

    def __init__(self, config: ConfigFile, *, verify_tls: bool = True) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._verify = verify_tls

    async def servers_page(self, page: int, per_page: int) -> Mapping[str, Json]:
        """One page of this node's servers: `data` and `meta` of the answer.

        Raises:
            PanelError: no usable answer.
        """
        return _object(await self._call("GET", f"/servers?page={page}&per_page={per_page}"))

    async def server(self, uuid: str) -> Mapping[str, Json]:
        """The configuration document of a server.

        Raises:
            ServerUnknown: the Panel says 404.
            PanelError: no usable answer.
        """
        try:
            return _object(await self._call("GET", f"/servers/{uuid}"))
        except PanelError as err:
            if err.status == 404:
                raise ServerUnknown("server does not exist on remote system") from err
            raise

    async def installation(self, uuid: str) -> Mapping[str, Json]:
        """`container_image`, `entrypoint` and `script` of a server's egg."""
        return _object(await self._call("GET", f"/servers/{uuid}/install"))

    async def reset(self) -> None:
        """Have the Panel forget installations and restores that ended with our last process."""
        await self._call("POST", "/servers/reset", json_body=None)

    async def sign_in(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The user and rights behind SFTP credentials.

        Raises:
            Denied: the Panel does not accept them.
        """
        try:
            return _object(await self._call("POST", "/sftp/auth", json_body=body))
        except PanelError as err:
            if 400 <= err.status < 500:
                raise Denied("The credentials were not accepted.") from err
            raise

    async def upload_parts(self, backup: str, size: int) -> Mapping[str, Json]:
        """`parts` (presigned URLs) and `part_size` for a backup of `size` bytes."""
        return _object(await self._call("GET", f"/backups/{backup}?size={size}"))

    async def post(self, path: str, body: Json) -> None:
        """Deliver a report or a batch of activity to `path` below the remote API.

        Raises:
            PanelError: it was not taken; a status of 400-499 means it never will be.
        """
        await self._call("POST", path, json_body=body)

    async def _call(self, method: str, path: str, *, json_body: Json = ...) -> bytes:
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), 0.5
        while True:
            try:
                return await self._try(method, path, json_body)
            except PanelError as err:
                if (400 <= err.status < 500) or err.timed_out or 200 <= err.status < 400:
                    raise
                pause = min(pause * 1.5, _LONGEST_PAUSE)
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, no secret
                if loop.time() - began + wait > RETRY_SECONDS:
                    raise
                log.warning("the Panel did not answer, trying again", path=path, reason=err.detail, seconds=round(wait))
                await asyncio.sleep(wait)

    async def _try(self, method: str, path: str, json_body: Json) -> bytes:
        config = self._config.current
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._verify))
        headers = {
            "User-Agent": f"Pterodactyl Wings/v{VERSION} (id:{config.token_id})",
            "Accept": "application/vnd.pterodactyl.v1+json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {config.token_id}.{config.token}",
        }
        url = f"{config.remote.removesuffix('/')}/api/remote{path}"
        try:
            async with self._session.request(
                method,
                url,
                data=None if json_body is ... else json.dumps(json_body).encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=config.remote_query.timeout),
            ) as response:
                body = await response.read()
                if response.status >= 400:
                    raise PanelError(_reason(body, response.status), status=response.status)
                return body
        except TimeoutError as err:
            raise PanelError("The Panel did not answer in time.", timed_out=True) from err
        except (aiohttp.ClientError, OSError) as err:
            raise PanelError("The Panel cannot be reached.") from err

    async def close(self) -> None:
        """Close kept connections."""
        if self._session is not None:
            await self._session.close()


def _object(body: bytes) -> Mapping[str, Json]:
    try:
        found = json.loads(body)
    except ValueError as err:
        raise PanelError("The Panel's answer is not JSON.", status=200) from err
    if not isinstance(found, Mapping):
        raise PanelError("The Panel's answer is not a JSON object.", status=200)
    return found


def _reason(body: bytes, status: int) -> str:
    """The wire's sentence about an error answer: `Error response from Panel: <code>: <detail> (HTTP/<status>)`."""
    code, detail = "", ""
    try:
        first = json.loads(body)["errors"][0]
        code, detail = str(first.get("code", "")), str(first.get("detail", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    return f"Error response from Panel: {code}: {detail} (HTTP/{status})"
