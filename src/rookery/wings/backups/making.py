"""An archive of a whole volume as a file of the node: written beside its place and moved there when it is whole."""

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rookery.protocol.problems import Problem
from rookery.wings.files.archives import write_archive
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.volume import Volume

_NICE = 10
_MIB = 1024 * 1024
_IGNORE_FILE, _IGNORE_MOST = ".pteroignore", 32 * 1024


def _be_nice() -> None:
    """Archives give way to everything else; on Linux this holds for the one thread."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


WORKERS = ThreadPoolExecutor(max_workers=3, thread_name_prefix="archive", initializer=_be_nice)
"""Threads of their own, so that files are not kept waiting by archives."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished archive."""

    path: Path
    size: int
    checksum: str
    """SHA-1 of the file in hexadecimal."""


def make_archive(volume: Volume, path: Path, ignored: Sequence[str], *, level: str, limit: int) -> Made:
    """Archive the volume at `path`; with no patterns those of its own ignore file count. `limit` is MiB per second.

    Raises:
        Problem, OSError: it could not be made; nothing is at `path` that was not there before.
    """
    patterns = Patterns.parse(ignored if any(line.strip() for line in ignored) else _own_patterns(volume))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as raw:
            sink = _Hashed(raw, limit)
            write_archive(volume, sink, level=level, wanted=lambda name: not patterns.match(name.rstrip("/")))
            os.fsync(raw.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Made(path, sink.size, sink.digest.hexdigest())


def _own_patterns(volume: Volume) -> list[str]:
    try:
        return volume.read(_IGNORE_FILE, most=_IGNORE_MOST).decode("utf-8", "replace").split("\n")
    except (Problem, OSError):
        return []


class _Hashed:
    """A file that is counted and hashed as it is written, at most so fast."""

    def __init__(self, raw: IO[bytes], limit: int) -> None:
        self._raw = raw
        self._rate = limit * _MIB if limit >= 1 else 0
        self._began = time.monotonic()
        self.size = 0
        self.digest = hashlib.sha1(usedforsecurity=False)

    def write(self, content: bytes, /) -> int:
        view = memoryview(content)
        self.digest.update(view)
        self.size += len(view)
        while view:
            view = view[self._raw.write(view) :]
        if self._rate:  # one second may go ahead
            wait = (self.size - self._rate) / self._rate - (time.monotonic() - self._began)
            if wait > 0:
                time.sleep(wait)
        return len(content)

    def flush(self) -> None:
        """Nothing waits here."""
