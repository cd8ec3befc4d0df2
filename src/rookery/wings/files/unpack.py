"""Unpacking archives into a volume: nothing leaves it, its limit holds, and what unpacks to absurd sizes is refused.

What an archive is, its first bytes say. Names that would climb out land at the top of the volume; links are made only
when they lead to something inside. Source: Wings 1.11 decompression, with the repairs asked for there.
"""

import os
import posixpath
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from rookery.wings.files.formats import Broken, Budget, Entry, members, reading, recognise
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.volume import NoDiskSpace, Volume, clean

_BLOCK = 1 << 18

NOTHING = Patterns.parse(())


def unpack(volume: Volume, root: str, path: str, denied: Patterns) -> None:
    """Unpack the archive `path` into the directory `root`; entries in the denylist are left out.

    Raises:
        NotFound: there is no such file.
        UnknownFormat, Protected, Broken, Bomb: see there; what came before stays.
        NoDiskSpace: it does not fit; nothing was unpacked when the archive says its sizes truly.
    """
    descriptor, found = volume.open_file(path)
    with os.fdopen(descriptor, "rb") as file, reading():
        archive = recognise(file, path.rpartition("/")[2])
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
    with path.open("rb") as file, reading():
        for entry in recognise(file, path.name).entries():
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
    with path.open("rb") as file, reading():
        budget = Budget(path.stat().st_size)
        for found in recognise(file, path.name).entries():
            if found.kind == "file":
                say(found.name)
            _put(volume, "", found, NOTHING, budget)


def unpack_stream(volume: Volume, stream: IO[bytes], denied: Patterns) -> None:
    """Unpack a gzipped tar as it comes into the top of a volume, and close the stream.

    Raises:
        Broken, Bomb, NoDiskSpace: see there; what came before stays.
    """
    from isal import igzip

    with stream, reading(), igzip.open(stream, "rb") as inner:  # type: ignore[no-untyped-call]
        with tarfile.open(fileobj=cast("IO[bytes]", inner), mode="r|") as tar:
            for entry in members(tar):
                _put(volume, "", entry, denied, _Unbounded())
        while inner.read(_BLOCK):
            pass
        while stream.read(_BLOCK):
            pass


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
