"""Paths as clients send them, as paths relative to a volume. Source: Wings 1.11: which calls clamp and which refuse."""

import os

from rookery.wings.files.beneath import Outside
from rookery.wings.files.volume import clean


def strict(path: str, root: str = "") -> str:
    """A path that must not climb out; a leading copy of the volume's own path `root` is taken off.

    Raises:
        Outside: it climbs out.
        Invalid: it holds a NUL byte.
    """
    if root and (path == root or path.startswith(f"{root}/")):
        path = path.removeprefix(root)
    clean(path)
    found = os.path.normpath(path.lstrip("/") or ".")
    if found == ".." or found.startswith("../"):
        raise Outside
    return "" if found == "." else found


def joined(root: str, name: str, volume: str = "") -> str:
    """A name below a root of a request; what would climb out stays at the top.

    A path that begins with the volume's own place `volume` is one in it.
    """
    found = clean(f"{root}/{name}")
    inside = clean(volume)
    if inside and (found == inside or found.startswith(f"{inside}/")):
        return found.removeprefix(inside).lstrip("/")
    return found
