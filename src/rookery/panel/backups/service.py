"""Backups of servers: limits and throttle, start, finish, restore, delete. Source: Panel 1.11 backups.

A limit holds under parallel requests: whoever starts a backup claims the server's row first.
"""

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update

from rookery.panel.backups.models import Backup
from rookery.panel.backups.storage import Storage
from rookery.panel.nodes.client import NodeClient, NodeFailed
from rookery.panel.nodes.models import Node
from rookery.panel.servers.limits import hold
from rookery.panel.servers.models import Server
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work
from rookery.protocol.problems import Conflict, Limited, Unavailable
from rookery.protocol.states import ServerStatus

_COUNTS = or_(Backup.is_successful.is_(True), Backup.completed_at.is_(None))
"""Running or successful: what limits count."""


class TooMany(Conflict):
    """The server has as many backups as it may have."""

    status = 400
    code = "TooManyBackupsException"


class TooSoon(Limited):
    """There were enough backups of this server lately; `seconds` until the next may start."""

    status = 429
    code = "TooManyRequestsHttpException"

    def __init__(self, seconds: int) -> None:
        detail = f"Enough backups of this server were made lately. The next can start in {seconds} seconds."
        super().__init__(detail, retry_after=seconds)


class Locked(Conflict):
    """The backup is locked."""

    status = 400
    code = "BackupLockedException"


class NotPossible(Conflict):
    """The server or the backup is in no state for it."""

    status = 400
    code = "BadRequestHttpException"


