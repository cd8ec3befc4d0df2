"""Open files below a directory and never outside it, whatever paths and links say.

The kernel decides: `openat2` with resolution kept beneath the directory and magic links refused. Where the kernel
lacks it, a walk from folder to folder that follows no link does the same, more slowly.
"""

import ctypes
import errno
import functools
import os
import platform
import struct

from rookery.protocol.problems import NotFound

_SYSCALL = {"x86_64": 437, "aarch64": 437, "riscv64": 437, "ppc64le": 437, "s390x": 437}
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RETRIES = 32


class Outside(NotFound):
    """The path leads out of the server's folder, or to nothing."""

    def __init__(self) -> None:
        super().__init__("The requested resources was not found on the system.")


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def has_openat2() -> bool:
    """Whether the kernel resolves paths beneath a directory by itself."""
    if platform.machine() not in _SYSCALL:
        return False
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", os.O_PATH | os.O_DIRECTORY, 0, follow=True))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def open_beneath(root: int, path: str, flags: int, mode: int = 0o644, *, follow: bool = True) -> int:
    """A descriptor of `path` below the directory `root`.

    `path` is relative, without `..`; with `follow`, links inside the folder are followed as long as they stay inside.

    Raises:
        Outside: resolution would leave the folder.
        OSError: as `os.open`.
    """
    path = path or "."
    if has_openat2():
        return _openat2(root, path, flags, mode, follow=follow)
    return _walk(root, path, flags, mode)


def _openat2(root: int, path: str, flags: int, mode: int, *, follow: bool) -> int:
    resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS | (0 if follow else _RESOLVE_NO_SYMLINKS)
    creating = flags & os.O_CREAT or (flags & os.O_TMPFILE) == os.O_TMPFILE
    how = struct.pack("QQQ", (flags | os.O_CLOEXEC) & 0xFFFFFFFF, mode if creating else 0, resolve)
    for _ in range(_RETRIES):
        descriptor = _libc().syscall(
            _SYSCALL.get(platform.machine(), 437), root, os.fsencode(path), how, ctypes.c_size_t(len(how))
        )
        if descriptor >= 0:
            return int(descriptor)
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    if code in (errno.EXDEV, errno.ELOOP):
        raise Outside
    raise OSError(code, os.strerror(code), path)


def _walk(root: int, path: str, flags: int, mode: int) -> int:
    *folders, name = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    if ".." in folders or name == "..":
        raise Outside
    here = os.dup(root)
    try:
        for folder in folders:
            inner = _no_link(here, folder, os.O_PATH | os.O_DIRECTORY)
            os.close(here)
            here = inner
        return _no_link(here, name, flags, mode)
    finally:
        os.close(here)


def _no_link(folder: int, name: str, flags: int, mode: int = 0) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    except OSError as err:
        if err.errno == errno.ELOOP:
            raise Outside from err
        raise


_RENAME_NOREPLACE = 1


def rename_new(source: int, name: str, folder: int, target: str) -> None:
    """Rename an entry of one directory into another, unless something has that name already.

    Raises:
        FileExistsError: something has.
        OSError: as `os.rename`.
    """
    rename = getattr(_libc(), "renameat2", None)
    if rename is not None:
        if rename(source, os.fsencode(name), folder, os.fsencode(target), _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), name)
    try:
        os.stat(target, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, target, src_dir_fd=source, dst_dir_fd=folder)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
