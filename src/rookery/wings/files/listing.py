"""How one entry of a volume is described on the wire. Source: Wings 1.11, stat objects."""

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rookery.wings.files.mime import FOLDER, UNKNOWN, sniff

_LETTERS = "rwxrwxrwx"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and what the file system says of it; `head` are the first bytes of a regular file."""

    name: str
    found: os.stat_result
    head: bytes = b""

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory; a link to one is not."""
        return stat.S_ISDIR(self.found.st_mode)

    def shown(self, *, mime: str | None = None) -> dict[str, Any]:
        """As JSON."""
        mode = self.found.st_mode
        return {
            "name": self.name,
            "created": _moment(self.found.st_ctime),
            "modified": _moment(self.found.st_mtime),
            "mode": mode_text(mode),
            "mode_bits": f"{stat.S_IMODE(mode) & 0o777:o}",
            "size": self.found.st_size,
            "directory": self.is_folder,
            "file": not self.is_folder,
            "symlink": stat.S_ISLNK(mode),
            "mime": mime or self._mime(),
        }

    def _mime(self) -> str:
        if self.is_folder:
            return FOLDER
        return sniff(self.head) if stat.S_ISREG(self.found.st_mode) else UNKNOWN


def in_order(entries: list[Entry]) -> list[Entry]:
    """Directories first, each group by the bytes of the names."""
    return sorted(entries, key=lambda entry: (not entry.is_folder, os.fsencode(entry.name)))


def mode_text(mode: int) -> str:
    """Kind, special bits and rights as letters: `-rw-r--r--`, `drwxr-xr-x`, `urwxr-xr-x`, `dtrwxrwxrwx`."""
    kinds = {
        stat.S_IFDIR: "d",
        stat.S_IFLNK: "L",
        stat.S_IFIFO: "p",
        stat.S_IFSOCK: "S",
        stat.S_IFBLK: "D",
        stat.S_IFCHR: "Dc",
    }
    word = kinds.get(stat.S_IFMT(mode), "")
    word += "".join(
        letter for bit, letter in ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t")) if mode & bit
    )
    rights = "".join(letter if mode & (1 << (8 - at)) else "-" for at, letter in enumerate(_LETTERS))
    return (word or "-") + rights


def _moment(seconds: float) -> str:
    text = datetime.fromtimestamp(int(seconds)).astimezone().isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
