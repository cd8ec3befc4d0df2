"""One server's files: the only door to them, for everything this program does.

Blocking code; callers cross into the thread pool once per operation. Every path is resolved beneath the volume's own
directory descriptor (`beneath`), so no path, link or race leads out of it.
"""

import builtins
import errno
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from rookery.protocol.problems import Invalid, NotFound
from rookery.protocol.units import Bytes
from rookery.wings.files.beneath import Outside, open_beneath, rename_new
from rookery.wings.files.kinds import kind_of
from rookery.wings.files.listing import Entry, in_order

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755
_CHUNK = 1 << 18
_MOST_COPIES = 50


class NoDiskSpace(Invalid):
    """The volume's limit would be passed."""

    def __init__(self) -> None:
        super().__init__("There is not enough disk space available to perform that action.")


class IsFolder(Invalid):
    """There is a directory where a file is meant."""

    def __init__(self) -> None:
        super().__init__("Cannot perform that action: file is a directory.", field="file")


class Special(Invalid):
    """There is a pipe, a socket, a device or a link where a file is meant."""

    def __init__(self) -> None:
        super().__init__("Cannot open files of this type.", field="file")


class Missing(Outside):
    """There is nothing at a path that stays inside."""


class Taken(Invalid):
    """There is something where an entry is to go."""

    def __init__(self) -> None:
        super().__init__("Cannot move or rename file, destination already exists.", field="files")


class Incoming:
    """What is being written, at most `size` bytes."""

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self._raw = raw
        self._left = size
        self.written = 0

    def grow(self, more: int) -> None:
        """Let `more` bytes be written; for who minds the room by themselves."""
        self._left += more

    def write(self, content: bytes | memoryview) -> int:
        """Append what still fits; how much that was."""
        view = memoryview(content)[: self._left]
        total = len(view)
        while view:
            view = view[self._raw.write(view) :]
        self._left -= total
        self.written += total
        return total


class Growing:
    """What is being written with no length known before; what it holds counts as used at once."""

    def __init__(self, volume: "Volume", out: Incoming) -> None:
        self._volume = volume
        self._out = out
        self.written = 0

    def write(self, content: bytes) -> int:
        """Append; how much that was.

        Raises:
            NoDiskSpace: it does not fit.
        """
        self._volume.reserve(len(content))
        self.written += len(content)
        self._out.grow(len(content))
        return self._out.write(content)


