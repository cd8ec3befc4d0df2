"""The verbs about backups of a node. Source: Wings 1.11 backups, with the repairs asked for there.

Several backups of a server may be made at once, and the server runs on. A restore stops it, and changes nothing before
the archive was read to its end and found good.
"""

import asyncio
import re
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from rookery.protocol.problems import Conflict, Invalid, NotFound, Problem
from rookery.protocol.states import ProcessState
from rookery.wings.backups import bucket
from rookery.wings.backups.making import WORKERS, Made, make_archive
from rookery.wings.events import EventName
from rookery.wings.files.unpack import check, restore
from rookery.wings.servers.node import Node
from rookery.wings.servers.server import Server
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_STOP_SECONDS = 120.0
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class NoBackup(NotFound):
    """There is no such archive here."""

    def __init__(self) -> None:
        super().__init__("The requested backup was not found on this server.")


class Backups:
    """Backups of the servers of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._making: dict[str, asyncio.Task[Any]] = {}

    def path(self, identifier: str) -> Path:
        """Where an archive is kept.

        Raises:
            Invalid: the identifier is no UUID.
        """
        if not _UUID.fullmatch(identifier):
            raise Invalid("The backup identifier must be a valid UUID.", field="uuid")
        return Path(self._node.config.system.backup_directory) / f"{identifier}.tar.gz"

    def find(self, identifier: str) -> Path:
        """Where an archive is.

        Raises:
            NoBackup: it is not there.
        """
        try:
            path = self.path(identifier)
        except Invalid as err:
            raise NoBackup from err
        if not path.is_file() or path.is_symlink():
            raise NoBackup
        return path

    # Making

    def begin(self, server: Server, adapter: str, identifier: str, ignored: Sequence[str]) -> None:
        """Make a backup in the background; the Panel hears how it ended.

        Raises:
            Invalid: the identifier is no UUID.
            Conflict: this very backup is being made.
        """
        self.path(identifier)
        if identifier in self._making:
            raise Conflict("This backup is being made already.")
        task = server.spawn(self._make(server, adapter, identifier, list(ignored)), "backup")
        self._making[identifier] = task
        task.add_done_callback(lambda _task: self._making.pop(identifier, None))

    async def _make(self, server: Server, adapter: str, identifier: str, ignored: list[str]) -> None:
        path = self.path(identifier)
        keep = adapter == "wings"
        target = path if keep else path.with_name(f".{path.name}.leaving")
        made: Made | None = None
        parts: list[dict[str, Any]] | None = None
        try:
            settings = self._node.config.system.backups
            work = partial(make_archive, level=settings.compression_level, limit=settings.write_limit)
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(WORKERS, work, server.volume, target, ignored)
            if not keep:
                told = await self._node.panel.upload_parts(identifier, made.size)
                urls = [str(url) for url in told.get("parts") or ()]
                parts = await bucket.upload(target, made.size, urls, int(told.get("part_size") or 0))
        except (Problem, OSError) as err:
            log.warning("a backup failed", server=server.uuid, backup=identifier, reason=str(err))
            made = None
        except Exception:
            # The Panel waits for the outcome, whatever went wrong here.
            log.exception("a backup failed unexpectedly", server=server.uuid, backup=identifier)
            made = None
        finally:
            if not keep:
                target.unlink(missing_ok=True)
        await self._tell(server, identifier, made, parts)

    async def _tell(
        self, server: Server, identifier: str, made: Made | None, parts: list[dict[str, Any]] | None
    ) -> None:
        good = made is not None
        checksum, size = (made.checksum, made.size) if made is not None else ("", 0)
        kind = "sha1" if good else ""
        report = {"checksum": checksum, "checksum_type": kind, "size": size, "successful": good, "parts": parts}
        await self._node.reports.owe(f"backup:{identifier}", f"/backups/{identifier}", report)
        shown = {
            "checksum": checksum,
            "checksum_type": "sha1",
            "file_size": size,
            "is_successful": good,
            "uuid": identifier,
        }
        server.events.publish(EventName.BACKUP_COMPLETED, msgspec.json.encode(shown).decode())

    # Restoring

    async def restore(self, server: Server, adapter: str, identifier: str, *, truncate: bool, url: str) -> None:
        """Replace a server's files by those of a backup; returns when the archive is found and its server is held.

        Raises:
            NoBackup, WrongType, NotStored: there is no archive; nothing has changed.
            Conflict: the server is in other use.
        """
        server.check_free()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if adapter == "wings":
            self.find(identifier)
            ready.set_result(None)
        task = server.spawn(self._restore(server, adapter, identifier, truncate, url, ready), "restore")
        done, _ = await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        if ready in done:
            return
        await task

    async def _restore(
        self, server: Server, adapter: str, identifier: str, truncate: bool, url: str, ready: "asyncio.Future[None]"
    ) -> None:
        path = fetched = None
        with server.exclusive("restoring"):
            try:
                if adapter == "wings":
                    path = self.find(identifier)
                else:
                    fetched = await in_thread(self._place_to_fetch)
                    await bucket.download(url, fetched, ready)
                    path = fetched
                await self._replace(server, path, truncate=truncate)
                good = True
            except Exception as err:
                if not ready.done():
                    raise
                good = False
                await self._say_why(server, err)
            finally:
                if fetched is not None:
                    fetched.unlink(missing_ok=True)
            report = {"successful": good}
            await self._node.reports.owe(f"restore:{identifier}", f"/backups/{identifier}/restore", report)
        if good:
            place = "local" if adapter == "wings" else "S3"
            server.events.publish(EventName.DAEMON_MESSAGE, f"Completed server restoration from {place} backup.")
        server.events.publish(EventName.BACKUP_RESTORE_COMPLETED, "")
        server.count_soon()

    def _place_to_fetch(self) -> Path:
        folder = Path(self._node.config.system.backup_directory)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f".{uuid.uuid4()}.restore"

    async def _say_why(self, server: Server, err: Exception) -> None:
        if isinstance(err, Problem | OSError):
            reason = err.detail if isinstance(err, Problem) else (err.strerror or "an error of the file system")
            log.warning("a restore failed", server=server.uuid, reason=reason)
        else:
            reason = "an unexpected error occurred"
            log.error("a restore failed unexpectedly", server=server.uuid, exc_info=err)
        server.events.publish(EventName.DAEMON_MESSAGE, f"The backup was not restored: {reason}")

    async def _replace(self, server: Server, path: Path, *, truncate: bool) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(WORKERS, partial(check, server.volume, path, alone=truncate))
        if server.state is not ProcessState.OFFLINE:
            await server.power.stop_within(_STOP_SECONDS, kill=False)

        def say(name: str) -> None:
            loop.call_soon_threadsafe(server.events.publish, EventName.DAEMON_MESSAGE, f"(restoring): {name}")

        await loop.run_in_executor(WORKERS, partial(restore, server.volume, path, truncate=truncate, say=say))

    # Deleting

    def delete(self, identifier: str) -> None:
        """Delete an archive.

        Raises:
            NoBackup: it is not there.
        """
        self.find(identifier).unlink()
