"""Quantities with their unit in the type; every conversion is one function whose name says both sides."""

from typing import NewType

Bytes = NewType("Bytes", int)
MiB = NewType("MiB", int)
"""2**20 bytes, the unit of disk limits on the wire."""
Megabytes = NewType("Megabytes", int)
"""10**6 bytes, the unit nodes have always read memory and swap limits in. Source: Wings 1.11."""
Percent = NewType("Percent", int)
"""100 is one core."""
Seconds = NewType("Seconds", float)


def bytes_of_mib(size: MiB) -> Bytes:
    """Bytes in `size`; 0 stays 0 (no limit) and a negative size stays negative."""
    return Bytes(size * 1_048_576)


def bytes_of_megabytes(size: Megabytes) -> Bytes:
    """Bytes in `size`; 0 stays 0 (no limit)."""
    return Bytes(size * 1_000_000)
