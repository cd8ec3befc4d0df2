"""Unpacking archives into a volume: nothing leaves it, its limit holds, and what unpacks to absurd sizes is refused.

What an archive is, its first bytes say. Names that would climb out land at the top of the volume; links are made only
when they lead to something inside. Source: Wings 1.11 decompression, with the repairs asked for there.
"""

import bz2
import gzip
import io
import lzma
import os
import posixpath
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from rookery.protocol.problems import Conflict, Invalid, Unavailable
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.volume import NoDiskSpace, Volume, clean

_BLOCK = 1 << 18
_MOST_ENTRIES = 2_000_000
_RATIO = 2000
"""How many times its size an archive may unpack to; real ones stay far below."""
_FREE = 1 << 30
"""Bytes below which the ratio does not matter."""


NOTHING = Patterns.parse(())


class UnknownFormat(Invalid):
    """The file is no archive."""

    def __init__(self) -> None:
        super().__init__("The archive provided is in a format Wings does not understand.", field="file")


class Protected(Invalid):
    """The archive asks for a password."""

    def __init__(self) -> None:
        super().__init__("The archive is protected by a password and cannot be unpacked.", field="file")


class Broken(Unavailable):
    """The archive is damaged or cut off."""


class Bomb(Conflict):
    """The archive would unpack to an absurd size."""

    def __init__(self) -> None:
        super().__init__("The archive unpacks to far more than it holds and was refused.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in an archive; `kind` is file, folder, link, same (another name of a file) or other."""

    name: str
    kind: str
    size: int = 0
    mode: int = 0o644
    modified: float = 0
    target: str = ""
    content: IO[bytes] | None = None


class Archive(Protocol):
    """What can be read from first to last entry, more than once."""

    def entries(self) -> Iterator[Entry]:
        """The entries in order; contents are valid until the next step."""
        ...


def unpack(volume: Volume, root: str, path: str, denied: Patterns) -> None:
    """Unpack the archive `path` into the directory `root`; entries in the denylist are left out.

    Raises:
        NotFound: there is no such file.
        UnknownFormat, Protected, Broken, Bomb: see there; what came before stays.
        NoDiskSpace: it does not fit; nothing was unpacked when the archive says its sizes truly.
    """
    descriptor, found = volume.open_file(path)
    with os.fdopen(descriptor, "rb") as file, _broken():
        archive = _recognise(file, path.rpartition("/")[2])
        budget = Budget(found.st_size)
        if volume.limit != 0:
            total = sum(entry.size for entry in archive.entries() if entry.kind == "file")
            if volume.limit < 0 or volume.used + total > volume.limit:
                raise NoDiskSpace
        for entry in archive.entries():
            _put(volume, root, entry, denied, budget)


def check(volume: Volume, path: Path, *, alone: bool) -> None:
    """Read an archive of the node to its end; with `alone` it must fit where nothing else is.

    Raises:
        Broken, UnknownFormat: it is not whole, or no archive.
        NoDiskSpace: it is larger than the volume may be.
    """
    total = 0
    with path.open("rb") as file, _broken():
        for entry in _recognise(file, path.name).entries():
            total += entry.size
            if entry.content is not None:
                while entry.content.read(_BLOCK):
                    pass
    if volume.limit < 0 or (alone and 0 < volume.limit < total):
        raise NoDiskSpace


def restore(volume: Volume, path: Path, *, truncate: bool, say: Callable[[str], None]) -> None:
    """Put everything of an archive of the node into the volume, which is emptied first with `truncate`.

    `say` hears each name. Call `check` before.

    Raises:
        Broken, NoDiskSpace: see there; what came before stays.
    """
    if truncate:
        for entry in volume.list(""):
            volume.remove(entry.name)
    with path.open("rb") as file, _broken():
        budget = Budget(path.stat().st_size)
        for found in _recognise(file, path.name).entries():
            if found.kind == "file":
                say(found.name)
            _put(volume, "", found, NOTHING, budget)


def unpack_stream(volume: Volume, stream: IO[bytes], denied: Patterns) -> None:
    """Unpack a gzipped tar as it comes into the top of a volume, and close the stream.

    Raises:
        Broken, Bomb, NoDiskSpace: see there; what came before stays.
    """
    from isal import igzip

    with stream, _broken(), igzip.open(stream, "rb") as inner:  # type: ignore[no-untyped-call]
        with tarfile.open(fileobj=cast("IO[bytes]", inner), mode="r|") as tar:
            for entry in _members(tar):
                _put(volume, "", entry, denied, _Unbounded())
        while inner.read(_BLOCK):
            pass
        while stream.read(_BLOCK):
            pass


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as err:
        raise Broken("The archive is damaged or cut off.") from err
    except NotImplementedError as err:
        raise UnknownFormat from err
    except RuntimeError as err:
        if "encrypted" in str(err) or "password" in str(err).lower():
            raise Protected from err
        raise


class Budget:
    """What may still come out of an archive of `size` bytes."""

    def __init__(self, size: int) -> None:
        self._left = max(size * _RATIO, _FREE)
        self._entries = _MOST_ENTRIES

    def take(self, size: int) -> None:
        """Note `size` bytes of one entry.

        Raises:
            Bomb: it is too much.
        """
        self._left -= size
        self._entries -= 1
        if self._left < 0 or self._entries < 0:
            raise Bomb


class _Unbounded(Budget):
    """For what another node sends: its servers are bounded by their own limits."""

    def __init__(self) -> None:
        super().__init__(1 << 50)


def _put(volume: Volume, root: str, entry: Entry, denied: Patterns, budget: Budget) -> None:
    name = entry.name.lstrip("/") if entry.name.startswith("/") else entry.name
    path = clean(f"{root}/{name}")
    if not path or denied.match(path):
        return
    budget.take(entry.size)
    match entry.kind:
        case "folder":
            volume.make_folder(path)
        case "link":
            _link(volume, path, entry.target)
        case "same":
            _same(volume, root, path, entry)
        case "file":
            assert entry.content is not None
            _write(volume, path, entry, entry.content)
        case _:
            return


def _write(volume: Volume, path: str, entry: Entry, content: IO[bytes]) -> None:
    moment = int(entry.modified * 1_000_000_000)
    times = (moment, moment) if moment > 0 else None
    mode = entry.mode & 0o777 & ~0o022
    with volume.replacing(path, size=entry.size, mode=mode, times=times) as out:
        left = entry.size
        while left:
            chunk = content.read(min(_BLOCK, left))
            if not chunk:
                raise Broken("The archive is damaged or cut off.")
            out.write(chunk)
            left -= len(chunk)


def _link(volume: Volume, path: str, target: str) -> None:
    """A link to something inside the volume; others are left out."""
    if target.startswith("/") or not target:
        return
    aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if aim == ".." or aim.startswith("../"):
        return
    volume.link(path, target)


def _same(volume: Volume, root: str, path: str, entry: Entry) -> None:
    """Another name of a file unpacked before: a copy of it."""
    source = clean(f"{root}/{entry.target}")
    descriptor, found = volume.open_file(source)
    with os.fdopen(descriptor, "rb") as file:
        _write(volume, path, Entry(entry.name, "file", found.st_size, entry.mode, found.st_mtime), file)


# Formats

_PACKED = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\x78\x01": "zz",
    b"\x78\x9c": "zz",
    b"\x78\xda": "zz",
}
_ENDINGS = {"tgz": "gz", "tbz2": "bz2", "txz": "xz", "tzst": "zst"}