class Backups:
    """The verbs about backups, with what they need."""

    def __init__(self, work: Work, settings: PanelSettings, nodes: NodeClient, storage: Storage) -> None:
        self._work = work
        self._settings = settings
        self._nodes = nodes
        self._storage = storage

    async def count(self, server: Server) -> int:
        """How many count for the limit."""
        counted = select(func.count()).where(Backup.server_id == server.id, Backup.deleted_at.is_(None), _COUNTS)
        return await self._work.db.scalar(counted) or 0

    async def start(
        self, server: Server, *, name: str | None, ignored: Sequence[str], locked: bool = False, rotate: bool = False
    ) -> Backup:
        """A new backup, made by the server's node; the row goes when the node does not begin.

        With `rotate` the oldest that is not locked makes room for it.

        Raises:
            TooSoon: the throttle does not allow it.
            TooMany: the limit does not.
            NodeFailed: the node did not begin (from the commit).
        """
        work = self._work
        await hold(work, server)
        await self._check_throttle(server)
        limit = server.backup_limit or 0
        if rotate and limit > 0 and await self.count(server) >= limit:
            await self._drop_oldest(server)
            await hold(work, server)
        if limit <= 0 or await self.count(server) >= limit:
            raise TooMany("This server has as many backups as it may have.")
        local = work.now.astimezone(ZoneInfo(self._settings.timezone))
        row = Backup(
            server_id=server.id,
            uuid=str(uuid.uuid4()),
            name=(name or "").strip() or f"Backup at {local:%Y-%m-%d %H:%M:%S}",
            ignored_files=list(ignored),
            disk=self._settings.backup_driver,
            is_locked=locked,
        )
        work.add(row)
        await work.db.flush()
        node, identity = await work.db.get_one(Node, server.node_id), row.id
        body = {"adapter": row.disk, "uuid": row.uuid, "ignore": "\n".join(ignored)}

        async def undo(again: Work) -> None:
            stored = await again.db.get(Backup, identity)
            if stored is not None:
                await again.db.delete(stored)

        work.call(partial(self._nodes.backup, node, server.uuid, body), otherwise=undo)
        return row

    async def _drop_oldest(self, server: Server) -> None:
        oldest = await self._work.db.scalar(
            select(Backup)
            .where(Backup.server_id == server.id, Backup.deleted_at.is_(None), _COUNTS, Backup.is_locked.is_(False))
            .order_by(Backup.created_at, Backup.id)
            .limit(1)
        )
        if oldest is not None:
            await self.delete(server, oldest)

    async def _check_throttle(self, server: Server) -> None:
        seconds, most = self._settings.backup_throttle_period, self._settings.backup_throttle_limit
        if not seconds or not most or not self._settings.backup_throttle:
            return
        since = self._work.now - timedelta(seconds=seconds)
        rows = list(
            await self._work.db.scalars(
                select(Backup.created_at)
                .where(Backup.server_id == server.id, _COUNTS, Backup.created_at >= since)
                .order_by(Backup.created_at.desc())
            )
        )
        newest = rows[0] if rows else None
        if newest is not None and len(rows) >= most:
            left = (newest + timedelta(seconds=seconds) - self._work.now).total_seconds()
            raise TooSoon(max(int(left), 1))

    async def delete(self, server: Server, row: Backup) -> None:
        """Delete a backup where it is kept, then here; one that is gone there counts as deleted.

        Raises:
            Locked: it is locked and good.
            NodeFailed: the node did not delete it; the row stays.
        """
        if row.is_locked and row.is_successful and row.completed_at is not None:
            raise Locked("A locked backup cannot be deleted.")
        node, name = await self._work.db.get_one(Node, server.node_id), row.uuid
        if row.disk == "wings":
            await self._work.outside(partial(self._forget_on_node, node, server.uuid, name))
        else:
            await self._work.outside(partial(self._storage.delete, _key(server, row)))
        row.deleted_at = row.updated_at = self._work.now

    async def _forget_on_node(self, node: Node, server: str, backup: str) -> None:
        try:
            await self._nodes.delete_backup(node, server, backup)
        except NodeFailed as err:
            if err.status != 404:
                raise

    async def restore(self, server: Server, row: Backup, *, truncate: bool) -> None:
        """Have a server's files replaced by a backup's; the server is in no other use until the node reports the end.

        Raises:
            NotPossible: the server or the backup is in no state for it.
            NodeFailed: the node did not begin; the server is as before (from the commit).
        """
        if server.status is not None:
            raise NotPossible("The server is in no state to restore a backup.")
        if not row.is_successful:
            raise NotPossible("The backup is not finished, or it failed.")
        url = ""
        if row.disk == "s3":
            url = await self._storage.download_url(_key(server, row))
        server.status, server.updated_at = ServerStatus.RESTORING_BACKUP, self._work.now
        node, identity = await self._work.db.get_one(Node, server.node_id), server.id
        body = {"adapter": row.disk, "truncate_directory": truncate, "download_url": url}

        async def undo(again: Work) -> None:
            await again.db.execute(update(Server).where(Server.id == identity).values(status=None))

        self._work.call(partial(self._nodes.restore_backup, node, server.uuid, row.uuid, body), otherwise=undo)

    async def download_url(self, server: Server, row: Backup) -> str:
        """Where an archive in a bucket can be fetched for some minutes."""
        return await self._storage.download_url(_key(server, row))

    # What nodes report

    async def upload_urls(self, server: Server, row: Backup, size: int) -> dict[str, Any]:
        """Where a node puts the parts of an archive of `size` bytes."""
        upload, parts = await self._storage.begin_upload(_key(server, row), size)
        row.upload_id, row.updated_at = upload, self._work.now
        return {"parts": parts, "part_size": self._settings.backup_part_size}

    async def finish(self, server: Server, row: Backup, report: Mapping[str, Any]) -> None:
        """Take over how a backup ended.

        Raises:
            NotPossible: it ended well already, or its upload is unknown.
        """
        if row.is_successful:
            raise NotPossible("The backup ended well already.")
        good = bool(report["successful"])
        row.is_successful, row.is_locked = good, row.is_locked and good
        row.checksum = f"{report['checksum_type']}:{report['checksum']}" if good else None
        row.bytes = int(report.get("size") or 0) if good else 0
        row.completed_at = row.updated_at = self._work.now
        self._work.record(f"server:backup.{'complete' if good else 'fail'}", row, server, name=row.name)
        if row.disk == "s3":
            await self._finish_upload(server, row, good=good, parts=report.get("parts"))

    async def _finish_upload(self, server: Server, row: Backup, *, good: bool, parts: Any) -> None:
        if row.upload_id is None:
            if good:
                raise NotPossible("The upload of this backup is not known.")
            return
        if good:
            await self._storage.complete_upload(_key(server, row), row.upload_id, parts)
        else:
            with contextlib.suppress(Unavailable):  # a bucket ends forgotten uploads itself
                await self._storage.abort_upload(_key(server, row), row.upload_id)


def _key(server: Server, row: Backup) -> str:
    return f"{server.uuid}/{row.uuid}.tar.gz"