class Volume:
    """The folder `root` of the host, owned by `uid`:`gid`, holding at most `limit` bytes (0: no limit)."""

    def __init__(self, root: str, *, uid: int, gid: int, limit: Bytes) -> None:
        self.root = root
        self.uid = uid
        self.gid = gid
        self.limit = limit
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._used = 0
        self._grown = 0
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
            for _, found, folder, name in _walk(root, ""):
                self._own(folder, name, found)

    def _own(self, folder: int, name: str, found: os.stat_result) -> None:
        if (found.st_uid, found.st_gid) != (self.uid, self.gid):
            with suppress(FileNotFoundError):
                os.chown(name, self.uid, self.gid, dir_fd=folder, follow_symlinks=False)

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
        with self._lock:
            before = self._grown
        try:
            with self._directory() as root:
                total = sum(found.st_size for _, found, _, _ in _walk(root, "") if stat.S_ISREG(found.st_mode))
        except FileNotFoundError:
            total = 0
        with self._lock:  # what was written meanwhile may have been missed: better counted twice until the next time
            self._used, self._counted_at = total + self._grown - before, time.monotonic()
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
                raise IsFolder
            if found.st_size > most:
                raise Invalid(f"The file is larger than {most} bytes.", field="file")
            return file.read(most)

    def write(self, path: str, content: bytes) -> None:
        """Replace the file in one step, keeping mode and owner of the old one; folders on the way are made.

        Links are never written through. On failure the old file is as it was. No limit is checked: the daemon's own
        changes of settings files must go through.

        Raises:
            NotFound: the path leads outside.
            Invalid: there is a folder or a link of that name.
        """
        with self.replacing(path, size=len(content), free=True, keep_owner=True) as out:
            out.write(content)

    @contextmanager
    def replacing(
        self,
        path: str,
        *,
        size: Bytes | int,
        mode: int = _FILE_MODE,
        times: tuple[int, int] | None = None,
        free: bool = False,
        keep_owner: bool = False,
    ) -> Iterator["Incoming"]:
        """A file that takes the place of another, or of none, when the block ends well; else nothing has changed.

        At most `size` bytes can be written; they are reserved at once, unless `free`. `times` are access and
        modification in nanoseconds.

        Raises:
            NotFound: the path leads outside.
            Invalid: there is a folder or a link of that name.
            NoDiskSpace: the limit would be passed.
        """
        folder_path, name = _split(path)
        with self._made_folder(folder_path) as folder:
            owner, old_size = (self.uid, self.gid), 0
            old = _stat(folder, name)
            if old is not None:
                if stat.S_ISDIR(old.st_mode):
                    raise IsFolder
                if not stat.S_ISREG(old.st_mode):
                    raise Special
                mode, old_size = stat.S_IMODE(old.st_mode), old.st_size
                if keep_owner:
                    owner = (old.st_uid, old.st_gid)
            if not free:
                self.reserve(int(size) - old_size)
            temporary = f".{name[:200]}.{secrets.token_hex(6)}"
            written = 0
            done = False
            try:
                descriptor = os.open(
                    temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
                )
                try:
                    with os.fdopen(descriptor, "wb", buffering=0) as raw:
                        incoming = Incoming(raw, int(size))
                        yield incoming
                        written = incoming.written
                        os.fchown(raw.fileno(), *owner)
                        os.fchmod(raw.fileno(), mode)
                        if times is not None:
                            os.utime(raw.fileno(), ns=times)
                    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                    done = True
                except BaseException:
                    with suppress(FileNotFoundError):
                        os.unlink(temporary, dir_fd=folder)
                    raise
            finally:
                reserved = 0 if free else int(size) - old_size
                self._add((written - old_size if done else 0) - reserved)

    @contextmanager
    def growing(self, path: str) -> Iterator["Growing"]:
        """A file of unknown length that takes the place of another when the block ends well; room is taken as it grows.

        Raises:
            As `replacing`; NoDiskSpace also while it is written.
        """
        with suppress(Outside):
            found = self.stat(path)
            if stat.S_ISREG(found.st_mode):
                self.reserve(0)
        with self.replacing(path, size=0, free=True) as out:
            growing = Growing(self, out)
            try:
                yield growing
            finally:
                self._add(-growing.written)

    # Room

    def reserve(self, more: int) -> None:
        """Count `more` bytes as used, or fewer when negative.

        Raises:
            NoDiskSpace: they do not fit.
        """
        if self.limit > 0 and self._counted_at is None:
            with self._counting:  # the others wait for the first count
                if self._counted_at is None:
                    self.count()
        with self._lock:
            if self.limit < 0 or (self.limit > 0 and more >= 0 and self._used + more > self.limit):
                raise NoDiskSpace
            self._used = max(self._used + more, 0)
            self._grown += max(more, 0)

    def _add(self, more: int) -> None:
        with self._lock:
            self._used = max(self._used + more, 0)

    # Single entries

    def open_file(self, path: str) -> tuple[int, os.stat_result]:
        """A descriptor of a regular file for reading, and what it is.

        Raises:
            NotFound: there is none, a link stands there, or the path leads outside.
            IsFolder, Special: it is no regular file.
        """
        with _missing(), self._parent(path) as (folder, name):
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return descriptor, found
        os.close(descriptor)
        raise IsFolder if stat.S_ISDIR(found.st_mode) else Special

    def stat(self, path: str) -> os.stat_result:
        """What stands at a path; links are not followed.

        Raises:
            NotFound: nothing, or the path leads outside.
        """
        if not clean(path):
            with self._directory() as root:
                return os.fstat(root)
        with _missing(), self._parent(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def entry(self, path: str) -> Entry:
        """The same with its name and first bytes, as listings show it."""
        found = self.stat(path)
        with self._parent(path) as (folder, name):
            return Entry(name, found, kind_of(folder, name, found))

    def list(self, path: str) -> list[Entry]:
        """The entries of a directory, in the wire's order; what vanishes meanwhile is left out.

        Raises:
            NotFound: there is none, or the path leads outside or over a link.
        """
        found = []
        with self._folder(path) as folder, os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    known = entry.stat(follow_symlinks=False)
                    found.append(Entry(entry.name, known, kind_of(folder, entry.name, known)))
        return in_order(found)

    def make_folder(self, path: str) -> None:
        """Make a directory and those on the way; one that is there is fine.

        Raises:
            Invalid: something else is there.
        """
        try:
            with self._made_folder(clean(path)):
                pass
        except Outside as err:
            raise Invalid(
                "Cannot create directory, name conflicts with an existing file by the same name.", field="name"
            ) from err

    def rename(self, old: str, new: str) -> None:
        """Move an entry; directories on the way are made, nothing is overwritten.

        Raises:
            NotFound: there is nothing, a path leads outside, or the root is meant.
            Taken: something is there already.
            Invalid: a directory would move into itself.
        """
        old, new = clean(old), clean(new)
        if old == new:
            return
        if not old or not new:
            raise Outside
        if new.startswith(f"{old}/"):
            raise Invalid("A directory cannot be moved into itself.", field="files")
        with _missing(), self._parent(old) as (source, name):
            os.stat(name, dir_fd=source, follow_symlinks=False)
            folder_path, target = _split(new)
            with self._made_folder(folder_path) as folder:
                _move(source, name, folder, target)

    def remove(self, path: str) -> None:
        """Delete an entry and all below it; links are deleted, never followed; what is missing is fine.

        Raises:
            Outside: the root is meant, or the path leads outside.
        """
        if not clean(path):
            raise Outside
        try:
            with self._parent(path) as (folder, name):
                freed = _remove(folder, name)
        except FileNotFoundError:
            return
        except NotADirectoryError as err:
            raise Outside from err
        self._add(-freed)

    def chmod(self, path: str, mode: int) -> None:
        """Set the rights of a file or directory; a link is left alone.

        Raises:
            NotFound: nothing is there, a link is, or the path leads outside.
        """
        with _missing(), self._parent(path) as (folder, name):
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                    raise Outside
                os.chmod(f"/proc/self/fd/{descriptor}", mode & 0o777)  # noqa: PTH101 - a descriptor, no path
            finally:
                os.close(descriptor)

    def names(self, path: str) -> "builtins.list[tuple[str, os.stat_result]]":
        """The entries of a directory without a look into them; see `list`."""
        found = []
        with self._folder(path) as folder, os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
        return found

    def stat_through(self, path: str) -> os.stat_result:
        """What stands at a path; a link that stays inside is followed.

        Raises:
            NotFound: nothing, or it leads outside.
        """
        with self._directory() as root, _missing():
            descriptor = open_beneath(root, clean(path), os.O_PATH)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def link_target(self, path: str) -> str:
        """Where a link leads, as it was written.

        Raises:
            NotFound: nothing is there, or the path leads outside.
            OSError: it is no link.
        """
        with _missing(), self._parent(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def new_link(self, path: str, target: str) -> None:
        """Make a link where nothing is; see `link`.

        Raises:
            Taken: something is.
        """
        with suppress(Missing):
            self.stat(path)
            raise Taken
        self.link(path, target)

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        """Set when an entry was read and changed, in nanoseconds; a link's own.

        Raises:
            NotFound: nothing is there, or the path leads outside.
        """
        with _missing(), self._parent(path) as (folder, name):
            os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)

    def replace_by(self, old: str, new: str) -> None:
        """Move a file in place of another file in one step.

        Raises:
            NotFound: one of them is not there, or a path leads outside.
            IsFolder: one of them is a directory.
        """
        with _missing(), self._parent(old) as (source, name), self._parent(new) as (folder, target):
            found = [os.stat(name, dir_fd=source, follow_symlinks=False)]
            found.append(os.stat(target, dir_fd=folder, follow_symlinks=False))
            if any(stat.S_ISDIR(each.st_mode) for each in found):
                raise IsFolder
            os.rename(name, target, src_dir_fd=source, dst_dir_fd=folder)
        self._add(-found[1].st_size if stat.S_ISREG(found[1].st_mode) else 0)

    def open_to_write(self, path: str, *, create: bool, exclusive: bool, truncate: bool) -> tuple[int, int]:
        """A descriptor of a regular file for reading and writing in place, and its size.

        Raises:
            NotFound, Taken, IsFolder, Special, NoDiskSpace: see `handles.Handle.open`.
        """
        self._check_room()
        folder_path, name = _split(path)
        opener = self._made_folder(folder_path) if create else self._folder(folder_path)
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        with opener as folder:
            old = _stat(folder, name)
            if old is None:
                if not create:
                    raise Missing
                descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, _FILE_MODE, dir_fd=folder)
                os.fchmod(descriptor, _FILE_MODE)
                os.fchown(descriptor, self.uid, self.gid)
                return descriptor, 0
            if exclusive:
                raise Taken
            if stat.S_ISDIR(old.st_mode):
                raise IsFolder
            if not stat.S_ISREG(old.st_mode):
                raise Special
            descriptor = os.open(name, flags, dir_fd=folder)
        found = os.fstat(descriptor)
        size = found.st_size
        if (found.st_uid, found.st_gid) != (self.uid, self.gid):
            os.fchown(descriptor, self.uid, self.gid)
        if truncate:
            os.ftruncate(descriptor, 0)
            self._add(-size)
            size = 0
        return descriptor, size

    def _check_room(self) -> None:
        """Refuse when nothing more fits at all.

        Raises:
            NoDiskSpace: nothing does.
        """
        if self.limit > 0 and self._counted_at is None:
            self.count()
        if self.limit < 0 or 0 < self.limit <= self._used:
            raise NoDiskSpace

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link in place of what is no directory; it belongs to the server's user.

        Raises:
            NotFound: the path leads outside.
            IsFolder: a directory is there.
        """
        folder_path, name = _split(path)
        with self._made_folder(folder_path) as folder:
            found = _stat(folder, name)
            if found is not None:
                if stat.S_ISDIR(found.st_mode):
                    raise IsFolder
                os.unlink(name, dir_fd=folder)
                self._add(-found.st_size if stat.S_ISREG(found.st_mode) else 0)
            os.symlink(target, name, dir_fd=folder)
            os.chown(name, self.uid, self.gid, dir_fd=folder, follow_symlinks=False)

    def copy(self, path: str) -> str:
        """Copy a regular file beside itself under a free name, which is returned.

        Raises:
            NotFound: there is no regular file, or the path leads outside.
            NoDiskSpace: there is no room.
        """
        try:
            descriptor, found = self.open_file(path)
        except (IsFolder, Special) as err:
            raise Outside from err
        with os.fdopen(descriptor, "rb", buffering=0) as source:
            folder, _, name = clean(path).rpartition("/")
            with _missing(), self._folder(folder) as place:
                names = set(os.listdir(place))  # noqa: PTH208 - a descriptor, no path
            target = next(free for free in copy_names(name) if free not in names)
            whole = f"{folder}/{target}" if folder else target
            with self.replacing(whole, size=found.st_size, mode=stat.S_IMODE(found.st_mode)) as out:
                while chunk := source.read(_CHUNK):
                    if not out.write(chunk):
                        break
        return target

    def walk(self, path: str = "") -> Iterator[tuple[str, os.stat_result, int, str]]:
        """Everything below a directory: path from it, what it is, descriptor of its folder and name; follows no link.

        Descriptors hold only until the next step.
        """
        with self._folder(path) as folder:
            yield from _walk(folder, "")

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """A directory's descriptor; the last part of the path is no link."""
        with self._directory() as root, _missing():
            descriptor = open_beneath(root, clean(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The directory an entry stands in, as a descriptor, and its name."""
        folder, _, name = clean(path).rpartition("/")
        if not name:
            raise Outside
        with self._directory() as root:
            descriptor = open_beneath(root, folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield descriptor, name
        finally:
            os.close(descriptor)

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
            try:
                here = open_beneath(root, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                path = ""
            except (FileNotFoundError, NotADirectoryError):
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


@contextmanager
def _missing() -> Iterator[None]:
    """What is not there, and what only a link leads to, is not found."""
    try:
        yield
    except FileNotFoundError as err:
        raise Missing from err
    except NotADirectoryError as err:
        raise Outside from err
    except OSError as err:
        if err.errno == errno.ELOOP:
            raise Outside from err
        raise


def _stat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _move(source: int, name: str, folder: int, target: str) -> None:
    """Rename without overwriting, decided by the kernel."""
    try:
        rename_new(source, name, folder, target)
    except FileExistsError as err:
        raise Taken from err


def _remove(folder: int, name: str) -> int:
    """Delete an entry and everything below, however deep; how many bytes of files that were."""
    freed, frames = 0, [_Frame(folder, [name])]
    try:
        while frames:
            frame = frames[-1]
            if not frame.names:
                frames.pop().close()
                if frames:  # the directory is empty now
                    with suppress(FileNotFoundError):
                        os.rmdir(frames[-1].names.pop(), dir_fd=frames[-1].folder)
                continue
            entry = frame.names[-1]
            found = _stat(frame.folder, entry)
            if found is not None and stat.S_ISDIR(found.st_mode):
                frames.append(_Frame.below(frame.folder, entry))
                continue
            frame.names.pop()
            with suppress(FileNotFoundError):
                os.unlink(entry, dir_fd=frame.folder)
                freed += found.st_size if found is not None and stat.S_ISREG(found.st_mode) else 0
    finally:
        for frame in frames:
            frame.close()
    return freed


class _Frame:
    """A directory that is being gone through: its descriptor, the names still to do, and its path with a slash."""

    def __init__(self, folder: int, names: list[str], prefix: str = "", *, own: bool = False) -> None:
        self.folder = folder
        self.names = names
        self.prefix = prefix
        self._own = own

    @classmethod
    def below(cls, folder: int, name: str, prefix: str = "") -> "_Frame":
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        return cls(inner, os.listdir(inner), prefix, own=True)  # noqa: PTH208 - a descriptor, no path

    def close(self) -> None:
        if self._own:
            os.close(self.folder)


def _walk(folder: int, prefix: str) -> Iterator[tuple[str, os.stat_result, int, str]]:
    """See `Volume.walk`; as deep as it goes."""
    frames = [_Frame(folder, os.listdir(folder), prefix)]
    try:
        while frames:
            frame = frames[-1]
            if not frame.names:
                frames.pop().close()
                continue
            name = frame.names.pop()
            found = _stat(frame.folder, name)
            if found is None:
                continue
            yield f"{frame.prefix}{name}", found, frame.folder, name
            if stat.S_ISDIR(found.st_mode):
                with suppress(OSError):
                    frames.append(_Frame.below(frame.folder, name, f"{frame.prefix}{name}/"))
    finally:
        for frame in frames:
            frame.close()


def copy_names(name: str) -> Iterator[str]:
    """Names for a copy: `a copy.txt`, `a copy 1.txt` to 50, then with the time. Source: Wings 1.11."""
    base, dot, ending = name.rpartition(".")
    base, ending = (base, f".{ending}") if dot else (name, "")
    if base.endswith(".tar"):
        base, ending = base.removesuffix(".tar"), f".tar{ending}"
    yield f"{base} copy{ending}"
    for number in range(1, _MOST_COPIES + 1):
        yield f"{base} copy {number}{ending}"
    while True:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        yield f"{base} copy.{moment}{ending}"
        yield f"{base} copy.{moment}.{secrets.token_hex(3)}{ending}"
