"""One server's files: the only door to them, for everything this program does.

Blocking code; callers cross into the thread pool once per operation. Every path is resolved beneath the volume's own
directory descriptor (`beneath`), so no path, link or race leads out of it.
"""

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rookery.protocol.problems import Conflict, Invalid, NotFound
from rookery.protocol.units import Bytes
from rookery.wings.files.beneath import Outside, open_beneath

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


class NoDiskSpace(Conflict):
    """The volume's limit would be passed."""

    def __init__(self) -> None:
        super().__init__("There is not enough disk space available to perform that action.")


class Volume:
    """The folder `root` of the host, owned by `uid`:`gid`, holding at most `limit` bytes (0: no limit)."""

    def __init__(self, root: str, *, uid: int, gid: int, limit: Bytes) -> None:
        self.root = root
        self.uid = uid
        self.gid = gid
        self.limit = limit
        self._used = 0
        self._counted_at: float | None = None

    # The folder itself

    def make(self) -> None:
        """Create the folder, owned by the server's user, unless it is there."""
        try:
            Path(self.root).mkdir(mode=_FOLDER_MODE, parents=True)
        except FileExistsError:
            return
        os.chmod(self.root, _FOLDER_MODE)  # noqa: PTH101 - the umask must not decide
        os.chown(self.root, self.uid, self.gid)

    def destroy(self) -> None:
        """Delete everything; what cannot be deleted is left, and a missing folder is fine."""
        shutil.rmtree(self.root, ignore_errors=True)

    def take_ownership(self) -> None:
        """Give every entry to the server's user; links themselves, never what they point to."""
        with self._directory() as root:
            os.chown(root, self.uid, self.gid)
            for folder, names in _folders(root):
                for name in names:
                    self._own(folder, name)

    def _own(self, folder: int, name: str) -> None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if (found.st_uid, found.st_gid) != (self.uid, self.gid):
                os.chown(name, self.uid, self.gid, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return

    @contextmanager
    def _directory(self) -> Iterator[int]:
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    # Disk use

    @property
    def used(self) -> Bytes:
        """Bytes of all files as last counted; 0 before the first count."""
        return Bytes(self._used)

    def counted_within(self, seconds: float) -> bool:
        """Whether the last count is at most so old."""
        return self._counted_at is not None and time.monotonic() - self._counted_at <= seconds

    def count(self) -> Bytes:
        """Count the bytes of all regular files anew: apparent sizes, a file with several names once per name."""
        total = 0
        try:
            with self._directory() as root:
                for folder, names in _folders(root):
                    for name in names:
                        try:
                            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        if stat.S_ISREG(found.st_mode):
                            total += found.st_size
        except FileNotFoundError:
            total = 0
        self._used, self._counted_at = total, time.monotonic()
        return Bytes(total)

    def is_full(self) -> bool:
        """Whether more is used than the limit allows; a negative limit is always full."""
        return self.limit < 0 or (self.limit > 0 and self._used > self.limit)

    # Files

    def read(self, path: str, *, most: int) -> bytes:
        """The content of a regular file.

        Raises:
            NotFound: there is none, or the path leads outside.
            Invalid: it is no regular file, or has more than `most` bytes.
        """
        with self._opened(path, os.O_RDONLY | os.O_NONBLOCK) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Invalid("Cannot perform that action: file is a directory.", field="file")
            if found.st_size > most:
                raise Invalid(f"The file is larger than {most} bytes.", field="file")
            return file.read(most)

    def write(self, path: str, content: bytes) -> None:
        """Replace the file in one step, keeping mode and owner of the old one; folders on the way are made.

        Links are never written through. On failure the old file is as it was.

        Raises:
            NotFound: the path leads outside.
            Invalid: there is a folder or a link of that name.
        """
        folder_path, name = _split(path)
        with self._made_folder(folder_path) as folder:
            mode, uid, gid, size = _FILE_MODE, self.uid, self.gid, 0
            try:
                old = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                old = None
            if old is not None:
                if not stat.S_ISREG(old.st_mode):
                    raise Invalid("Cannot perform that action: file is a directory.", field="file")
                mode, uid, gid, size = stat.S_IMODE(old.st_mode), old.st_uid, old.st_gid, old.st_size
            temporary = f".{name[:200]}.{secrets.token_hex(6)}"
            descriptor = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder
            )
            try:
                with os.fdopen(descriptor, "wb") as out:
                    out.write(content)
                    os.fchmod(out.fileno(), mode)
                    os.fchown(out.fileno(), uid, gid)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(temporary, dir_fd=folder)
                raise
            self._used += len(content) - size

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[BinaryIO]:
        with self._directory() as root:
            try:
                descriptor = open_beneath(root, clean(path), flags)
            except (FileNotFoundError, NotADirectoryError) as err:
                raise NotFound("The requested resources was not found on the system.") from err
        with os.fdopen(descriptor, "rb") as file:
            yield file

    @contextmanager
    def _made_folder(self, path: str) -> Iterator[int]:
        with self._directory() as root:
            here = os.dup(root)
        try:
            for part in path.split("/") if path else ():
                try:
                    os.mkdir(part, _FOLDER_MODE, dir_fd=here)
                    os.chown(part, self.uid, self.gid, dir_fd=here, follow_symlinks=False)
                except FileExistsError:
                    pass
                try:
                    inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                except OSError as err:
                    if err.errno in (errno.ELOOP, errno.ENOTDIR):
                        raise Outside from err
                    raise
                os.close(here)
                here = inner
            yield here
        finally:
            os.close(here)


def clean(path: str) -> str:
    """A path from outside as a relative one without `.`, `..` and doubled slashes; `..` cannot climb out.

    Raises:
        Invalid: it holds a NUL byte.
    """
    if "\0" in path:
        raise Invalid("A path cannot hold a NUL character.", field="file")
    return os.path.normpath("/" + path).lstrip("/")


def _split(path: str) -> tuple[str, str]:
    folder, _, name = clean(path).rpartition("/")
    if not name:
        raise Invalid("Cannot perform that action: file is a directory.", field="file")
    return folder, name


def _folders(root: int) -> Iterator[tuple[int, list[str]]]:
    """Every folder below `root` (itself first) as a descriptor with the names in it; follows no link."""
    with os.scandir(root) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    yield root, [name for name, _ in found]
    for name, is_folder in found:
        if not is_folder:
            continue
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        except OSError:
            continue
        try:
            yield from _folders(inner)
        finally:
            os.close(inner)
