"""Compressed streams of every kind an archive may have, each read as a file in constant memory."""

import bz2
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

_BLOCK = 1 << 18
_SNAPPY_CHUNK = 1 << 17
"""More than a frame of 64 KiB takes when it does not compress."""

KINDS = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "sz",
    b"\x78\x01": "zz",
    b"\x78\x9c": "zz",
    b"\x78\xda": "zz",
}
"""The first bytes of each compression, and its usual ending. Brotli has no such bytes; it is known by name only."""
ENDINGS = {
    "tgz": "gz",
    "tbz2": "bz2",
    "txz": "xz",
    "tzst": "zst",
    "bzip2": "bz2",
    "zstd": "zst",
    "br": "br",
    **{kind: kind for kind in KINDS.values()},
}
"""What the ending of a name says about its compression."""


class Damaged(Exception):
    """The stream is not what it should be, or ends early."""


@contextmanager
def opened(file: IO[bytes], kind: str | None) -> Iterator[IO[bytes]]:
    """The bytes behind a compression of `KINDS` or `br`, from the beginning; without one the file's own.

    Raises:
        Damaged, or what the library of that kind raises: while reading.
    """
    file.seek(0)
    match kind:
        case None:
            yield file
        case "gz":
            from isal import igzip

            with igzip.open(file, "rb") as inner:  # type: ignore[no-untyped-call]
                yield cast("IO[bytes]", inner)
        case "bz2":
            with bz2.open(file, "rb") as packed:
                yield cast("IO[bytes]", packed)
        case "xz":
            with lzma.open(file, "rb") as squeezed:
                yield cast("IO[bytes]", squeezed)
        case "zst":
            from backports import zstd

            with zstd.open(file, "rb") as fast:
                yield cast("IO[bytes]", fast)
        case "lz4":
            import lz4.frame

            with lz4.frame.open(file, "rb") as light:
                try:
                    yield cast("IO[bytes]", light)
                except RuntimeError as err:
                    raise (Damaged(str(err)) if "LZ4F" in str(err) else err) from err
        case "sz":
            yield cast("IO[bytes]", io.BufferedReader(_Snappy(file)))
        case "br":
            yield cast("IO[bytes]", io.BufferedReader(_Brotli(file)))
        case _:
            yield cast("IO[bytes]", io.BufferedReader(_Deflated(file)))


class _Pieces(io.RawIOBase):
    """A stream that comes in pieces of bounded size."""

    _ready = memoryview(b"")

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # any buffer
        while not self._ready:
            piece = self._piece()
            if piece is None:
                return 0
            self._ready = memoryview(piece)
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _piece(self) -> bytes | None:
        """The next piece, which may be empty; None at the end."""
        raise NotImplementedError


class _Deflated(_Pieces):
    """A bare zlib stream."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._inflate = zlib.decompressobj()

    def _piece(self) -> bytes | None:
        if self._inflate.eof:
            return None
        raw = self._inflate.unconsumed_tail or self._file.read(_BLOCK)
        found = self._inflate.decompress(raw, _BLOCK)
        if not raw and not found and not self._inflate.eof:
            raise Damaged("the stream ends early")
        return found


class _Brotli(_Pieces):
    """A Brotli stream, however much one byte of it stands for."""

    def __init__(self, file: IO[bytes]) -> None:
        import brotli

        super().__init__(file)
        self._stream = brotli.Decompressor()
        self._error = brotli.error

    def _piece(self) -> bytes | None:
        if self._stream.is_finished():
            return None
        raw = self._file.read(_BLOCK) if self._stream.can_accept_more_data() else b""
        try:
            found = bytes(self._stream.process(raw, output_buffer_limit=_BLOCK))
        except self._error as err:
            raise Damaged(str(err)) from err
        if not raw and not found and not self._stream.is_finished():
            raise Damaged("the stream ends early")
        return found


class _Snappy(_Pieces):
    """Snappy's framing: chunks of at most 64 KiB, each with its checksum.

    Source: the framing format of Snappy, 2013-10-25.
    """

    _HEAD = b"\xff\x06\x00\x00sNaPpY"

    def _piece(self) -> bytes | None:
        import cramjam

        head = self._file.read(4)
        if not head:
            return None
        size = int.from_bytes(head[1:], "little")
        if len(head) < 4 or (head[0] < 0x80 and size > _SNAPPY_CHUNK) or 0x02 <= head[0] <= 0x7F:
            raise Damaged("a chunk of unknown kind")
        body = self._file.read(size)
        if len(body) < size:
            raise Damaged("the stream ends early")
        if head[0] >= 0x80:
            return b""
        try:
            return bytes(cramjam.snappy.decompress(self._HEAD + head + body))
        except cramjam.DecompressionError as err:
            raise Damaged(str(err)) from err