def _recognise(file: IO[bytes], name: str) -> Archive:
    head = file.read(512)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _Zip(file)
    if head.startswith(b"7z\xbc\xaf\x27\x1c"):
        return _SevenZip(file)
    if head.startswith(b"Rar!\x1a\x07"):
        return _Rar(file)
    if _is_tar(head):
        return _Tar(file, None)
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            return _unpacked(file, kind, name)
    if head[:512].strip(b"\0") == b"" and name.lower().endswith(".tar"):
        return _Tar(file, None)
    raise UnknownFormat


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    try:
        stored = int(head[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return len(head) == 512 and stored == sum(head[:148]) + 8 * 32 + sum(head[156:])


def _unpacked(file: IO[bytes], kind: str, name: str) -> Archive:
    with _opened(file, kind) as inner:
        head = inner.read(512)
    file.seek(0)
    lowered = name.lower()
    if _is_tar(head) or ".tar." in lowered or any(lowered.endswith(f".{ending}") for ending in _ENDINGS):
        return _Tar(file, kind)
    return _Single(file, kind, name)


@contextmanager
def _opened(file: IO[bytes], kind: str | None) -> Iterator[IO[bytes]]:
    """The bytes behind a compression, from the beginning."""
    file.seek(0)
    match kind:
        case None:
            yield file
        case "gz":
            from isal import igzip

            with igzip.open(file, "rb") as inner:  # type: ignore[no-untyped-call]
                yield cast("IO[bytes]", inner)
        case "bz2":
            with bz2.open(file, "rb") as packed:
                yield cast("IO[bytes]", packed)
        case "xz":
            with lzma.open(file, "rb") as squeezed:
                yield cast("IO[bytes]", squeezed)
        case "zst":
            from backports import zstd

            with zstd.open(file, "rb") as fast:
                yield cast("IO[bytes]", fast)
        case _:
            yield cast("IO[bytes]", io.BufferedReader(_Deflated(file)))


class _Deflated(io.RawIOBase):
    """A bare zlib stream."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._inflate = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # any buffer
        while True:
            raw = self._inflate.unconsumed_tail or self._file.read(_BLOCK)
            if not raw and self._inflate.eof:
                return 0
            found = self._inflate.decompress(raw, len(view))
            if found:
                view[: len(found)] = found
                return len(found)
            if self._inflate.eof:
                return 0
            if not raw:
                raise EOFError("the stream ends early")


@dataclass(frozen=True, slots=True)
class _Tar:
    file: IO[bytes]
    kind: str | None

    def entries(self) -> Iterator[Entry]:
        with _opened(self.file, self.kind) as inner, tarfile.open(fileobj=inner, mode="r|") as tar:
            yield from _members(tar)
            while inner.read(_BLOCK):
                pass  # the rest, so that a cut or damaged end is noticed


def _members(tar: tarfile.TarFile) -> Iterator[Entry]:
    for member in tar:
        kind = "other"
        if member.isreg():
            kind = "file"
        elif member.isdir():
            kind = "folder"
        elif member.issym():
            kind = "link"
        elif member.islnk():
            kind = "same"
        content = tar.extractfile(member) if kind == "file" else None
        size = member.size if kind == "file" else 0
        yield Entry(member.name, kind, size, member.mode, member.mtime, member.linkname, content)


@dataclass(frozen=True, slots=True)
class _Single:
    """One compressed file; its size is found by unpacking it once."""

    file: IO[bytes]
    kind: str
    name: str

    def entries(self) -> Iterator[Entry]:
        size = 0
        with _opened(self.file, self.kind) as inner:
            while chunk := inner.read(_BLOCK):
                size += len(chunk)
        stem, _, ending = self.name.rpartition(".")
        name = stem if stem and ending.lower() in (*_PACKED.values(), "bzip2", "zstd") else f"{self.name}.unpacked"
        with _opened(self.file, self.kind) as inner:
            yield Entry(name, "file", size, 0o644, time.time(), content=inner)


@dataclass(frozen=True, slots=True)
class _Zip:
    file: IO[bytes]

    def entries(self) -> Iterator[Entry]:
        with zipfile.ZipFile(self.file) as found:
            for info in found.infolist():
                mode = info.external_attr >> 16
                moment = time.mktime((*info.date_time, 0, 0, -1)) if info.date_time[0] >= 1980 else 0
                name = info.filename
                if info.is_dir():
                    yield Entry(name, "folder")
                elif stat.S_ISLNK(mode):
                    target = found.read(info)[:4096].decode("utf-8", "replace")
                    yield Entry(name, "link", target=target)
                else:
                    if info.flag_bits & 1:
                        raise Protected
                    with found.open(info) as content:
                        yield Entry(name, "file", info.file_size, mode or 0o644, moment, content=content)


@dataclass(frozen=True, slots=True)
class _SevenZip:
    """Unpacked into a temporary place of the daemon first, as the format cannot be read as a stream."""

    file: IO[bytes]

    def entries(self) -> Iterator[Entry]:
        import py7zr

        self.file.seek(0)
        try:
            archive = py7zr.SevenZipFile(cast("io.BufferedReader", self.file))
        except py7zr.exceptions.PasswordRequired as err:
            raise Protected from err
        except py7zr.exceptions.ArchiveError as err:
            raise Broken("The archive is damaged or cut off.") from err
        with archive:
            if archive.needs_password():
                raise Protected
            budget = Budget(os.fstat(self.file.fileno()).st_size)
            for info in archive.list():
                budget.take(info.uncompressed)
            names = [info.filename for info in archive.list() if not info.is_directory]
            for info in archive.list():
                if info.is_directory:
                    yield Entry(info.filename, "folder")
            with tempfile.TemporaryDirectory(prefix="unpack-") as folder:
                safe = [name for name in names if not name.startswith("/") and ".." not in name.split("/")]
                archive.extract(path=folder, targets=safe)
                for name in safe:
                    place = f"{folder}/{name}"
                    found = os.lstat(place)
                    if stat.S_ISLNK(found.st_mode):
                        yield Entry(name, "link", target=os.readlink(place))  # noqa: PTH115 - names with odd bytes
                    elif stat.S_ISREG(found.st_mode):
                        with open(place, "rb") as content:  # noqa: PTH123 - names with odd bytes
                            yield Entry(name, "file", found.st_size, found.st_mode, found.st_mtime, content=content)


@dataclass(frozen=True, slots=True)
class _Rar:
    """Read by the programs `unrar`, `unar`, `7z` or `bsdtar`, whichever the node has."""

    file: IO[bytes]

    def entries(self) -> Iterator[Entry]:
        import rarfile

        self.file.seek(0)
        try:
            with rarfile.RarFile(self.file) as archive:
                if archive.needs_password():
                    raise Protected
                for info in archive.infolist():
                    moment = info.mtime.timestamp() if info.mtime else 0
                    if info.is_dir():
                        yield Entry(info.filename, "folder")
                    elif info.is_symlink():
                        yield Entry(info.filename, "link", target=archive.read(info)[:4096].decode("utf-8", "replace"))
                    else:
                        with archive.open(info) as content:
                            yield Entry(info.filename, "file", info.file_size, 0o644, moment, content=content)
        except rarfile.RarCannotExec as err:
            raise UnknownFormat from err
        except rarfile.Error as err:
            raise Broken("The archive is damaged or cut off.") from err
