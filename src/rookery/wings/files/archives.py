"""Archives of a volume: gzip around tar, written as fast as one core allows, in constant memory.

What is stored: files with their modes and times, links as links, directories, pipes and devices as headers; sockets are
left out. A file that shrinks meanwhile is padded and one that vanishes left out, so that an archive never fails for it.
Source: Wings 1.11 archives, with links and empty directories kept.
"""

import os
import stat
import tarfile
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import IO, Protocol, cast

from rookery.wings.files.listing import Entry
from rookery.wings.files.volume import Incoming, NoDiskSpace, Volume

_LEVELS = {"none": 0, "best_compression": 9}
_BLOCK = 1 << 20
_UNLIMITED = 1 << 62


class Sink(Protocol):
    """Where an archive goes."""

    def write(self, content: bytes, /) -> int:
        """Take some bytes."""
        ...


def level_of(word: str) -> int:
    """The level of `system.backups.compression_level`."""
    return _LEVELS.get(word, 1)


def write_archive(
    volume: Volume,
    sink: Sink,
    *,
    root: str = "",
    level: str = "best_speed",
    wanted: Callable[[str], bool] = lambda _path: True,
    progress: Callable[[int], None] = lambda _size: None,
) -> None:
    """Write everything below `root` whose path from there is `wanted`; `progress` hears of the bytes read.

    Raises:
        NotFound: there is no such directory.
    """
    from isal import igzip_threaded

    number = level_of(level)
    with (
        _gzip(igzip_threaded, sink, number) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as tar,
    ):
        for path, found, folder, name in volume.walk(root):
            if stat.S_ISDIR(found.st_mode):
                if wanted(f"{path}/"):
                    tar.addfile(_header(path, found))
                continue
            if stat.S_ISSOCK(found.st_mode) or not wanted(path):
                continue
            with suppress(FileNotFoundError):
                _add(tar, path, found, folder, name, progress)


def _gzip(library: object, sink: Sink, level: int) -> IO[bytes]:
    """The compressor; the fast library has neither a level 9 nor one that compresses nothing."""
    if level in (0, 9):
        import gzip

        plain = gzip.GzipFile(fileobj=cast("IO[bytes]", sink), mode="wb", compresslevel=level, mtime=0)
        return cast("IO[bytes]", plain)
    opened = library.open(sink, "wb", compresslevel=level, threads=1, block_size=_BLOCK)  # type: ignore[attr-defined]
    return cast("IO[bytes]", opened)


def _header(path: str, found: os.stat_result) -> tarfile.TarInfo:
    header = tarfile.TarInfo(path)
    header.mode = stat.S_IMODE(found.st_mode)
    header.mtime = int(found.st_mtime)
    kinds = {stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFIFO: tarfile.FIFOTYPE}
    kinds |= {stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE}
    header.type = kinds.get(stat.S_IFMT(found.st_mode), tarfile.REGTYPE)
    return header


def _add(
    tar: tarfile.TarFile, path: str, found: os.stat_result, folder: int, name: str, progress: Callable[[int], None]
) -> None:
    header = _header(path, found)
    if stat.S_ISLNK(found.st_mode):
        header.type, header.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=folder)
        tar.addfile(header)
        return
    if not stat.S_ISREG(found.st_mode):
        tar.addfile(header)
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        now = os.fstat(file.fileno())
        if not stat.S_ISREG(now.st_mode):
            return
        header.size = now.st_size
        tar.addfile(header, cast("IO[bytes]", _Exactly(file, header.size, progress)))


class _Exactly:
    """Exactly `size` bytes of a file: the rest of one that grew is left out, one that shrank is filled with zeros."""

    def __init__(self, file: IO[bytes], size: int, progress: Callable[[int], None]) -> None:
        self._file = file
        self._left = size
        self._progress = progress

    def read(self, most: int = -1) -> bytes:
        size = self._left if most < 0 else min(most, self._left)
        found = self._file.read(size)
        found += bytes(size - len(found))
        self._left -= len(found)
        self._progress(len(found))
        return found


def compress(volume: Volume, root: str, names: Collection[str], *, level: str) -> Entry:
    """A new archive of the named entries of a directory, in it; names must be exactly as they are there.

    Raises:
        NotFound: there is no such directory.
        NoDiskSpace: the archive does not fit.
    """
    chosen = {name.rstrip("/") for name in names}

    def wanted(path: str) -> bool:
        path = path.rstrip("/")
        return any(path == name or path.startswith(f"{name}/") for name in chosen)

    volume.list(root)
    moment = time.strftime("%Y-%m-%dT%H%M%S%z")
    name = f"archive-{moment.removesuffix('+0000')}Z.tar.gz" if moment.endswith("+0000") else f"archive-{moment}.tar.gz"
    target = f"{root}/{name}" if root else name
    with volume.replacing(target, size=0, free=True) as out:
        write_archive(volume, _Counted(volume, out), root=root, level=level, wanted=wanted)
    return volume.entry(target)


class _Counted:
    """A file that grows while there is room in its volume."""

    def __init__(self, volume: Volume, out: Incoming) -> None:
        self._volume = volume
        self._out = out

    def write(self, content: bytes, /) -> int:
        if 0 < self._volume.limit < self._volume.used + self._out.written + len(content):
            raise NoDiskSpace
        self._out.grow(len(content))
        return self._out.write(content)

    def flush(self) -> None:
        """Nothing waits here."""
