"""Files opened for reading and writing at any place, as SFTP does; room is taken by every write. Blocking."""

import errno
import os
import threading

from rookery.wings.files.volume import Volume

_NO_CACHE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""What a file system answers that cannot say whether it would wait."""


class Handle:
    """An open file of a volume."""

    def __init__(
        self,
        volume: Volume,
        descriptor: int,
        size: int,
        *,
        readable: bool,
        writable: bool = False,
        append: bool = False,
    ) -> None:
        self._volume = volume
        self._descriptor = descriptor
        self._size = size
        self._readable = readable
        self._writable = writable
        self._append = append
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        volume: Volume,
        path: str,
        *,
        create: bool,
        exclusive: bool = False,
        truncate: bool = False,
        append: bool = False,
        readable: bool = False,
    ) -> "Handle":
        """Open a file for writing; what is made belongs to the server's user.

        Raises:
            NotFound: there is none and none is to be made, or the path leads outside.
            Taken: there is one and it was to be a new one.
            NoDiskSpace: there is no room at all.
            IsFolder, Special: it is no regular file.
        """
        descriptor, size = volume.open_to_write(path, create=create, exclusive=exclusive, truncate=truncate)
        return cls(volume, descriptor, size, readable=readable, writable=True, append=append)

    def stat(self) -> os.stat_result:
        """What the file is."""
        return os.fstat(self._descriptor)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from a place on; fewer at the end.

        Raises:
            PermissionError: it was not opened for reading.
        """
        if not self._readable:
            raise PermissionError("not opened for reading")
        return os.pread(self._descriptor, size, offset)

    def read_cached(self, offset: int, size: int) -> bytes | None:
        """Bytes that need no disk, perhaps fewer; None when the disk must be asked. Never waits.

        Raises:
            PermissionError: it was not opened for reading.
        """
        if not self._readable:
            raise PermissionError("not opened for reading")
        buffer = bytearray(size)
        try:
            found = os.preadv(self._descriptor, [buffer], offset, os.RWF_NOWAIT)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as err:
            if err.errno in _NO_CACHE:
                return None
            raise
        del buffer[found:]
        return bytes(buffer)

    def write(self, offset: int, data: bytes) -> int:
        """Put bytes at a place, or at the end of a file opened to append.

        Raises:
            NoDiskSpace: they do not fit.
            PermissionError: it was not opened for writing.
        """
        if not self._writable:
            raise PermissionError("not opened for writing")
        with self._lock:
            if self._append:
                offset = os.fstat(self._descriptor).st_size
            more = offset + len(data) - self._size
            if more > 0:
                self._volume.reserve(more)
                self._size += more
        view, at = memoryview(data), offset
        while view:
            done = os.pwrite(self._descriptor, view, at)
            view, at = view[done:], at + done
        return len(data)

    def change(self, size: int | None, mode: int | None, times: tuple[int, int] | None) -> None:
        """Set size, rights and times, as far as given.

        Raises:
            NoDiskSpace: it would grow beyond the limit.
        """
        with self._lock:
            if size is not None and self._writable:
                self._volume.reserve(size - self._size)
                os.ftruncate(self._descriptor, size)
                self._size = size
            if mode is not None:
                os.fchmod(self._descriptor, mode & 0o777)
            if times is not None:
                os.utime(self._descriptor, ns=times)

    def sync(self) -> None:
        """Have it on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close; twice is fine."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)
