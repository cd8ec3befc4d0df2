"""One SFTP session: version 3 requests on a server's volume, each with its permission.

Source: Wings 1.11 SFTP, with the repairs asked for there: flags of an opened file and times are honoured, links are
shown and never followed out, room is taken by every write, and denied files stay untouched.
"""

import os
import posixpath
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE, SFTPAttrs, SFTPName

from rookery.protocol.problems import Problem
from rookery.wings.files.handles import Handle
from rookery.wings.files.volume import Missing, NoDiskSpace, clean
from rookery.wings.sftp.rights import Rights
from rookery.wings.threads import in_thread

T = TypeVar("T")
_MODE = 0o644


class Session(asyncssh.SFTPServer):
    """Requests of one channel."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", rights: Rights) -> None:
        super().__init__(channel)
        self._rights = rights
        self._volume = rights.server.volume
        self._read_only = rights.server.node.config.system.sftp.read_only

    def exit(self) -> None:
        """Say that the session ended well: copying programs take silence for a failure."""
        self.channel.exit(0)

    # Reading

    async def lstat(self, path: bytes) -> SFTPAttrs:
        """What an entry is; a link is one."""
        self._rights.require("file.read")
        return _attributes(await self._do(self._volume.stat, _path(path)))

    async def stat(self, path: bytes) -> SFTPAttrs:
        """What an entry is; a link inside the volume is followed."""
        self._rights.require("file.read")
        return _attributes(await self._do(self._volume.stat_through, _path(path)))

    async def fstat(self, file_obj: object) -> SFTPAttrs:
        """What an open file is."""
        self._rights.require("file.read")
        handle = _handle(file_obj)
        return _attributes(await self._do(handle.stat))

    async def entries(self, path: bytes) -> list[SFTPName]:
        """The entries of a directory; what is none fails, whatever the reason."""
        self._rights.require("file.read")
        try:
            found = await in_thread(self._volume.names, _path(path))
        except (Problem, OSError) as err:
            raise asyncssh.SFTPFailure("failure") from err
        return [
            SFTPName(os.fsencode(name), _long_name(name, each), _attributes(each, owner=False)) for name, each in found
        ]

    async def format_longname(self, name: SFTPName) -> None:
        """Long names are there already."""

    async def readlink(self, path: bytes) -> bytes:
        """Where a link leads."""
        self._rights.require("file.read")
        return os.fsencode(await self._do(self._volume.link_target, _path(path)))

    def realpath(self, path: bytes) -> bytes:
        """The path as the session means it; nothing is looked up."""
        return os.fsencode("/" + clean(os.fsdecode(path)))

    async def statvfs(self, path: bytes) -> Any:
        """The room of the server: its limit, where it has one."""
        del path
        self._rights.require("file.read")
        found = await in_thread(os.statvfs, self._volume.root)
        limit = self._volume.limit
        if limit <= 0:
            return found
        size = found.f_frsize or 4096
        free = max(limit - self._volume.used, 0) // size
        free = min(free, found.f_bavail)
        return asyncssh.SFTPVFSAttrs(
            bsize=size,
            frsize=size,
            blocks=limit // size,
            bfree=free,
            bavail=free,
            files=found.f_files,
            ffree=found.f_ffree,
            favail=found.f_favail,
            fsid=0,
            flags=0,
            namemax=found.f_namemax,
        )

    # Files

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        """Open a file with all its flags."""
        del attrs
        name = _path(path)
        if not pflags & (FXF_WRITE | FXF_APPEND | FXF_CREAT | FXF_TRUNC):
            self._rights.require("file.read-content")
            self._check_denied(name)
            descriptor, found = await self._do(self._volume.open_file, name)
            return Handle(self._volume, descriptor, found.st_size, readable=True)
        self._check_writable()
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._do(self._volume.stat, name)
            return await self._open_to_write(name, pflags, "file.update", "server:sftp.write")
        return await self._open_to_write(name, pflags, "file.create", "server:sftp.create")

    async def _open_to_write(self, name: str, pflags: int, permission: str, event: str) -> Handle:
        self._rights.require(permission)
        if pflags & FXF_READ:
            self._rights.require("file.read-content")
        self._check_denied(name)
        handle = await self._do(
            lambda: Handle.open(
                self._volume,
                name,
                create=bool(pflags & FXF_CREAT) or permission == "file.create",
                exclusive=bool(pflags & FXF_EXCL),
                truncate=bool(pflags & FXF_TRUNC),
                append=bool(pflags & FXF_APPEND),
                readable=bool(pflags & FXF_READ),
            )
        )
        await self._record(event, "/" + name)
        return handle

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Bytes of an open file: at once what is in memory, by a thread what is on the disk."""
        with _as_status():
            found = _handle(file_obj).read_cached(offset, size)
        if found is not None:
            return found
        return await self._do(_handle(file_obj).read, offset, size)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Bytes into an open file, as far as there is room; a server that is gone takes no more."""
        if not self._rights.holds():
            raise asyncssh.SFTPPermissionDenied("permission denied")
        return await self._do(_handle(file_obj).write, offset, data)

    async def close(self, file_obj: object) -> None:
        """Close a file."""
        await self._do(_handle(file_obj).close)

    async def fsync(self, file_obj: object) -> None:
        """Have the file written to the disk."""
        await self._do(_handle(file_obj).sync)

    # Changes

    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Rights, times and size of an entry; what is not given stays."""
        self._check_writable()
        self._rights.require("file.update")
        name = _path(path)
        self._check_denied(name)
        await self._do(self._change, name, attrs)

    async def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """The same; links are never followed."""
        await self.setstat(path, attrs)

    async def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """The same of an open file."""
        self._check_writable()
        self._rights.require("file.update")
        await self._do(_handle(file_obj).change, *_changes(attrs))

    def _change(self, name: str, attrs: SFTPAttrs) -> None:
        size, mode, times = _changes(attrs)
        if size is not None:
            handle = Handle.open(self._volume, name, create=False)
            try:
                handle.change(size, None, None)
            finally:
                handle.close()
        if mode is not None:
            self._volume.chmod(name, mode)
        if times is not None:
            self._volume.set_times(name, times)

    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Make a directory and those on the way."""
        del attrs
        self._check_writable()
        self._rights.require("file.create")
        name = _path(path)
        self._check_denied(name)
        await self._do(self._volume.make_folder, name)
        await self._record("server:sftp.create-directory", "/" + name)

    async def rmdir(self, path: bytes) -> None:
        """Delete a directory with all below it."""
        await self.remove(path)

    async def remove(self, path: bytes) -> None:
        """Delete an entry with all below it; what is missing is fine."""
        self._check_writable()
        self._rights.require("file.delete")
        name = _path(path)
        self._check_denied(name)
        await self._do(self._volume.remove, name)
        await self._record("server:sftp.delete", "/" + name)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move an entry; nothing is overwritten."""
        await self._move(oldpath, newpath, replace=False)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move an entry in place of another file."""
        await self._move(oldpath, newpath, replace=True)

    async def _move(self, oldpath: bytes, newpath: bytes, *, replace: bool) -> None:
        self._check_writable()
        self._rights.require("file.update")
        old, new = _path(oldpath), _path(newpath)
        self._check_denied(old)
        self._check_denied(new)
        if replace and old != new:
            with suppress(asyncssh.SFTPError):
                await self._do(self._volume.stat, new)
                self._rights.require("file.delete")
                await self._do(self._volume.replace_by, old, new)
                await self._record("server:sftp.rename", {"from": "/" + old, "to": "/" + new})
                return
        await self._do(self._volume.rename, old, new)
        await self._record("server:sftp.rename", {"from": "/" + old, "to": "/" + new})

    async def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Make a link to something inside the volume."""
        self._check_writable()
        self._rights.require("file.create")
        target, name = os.fsdecode(oldpath), _path(newpath)
        self._check_denied(name)
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if target.startswith("/") or aim == ".." or aim.startswith("../"):
            raise asyncssh.SFTPFailure("links may lead only to files of this server")
        await self._do(self._volume.new_link, name, target)

    # Checks and helpers

    def _check_writable(self) -> None:
        if self._read_only:
            raise asyncssh.SFTPOpUnsupported("operation unsupported")

    def _check_denied(self, name: str) -> None:
        if self._rights.server.denylist.match(name):
            raise asyncssh.SFTPPermissionDenied("permission denied")

    async def _do(self, call: Callable[..., T], *args: Any) -> T:
        with _as_status():
            return await in_thread(call, *args)

    async def _record(self, event: str, file: Any) -> None:
        rights = self._rights
        await rights.server.node.activity.record(
            rights.server.uuid, event, user=rights.user, ip=rights.ip, files=[file]
        )


