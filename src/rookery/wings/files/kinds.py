"""The kind of content of entries in a directory, looked up once per state of a file."""

import os
import stat
import time

from rookery.wings.files.mime import EMPTY, FOLDER, SNIFFED, UNKNOWN, sniff

_MOST = 100_000
_SETTLED_SECONDS = 1.0
"""Files changed more recently are looked at again: two changes within one tick of the clock look the same."""
_known: dict[tuple[int, int, int, int, int], str] = {}


def kind_of(folder: int, name: str, found: os.stat_result) -> str:
    """The MIME type of an entry of the open directory `folder`; a file that cannot be read counts as empty."""
    if not stat.S_ISREG(found.st_mode):
        return FOLDER if stat.S_ISDIR(found.st_mode) else UNKNOWN
    if not found.st_size:
        return EMPTY
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    kind = _known.get(state)
    if kind is None:
        kind = sniff(_head(folder, name))
        if time.time() - found.st_ctime > _SETTLED_SECONDS:
            if len(_known) >= _MOST:
                _known.clear()
            _known[state] = kind
    return kind


def _head(folder: int, name: str) -> bytes:
    """The first bytes of a regular file; nothing of one that cannot be read."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    try:
        return os.read(descriptor, SNIFFED)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
