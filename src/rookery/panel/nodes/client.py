"""The Panel's side of the daemon API: one method per call; failures become `NodeFailed`."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import structlog
from yarl import URL

from rookery.panel.nodes.models import Node
from rookery.panel.settings import PanelSettings
from rookery.protocol.problems import Invalid, Unavailable

log = structlog.get_logger()
Json = Any
ARCHIVE_SECONDS = 900.0


class NodeFailed(Unavailable):
    """A node did not answer, or answered with an error.

    `status` is what our caller gets: the node's own for errors, 504 without an answer, 502 for a broken one. Source:
    Panel 1.11, daemon connection errors.
    """

    code = "DaemonConnectionException"

    def __init__(self, detail: str, *, status: int = 504, answered: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.answered = answered


class TooLarge(Invalid):
    """A file is larger than what is handed on."""

    status = 400
    code = "FileSizeTooLargeException"

    def __init__(self) -> None:
        super().__init__("The file is too large to be opened here. Download it instead.")


class NodeClient:
    """Calls nodes under their own tokens."""

    def __init__(self, settings: PanelSettings) -> None:
        self._session: aiohttp.ClientSession | None = None
        self.configure(settings)

    def configure(self, settings: PanelSettings) -> None:
        """Take over how long nodes may take."""
        self._timeout = aiohttp.ClientTimeout(
            total=settings.node_timeout,
            connect=settings.node_connect_timeout,
            sock_connect=settings.node_connect_timeout,
        )

    async def call(
        self,
        node: Node,
        method: str,
        path: str,
        *,
        body: Json = None,
        raw: bytes | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float | None = None,
        token: str | None = None,
        address: str | None = None,
        most: int | None = None,
    ) -> bytes:
        """The body of a successful answer.

        Raises:
            TooLarge: it has more than `most` bytes.
            NodeFailed: there was none.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=seconds) if seconds else self._timeout
        headers = {
            "Authorization": f"Bearer {token or node.daemon_token}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        try:
            async with self._session.request(
                method, _url(address or node.address, path, query), data=data, headers=headers, timeout=timeout
            ) as response:
                if most is not None and response.status < 400:
                    return await _read(response, most)
                found = await response.read()
                if response.status >= 400:
                    raise _refused(response.status, found, response.headers.get("X-Request-Id", ""))
                return found
        except (TimeoutError, aiohttp.ClientConnectionError, OSError) as err:
            log.warning("a node did not answer", node=node.id, path=path, reason=type(err).__name__)
            raise NodeFailed("The machine this server is on could not be reached. Please try again.") from err
        except aiohttp.ClientError as err:
            raise NodeFailed("The node's answer could not be read.", status=502) from err

    async def details(self, node: Node, server: str) -> Mapping[str, Json]:
        """State and use of a server."""
        found = json.loads(await self.call(node, "GET", f"/api/servers/{server}"))
        return found if isinstance(found, dict) else {}

    async def create(self, node: Node, server: str, *, start: bool) -> None:
        """Have a new server installed."""
        await self.call(node, "POST", "/api/servers", body={"uuid": server, "start_on_completion": start})

    async def delete(self, node: Node, server: str) -> None:
        """End a server; one the node does not know is gone already."""
        try:
            await self.call(node, "DELETE", f"/api/servers/{server}")
        except NodeFailed as err:
            if err.status != 404:
                raise

    async def sync(self, node: Node, server: str) -> None:
        """Have a server's configuration fetched."""
        await self.call(node, "POST", f"/api/servers/{server}/sync")

    async def reinstall(self, node: Node, server: str) -> None:
        """Have a server installed anew."""
        await self.call(node, "POST", f"/api/servers/{server}/reinstall")

    async def power(self, node: Node, server: str, action: str) -> None:
        """Start, stop, restart or kill."""
        await self.call(node, "POST", f"/api/servers/{server}/power", body={"action": action})

    async def command(self, node: Node, server: str, command: str) -> None:
        """Type a line into the console."""
        await self.call(node, "POST", f"/api/servers/{server}/commands", body={"commands": [command]})

    # Transfers

    async def transfer(self, node: Node, server: str, body: Json) -> None:
        """Have a server sent to another node: `server_id`, `url`, `token`, `server`."""
        await self.call(node, "POST", f"/api/servers/{server}/transfer", body=body)

    async def cancel_transfer(self, node: Node, server: str) -> None:
        """Have the source stop sending."""
        await self.call(node, "DELETE", f"/api/servers/{server}/transfer")

    async def cancel_arrival(self, node: Node, server: str) -> None:
        """Have the destination drop what came so far."""
        await self.call(node, "DELETE", f"/api/transfers/{server}")

    # Files

    async def list_directory(self, node: Node, server: str, directory: str) -> list[Mapping[str, Json]]:
        """The entries of a folder, in the node's order."""
        path = f"/api/servers/{server}/files/list-directory"
        found = json.loads(await self.call(node, "GET", path, query={"directory": directory}))
        return found if isinstance(found, list) else []

    async def read_file(self, node: Node, server: str, file: str, *, most: int) -> bytes:
        """The content of a file of at most `most` bytes.

        Raises:
            TooLarge: it is larger.
            NodeFailed: it could not be read.
        """
        path = f"/api/servers/{server}/files/contents"
        return await self.call(node, "GET", path, query={"file": file}, most=most)

    async def write_file(self, node: Node, server: str, file: str, content: bytes) -> None:
        """Replace the content of a file."""
        await self.call(node, "POST", f"/api/servers/{server}/files/write", query={"file": file}, raw=content)

    async def change_files(self, node: Node, server: str, what: str, body: Json, *, method: str = "POST") -> Json:
        """One of the node's file actions: rename, copy, delete, create-directory, chmod, compress, decompress, pull."""
        seconds = ARCHIVE_SECONDS if what in ("compress", "decompress") else None
        path = f"/api/servers/{server}/files/{what}"
        found = await self.call(node, method, path, body=body, seconds=seconds)
        return json.loads(found) if found else None

    # Backups

    async def backup(self, node: Node, server: str, body: Json) -> None:
        """Have a backup made: `adapter`, `uuid`, `ignore`."""
        await self.call(node, "POST", f"/api/servers/{server}/backup", body=body)

    async def restore_backup(self, node: Node, server: str, backup: str, body: Json) -> None:
        """Have a backup restored: `adapter`, `truncate_directory`, `download_url`."""
        await self.call(node, "POST", f"/api/servers/{server}/backup/{backup}/restore", body=body)

    async def delete_backup(self, node: Node, server: str, backup: str) -> None:
        """Have an archive deleted."""
        await self.call(node, "DELETE", f"/api/servers/{server}/backup/{backup}")

    async def deny(self, node: Node, server: str, identifiers: list[str]) -> None:
        """Revoke console tokens."""
        await self.call(node, "POST", f"/api/servers/{server}/ws/deny", body={"jtis": identifiers})

    async def system(self, node: Node) -> Mapping[str, Json]:
        """What the node is."""
        found = json.loads(await self.call(node, "GET", "/api/system", query={"v": "2"}, seconds=5))
        return found if isinstance(found, dict) else {}

    async def system_summary(self, node: Node) -> Mapping[str, Json]:
        """What the node is, in the wire's first and shorter form."""
        found = json.loads(await self.call(node, "GET", "/api/system"))
        return found if isinstance(found, dict) else {}

    async def update(self, node: Node, configuration: Mapping[str, Json], *, token: str, address: str) -> None:
        """Push the node's configuration; `token` and `address` are those it still has."""
        await self.call(node, "POST", "/api/update", body=configuration, token=token, address=address)

    async def close(self) -> None:
        """Close kept connections."""
        if self._session is not None:
            await self._session.close()


def _url(address: str, path: str, query: Mapping[str, str] | None) -> URL:
    """Where a call goes; every character of a value that could mean something is escaped, as the wire has it."""
    words = urlencode(query, quote_via=quote, safe="") if query else ""
    return URL(f"{address}{path}?{words}" if words else f"{address}{path}", encoded=True)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    if (response.content_length or 0) > most:
        raise TooLarge
    found = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        found += chunk
        if len(found) > most:
            raise TooLarge
    return bytes(found)


def _refused(status: int, body: bytes, request_id: str) -> NodeFailed:
    if status >= 500:
        detail = f"The node answered with an error (HTTP {status}, request {request_id or 'unknown'})."
        return NodeFailed(detail, status=status, answered=True)
    try:
        reason = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        reason = f"The node refused the request (HTTP {status})."
    return NodeFailed(f"{reason} (request {request_id})" if request_id else reason, status=status, answered=True)
