"""The formats of archives, each read as a row of entries. What an archive is, its first bytes say.

Source: Wings 1.11 decompression: tar, zip, 7z and rar, tar and single files in every compression of `packed`.
"""

import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol, cast

from rookery.protocol.problems import Conflict, Invalid, Unavailable
from rookery.wings.files.packed import ENDINGS, KINDS, Damaged, opened

_BLOCK = 1 << 18
_MOST_ENTRIES = 2_000_000
_RATIO = 2000
"""How many times its size an archive may unpack to; real ones stay far below."""
_FREE = 1 << 30
"""Bytes below which the ratio does not matter."""


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


_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, Damaged)


@contextmanager
def reading() -> Iterator[None]:
    """Turn what readers of archives raise into problems of ours."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        gzip.BadGzipFile,
        Damaged,
    ) as err:
        raise Broken("The archive is damaged or cut off.") from err
    except NotImplementedError as err:
        raise UnknownFormat from err
    except RuntimeError as err:
        if "encrypted" in str(err) or "password" in str(err).lower():
            raise Protected from err
        raise


def recognise(file: IO[bytes], name: str) -> Archive:
    """The archive in `file`, which can be rewound.

    Raises:
        UnknownFormat, Damaged: it is none.
    """
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
    for magic, kind in KINDS.items():
        if head.startswith(magic):
            return _unpacked(file, kind, name)
    if name.lower().endswith(".br"):
        return _unpacked(file, "br", name)
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
    with opened(file, kind) as inner:
        head = inner.read(512)
    file.seek(0)
    lowered = name.lower()
    if _is_tar(head) or ".tar." in lowered or lowered.endswith((".tgz", ".tbz2", ".txz", ".tzst")):
        return _Tar(file, kind)
    return _Single(file, kind, name)


@dataclass(frozen=True, slots=True)
class _Tar:
    file: IO[bytes]
    kind: str | None

    def entries(self) -> Iterator[Entry]:
        with opened(self.file, self.kind) as inner, tarfile.open(fileobj=inner, mode="r|") as tar:
            yield from members(tar)
            while inner.read(_BLOCK):
                pass  # the rest, so that a cut or damaged end is noticed


def members(tar: tarfile.TarFile) -> Iterator[Entry]:
    """What an open tar holds."""
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
        with opened(self.file, self.kind) as inner:
            while chunk := inner.read(_BLOCK):
                size += len(chunk)
        stem, _, ending = self.name.rpartition(".")
        name = stem if stem and ending.lower() in ENDINGS else f"{self.name}.unpacked"
        with opened(self.file, self.kind) as inner:
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
