"""What users did on this node, kept until the Panel has it."""

import asyncio
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from rookery.wings.config import ConfigFile
from rookery.wings.store import ActivityRow, Store
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_PAGE = 100


class Activity:
    """Records and sends; `send` delivers a batch and raises when it was not taken."""

    def __init__(self, store: Store, config: ConfigFile) -> None:
        self._store = store
        self._config = config

    async def record(self, server: str, event: str, *, user: str | None, ip: str, **metadata: Any) -> None:
        """Keep one event, e.g. `server:console.command`."""
        stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        await in_thread(self._store.record, ActivityRow(user, server, event, metadata, ip, stamp))

    async def send_forever(self, send: Callable[[dict[str, Any]], Any]) -> None:
        """Every interval: one batch of ordinary events, one of merged SFTP events."""
        while True:
            await asyncio.sleep(max(self._config.current.system.activity_send_interval, 1))
            for sftp in (False, True):
                try:
                    await self._send_batch(send, sftp=sftp)
                except Exception as err:  # noqa: BLE001 - an outer edge: the rows stay and are tried again
                    log.warning("activity could not be sent, it is kept", reason=str(err))

    async def _send_batch(self, send: Callable[[dict[str, Any]], Any], *, sftp: bool) -> None:
        most = 5000 if sftp else max(self._config.current.system.activity_send_count, 1)
        rows = await in_thread(self._store.activities, sftp=sftp, most=most)
        if not rows:
            return
        sendable = [row for row in rows if _is_address(row.ip)]
        items = merged(sendable) if sftp else [wire_form(row) for row in sendable]
        kept: set[int] = set()
        if sftp and len(items) > _PAGE:
            items = items[:_PAGE]
            sent = {identifier for item in items for identifier in item["ids"]}
            kept = {row.id for row in sendable if row.id not in sent}
        if items:
            await send({"data": [{key: value for key, value in item.items() if key != "ids"} for item in items]})
        await in_thread(self._store.forget, [row.id for row in rows if row.id not in kept])


def wire_form(row: ActivityRow) -> dict[str, Any]:
    """A row as the Panel takes it."""
    return {
        "user": row.user,
        "server": row.server,
        "event": row.event,
        "metadata": row.metadata,
        "ip": row.ip,
        "timestamp": row.timestamp,
        "ids": [row.id],
    }


def merged(rows: list[ActivityRow]) -> list[dict[str, Any]]:
    """Rows of one user, server, address, event and minute as one, with all their files and the earliest time."""
    found: dict[tuple[str | None, str, str, str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row.user, row.server, row.ip, row.event, row.timestamp[:16])
        if key not in found:
            found[key] = wire_form(row) | {"metadata": {**row.metadata, "files": list(row.metadata.get("files", []))}}
            continue
        found[key]["metadata"]["files"] += row.metadata.get("files", [])
        found[key]["ids"].append(row.id)
    return list(found.values())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