@contextmanager
def _as_status() -> Iterator[None]:
    """Problems of the volume as the protocol's status."""
    try:
        yield
    except NoDiskSpace as err:
        raise asyncssh.SFTPFailure("Quota Exceeded") from err
    except (Missing, FileNotFoundError) as err:
        raise asyncssh.SFTPNoSuchFile("no such file") from err
    except (Problem, OSError) as err:
        raise asyncssh.SFTPFailure("failure") from err


def _path(path: bytes) -> str:
    return clean(os.fsdecode(path))


def _handle(file_obj: object) -> Handle:
    assert isinstance(file_obj, Handle)
    return file_obj


def _attributes(found: os.stat_result, *, owner: bool = True) -> SFTPAttrs:
    attributes = SFTPAttrs(
        size=found.st_size, permissions=found.st_mode, atime=int(found.st_mtime), mtime=int(found.st_mtime)
    )
    if owner:
        attributes.uid, attributes.gid = found.st_uid, found.st_gid
    return attributes


def _changes(attrs: SFTPAttrs) -> tuple[int | None, int | None, tuple[int, int] | None]:
    """Size, mode and times in nanoseconds a request gives."""
    mode = None
    if attrs.permissions is not None:
        mode = attrs.permissions & 0o777 or _MODE
    times = None
    if attrs.mtime is not None:
        accessed = attrs.mtime if attrs.atime is None else attrs.atime
        times = (int(accessed) * 1_000_000_000, int(attrs.mtime) * 1_000_000_000)
    return attrs.size, mode, times


def _long_name(name: str, found: os.stat_result) -> bytes:
    moment = time.localtime(found.st_mtime)
    recent = abs(time.time() - found.st_mtime) < 180 * 86400
    shown = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", moment)
    line = f"{stat.filemode(found.st_mode)} {found.st_nlink:4} {found.st_uid:<8} {found.st_gid:<8} {found.st_size:8} "
    return os.fsencode(f"{line}{shown} {name}")
