"""A pipe between the event loop and a thread that handles archives: bounded, and broken when either side goes."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from typing import IO

import uvloop

_SIZE = 1 << 20
_SET_SIZE = 1031
"""`F_SETPIPE_SZ` of Linux."""


def _pipe() -> tuple[int, int]:
    readable, writable = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.fcntl(writable, _SET_SIZE, _SIZE)
    return readable, writable


def _lent(loop: asyncio.AbstractEventLoop, descriptor: int, mode: str) -> IO[bytes]:
    """A descriptor as a file for the loop, which closes it.

    uvloop closes both the descriptor and the file it was given; the second would hit whatever another thread has opened
    under the same number meanwhile, so there the file does not own it.
    """
    return os.fdopen(descriptor, mode, buffering=0, closefd=not isinstance(loop, uvloop.Loop))


class Outflow:
    """A thread writes, the loop reads."""

    def __init__(self) -> None:
        self._readable, writable = _pipe()
        self._writable: IO[bytes] | None = os.fdopen(writable, "wb", buffering=0)
        self._opened = False

    def write(self, content: bytes, /) -> int:
        """Pass bytes on; waits while nobody takes them. For the thread.

        Raises:
            BrokenPipeError: the reader has gone.
        """
        assert self._writable is not None
        view = memoryview(content)
        while view:
            view = view[self._writable.write(view) :]
        return len(content)

    def flush(self) -> None:
        """Nothing waits here."""

    def end(self) -> None:
        """Nothing more comes. For the thread."""
        if self._writable is not None:
            self._writable.close()
            self._writable = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What the thread writes, to its end; leaving early breaks the pipe."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_SIZE)
        self._opened = True
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), _lent(loop, self._readable, "rb")
        )
        try:
            while chunk := await reader.read(_SIZE // 4):
                yield chunk
        finally:
            transport.close()

    def abandon(self) -> None:
        """Close the reading side if nobody has begun to read."""
        if not self._opened:
            self._opened = True
            os.close(self._readable)


class Inflow:
    """The loop writes, a thread reads."""

    def __init__(self) -> None:
        readable, self._writable = _pipe()
        self.file: IO[bytes] = os.fdopen(readable, "rb", buffering=_SIZE // 4)
        """For the thread, which closes it."""
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Get ready to write."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.streams.FlowControlMixin(loop), _lent(loop, self._writable, "wb")
        )
        self._writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def feed(self, chunk: bytes) -> None:
        """Pass bytes on; waits while the thread is behind.

        Raises:
            ConnectionError: the thread has gone.
        """
        assert self._writer is not None
        self._writer.write(chunk)
        await self._writer.drain()

    def end(self) -> None:
        """Nothing more comes."""
        if self._writer is not None:
            self._writer.close()
