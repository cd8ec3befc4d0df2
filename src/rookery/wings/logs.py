"""The daemon's log: structured lines to standard output and to `wings.log`, which is rotated at 10 MiB.

Source: the log rotation Wings 1.11 sets up: 10 MiB, compressed, a week kept.
"""

import gzip
import logging
import shutil
import sys
import time
from pathlib import Path

import structlog

from rookery.wings.config import System

_LIMIT = 10 * 1024 * 1024
_KEPT_SECONDS = 7 * 24 * 3600


def set_up_logging(system: System, *, debug: bool) -> "Sink":
    """Log from here on; the sink is what a SIGHUP opens anew."""
    sink = Sink(Path(system.log_directory, "wings.log"), rotate=system.enable_log_rotate)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sink),  # type: ignore[arg-type]  # a write and flush suffice
        cache_logger_on_first_use=True,
    )
    return sink


class Sink:
    """Standard output and a file, which may also be moved away by another program while we write."""

    def __init__(self, path: Path, *, rotate: bool, limit: int = _LIMIT) -> None:
        self._path, self._rotate, self._limit = path, rotate, limit
        self._file = path.open("a")
        self._size = self._file.tell()

    def write(self, text: str) -> None:
        """Write to both."""
        sys.stdout.write(text)
        self._file.write(text)
        self._size += len(text)

    def flush(self) -> None:
        """Flush both, and rotate a file that has grown large."""
        sys.stdout.flush()
        self._file.flush()
        if self._rotate and self._size >= self._limit:
            self._turn()

    def reopen(self) -> None:
        """Open the file anew, after it was moved away."""
        old, self._file = self._file, self._path.open("a")
        self._size = self._file.tell()
        old.close()

    def close(self) -> None:
        """Close the file; nothing is written afterwards."""
        self._file.close()

    def _turn(self) -> None:
        """Pack the file beside itself, under the moment it ended, and remove those older than a week."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        packed = self._path.with_name(f"{self._path.name}-{moment}-{time.monotonic_ns() % 10**6:06}.gz")
        try:
            with self._path.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
                shutil.copyfileobj(source, target)
            self._path.unlink()
            for old in self._path.parent.glob(f"{self._path.name}-*.gz"):
                if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                    old.unlink(missing_ok=True)
        except OSError:
            self._limit += _LIMIT  # a full disk must not cost the node more than its log
        self.reopen()
